"""Make pairs of natural and cloaked faces that a purifier learns from."""

from __future__ import annotations

from typing import Annotated

from facewarden.cli.parts.checks import check_device, check_recipe, check_sets
from facewarden.cli.parts.kinds import Device, Faces, Folder, Precision
from facewarden.cli.parts.outcome import Outcome


def cloak_pairs(
    faces: Faces,
    /,
    *,
    out: Folder,
    recipe: Annotated[str, "RECIPE"] = "puface",
    photos: int = 3000,
    first: int = 0,
    part: Annotated[str, "I/N"] = "1/1",
    shard: int = 48,
    batch: int = 12,
    seed: int = 0,
    device: Device = "auto",
    precision: Precision | None = None,
) -> Outcome:
    """Make pairs of natural and cloaked faces; a stopped call continues, and several calls may share the photos.

    Of Labeled Faces in the Wild only people with fewer than ten photos are taken: the others are for evaluation.

    Args:
        faces: photos of people: lfw:FOLDER or another set of facewarden list datasets.
        out: folder of the shards.
        recipe: training recipe of a purifier, which says how faces are cloaked.
        photos: how many photos are cloaked, chosen by seed.
        first: how many of the chosen photos are skipped before.
        part: this call's share of the shards, such as 1/2 and 2/2 for two calls at once.
        shard: photos in a shard.
        batch: faces cloaked at a time.
        seed: of photos, kinds and cloaks.
        device: where the recognizers compute: auto (a GPU where there is one), cpu, cuda, cuda:1 or mps.
        precision: what they compute in: auto (bfloat16 where it is native), float32, bfloat16 or float16; left out,
            what the settings of each say, float32 for most.
    """
    check_device(device)
    check_recipe(recipe)
    check_sets([faces])
    from facewarden.verbs.pairs import pairs

    result = pairs(
        faces, out=out, recipe=recipe, photos=photos, first=first, part=part, shard=shard, batch=batch, seed=seed,
        device=device, precision=precision,
    )  # fmt: skip
    lines = [f"shards written {result.done} with {result.pairs} pairs, already there {result.kept}"]
    lines += [f"skipped {count}: {reason}" for reason, count in result.skipped.items()]
    lines.append(f"pairs: {result.folder} (facewarden train puface --pairs {result.folder} --out FOLDER)")
    return Outcome(result, lines)


entry = cloak_pairs
