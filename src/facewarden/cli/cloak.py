"""Cloak every face in a folder of photos, so that recognizers learn the wrong face from them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from facewarden.cli.parts.checks import check_attack, check_device, check_path, check_recognizers, check_shard
from facewarden.cli.parts.kinds import Device, Folder, Model, Name, Precision, Setting, Share
from facewarden.cli.parts.outcome import Outcome
from facewarden.cli.parts.parse import without_commas
from facewarden.cli.parts.settings import as_pairs, settled
from facewarden.recognizers.parts.ensembles import CLOAK_SURROGATES

old_flags = {"--judges": "--recognizers"}


def cloak(
    photos: Annotated[Path, "PHOTOS"],
    /,
    *,
    out: Folder,
    method: Name = "lowkey",
    set: tuple[Setting, ...] = (),
    surrogates: tuple[Model, ...] = CLOAK_SURROGATES,
    recognizers: tuple[Model, ...] = (),
    strength: Literal["low", "mid", "high"] = "mid",
    eps: float | Annotated[str, "N/255"] | None = None,
    faces: Literal["all", "largest"] = "all",
    aligner: Name = "yunet",
    thorough: bool = False,
    format: Literal["png", "jpeg"] = "png",
    quality: int = 95,
    workers: int = 0,
    batch: int = 8,
    seed: int = 0,
    shard: Share | None = None,
    device: Device = "auto",
    precision: Precision | None = None,
) -> Outcome:
    """Cloak every face in a folder of photos; the input is never touched, and a stopped call continues.

    A cloak spoils what a recognizer learns from photos published from now on. It does not make a photo unrecognizable
    to people, nor to a system that knows clean photos of the person, and a purifier may remove it.

    Args:
        photos: a photo or a folder of photos at any depth.
        out: another folder; photos keep their relative paths, transparency, EXIF data and color profile.
        method: an entry of facewarden list attacks; its settings may follow in braces. Who is on a photo is not
            known here, so that fawkes_targeted and tip_im aim at strangers that are far from each face, not from a
            person. opom, protego and facecloak make one mask for all photos of a person: PHOTOS then holds a folder
            for each person, and of every photo the largest face is cloaked.
        set: settings of the method, such as steps=20; those of a recognizer follow its name:
            mobilefacenet_128.order=BGR.
        surrogates: recognizers that the cloak is made on, all different.
        recognizers: further recognizers whose shift is reported, and which the cloak never sees.
        strength: low, mid or high: 4, 8 or 16 gray levels; for Fawkes its published modes; for warp 1.5, 2.5 or 4
            pixels of displacement in the aligned face; for tint a strength of color of 0.1, 0.2 or 0.4.
        eps: largest change of a value in gray levels instead; warp and tint have settings of their own, pixels and
            color.
        faces: every face of a photo, or the largest one.
        aligner: how faces are found, an entry of facewarden list align.
        thorough: with lowkey, the published 50 steps instead of the fast 14.
        format: png is lossless; jpeg removes part of the cloak again, which the report shows.
        quality: of JPEG, 1 to 95.
        workers: processes, each with one thread; all cores when 0. No pixel depends on it.
        batch: photos at a time; it changes memory and speed, and the last bits of what is computed.
        seed: of random starts.
        shard: I/N, such as 1/8: only this share of the photos; left out, all. facewarden merge joins the shares.
        device: where the recognizers compute: auto (a GPU where there is one), cpu, cuda, cuda:1 or mps.
        precision: what they compute in: auto (bfloat16 where it is native), float32, bfloat16 or float16; left out,
            what the settings of each say, float32 for most.
    """
    surrogates = without_commas(surrogates, flag="--surrogates")
    recognizers = without_commas(recognizers, flag="--recognizers")
    check_device(device)
    check_shard(shard)
    check_path(photos)
    given = {"method": method, "surrogates": surrogates, "recognizers": recognizers}
    parts = settled(set, main="method", components=given)
    method, surrogates, recognizers = parts["method"], parts["surrogates"], parts["recognizers"]
    check_attack(as_pairs(method, ())[0])
    check_recognizers([*surrogates, *recognizers])
    from facewarden.verbs.cloak import cloak as run

    result = run(
        photos,
        out=out,
        method=method,
        surrogates=surrogates,
        recognizers=recognizers,
        strength=strength,
        eps=eps,
        faces=faces,
        aligner=aligner,
        thorough=thorough,
        format=format,
        quality=quality,
        workers=workers,
        batch=batch,
        seed=seed,
        shard=shard,
        device=device,
        precision=precision,
    )
    return Outcome(result, result.lines())


entry = cloak
