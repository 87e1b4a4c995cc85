"""Make pairs of natural and cloaked faces that a purifier learns from."""

from __future__ import annotations

import logging
from typing import Annotated

from facewarden.cli.parts.checks import check_device, check_recipe, check_sets, check_shard
from facewarden.cli.parts.kinds import Device, Faces, Folder, Precision, Share
from facewarden.cli.parts.outcome import Outcome

_LOG = logging.getLogger("facewarden")
old_flags = {"--part": "--shard"}


def cloak_pairs(
    faces: Faces,
    /,
    *,
    out: Folder,
    recipe: Annotated[str, "RECIPE"] = "puface",
    photos: int = 3000,
    first: int = 0,
    per_file: int = 48,
    batch: int = 12,
    seed: int = 0,
    shard: Share | None = None,
    device: Device = "auto",
    precision: Precision | None = None,
) -> Outcome:
    """Make pairs of natural and cloaked faces; a stopped call continues, and several calls may share the photos.

    Of Labeled Faces in the Wild only people with fewer than ten photos are taken: the others are for evaluation.

    Args:
        faces: photos of people: lfw:FOLDER or another set of facewarden list datasets.
        out: folder of the files.
        recipe: training recipe of a purifier, which says how faces are cloaked.
        photos: how many photos are cloaked, chosen by seed.
        first: how many of the chosen photos are skipped before.
        per_file: photos of which the pairs are in one file.
        batch: faces cloaked at a time.
        seed: of photos, kinds and cloaks.
        shard: I/N, such as 1/8: only this share of the files; several shares may have one --out; left out, all.
            facewarden merge joins the shares.
        device: where the recognizers compute: auto (a GPU where there is one), cpu, cuda, cuda:1 or mps.
        precision: what they compute in: auto (bfloat16 where it is native), float32, bfloat16 or float16; left out,
            what the settings of each say, float32 for most.
    """
    check_device(device)
    if shard is not None and shard.isdecimal():
        _LOG.warning("--shard %s is now --per-file %s; the old spelling goes away in the next release", shard, shard)
        per_file, shard = int(shard), None
    check_shard(shard)
    check_recipe(recipe)
    check_sets([faces])
    from facewarden.verbs.training_data.pairs import pairs

    result = pairs(
        faces, out=out, recipe=recipe, photos=photos, first=first, per_file=per_file, batch=batch, seed=seed,
        shard=shard, device=device, precision=precision,
    )  # fmt: skip
    lines = [f"files written {result.done} with {result.pairs} pairs, already there {result.kept}"]
    lines += [f"skipped {count}: {reason}" for reason, count in result.skipped.items()]
    lines.append(f"pairs: {result.folder} (facewarden train puface --pairs {result.folder} --out FOLDER)")
    return Outcome(result, lines)


entry = cloak_pairs
