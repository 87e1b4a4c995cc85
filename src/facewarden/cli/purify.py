"""Purify every face in a folder of photos before a recognizer learns from them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from facewarden.cli.parts.checks import check_device, check_path, check_purifiers, check_recognizers, check_shard
from facewarden.cli.parts.kinds import Device, Folder, Model, Name, Precision, Setting, Share
from facewarden.cli.parts.outcome import Outcome
from facewarden.cli.parts.settings import settled


def purify(
    photos: Annotated[Path, "PHOTOS"],
    /,
    *,
    out: Folder,
    purifier: Model = "puface",
    set: tuple[Setting, ...] = (),
    only_suspicious: bool = False,
    suspicion: float = 0.5,
    region: Literal["face", "photo"] = "face",
    aligner: Name = "yunet",
    recognizer: Model = "mobilefacenet_512",
    force: bool = False,
    workers: int = 0,
    batch: int = 1,
    shard: Share | None = None,
    device: Device = "auto",
    precision: Precision | None = None,
) -> Outcome:
    """Purify every face in a folder of photos before a recognizer learns from it; the input is never touched.

    Photos keep their relative paths, transparency, EXIF data, color profile and everything outside of the faces, and
    are written losslessly as PNG. A call that was stopped continues; what another purifier has left there, or what was
    made from a photo that has changed, is purified again. Photos without a face are counted and left out: what could
    not be purified does not belong into a gallery.

    Args:
        photos: a photo or a folder of photos at any depth.
        out: another folder.
        purifier: the purifier; its settings may follow in braces.
        set: settings of the purifier, such as quality=30 with --purifier jpeg; those of the recognizer follow its
            option: recognizer.order=BGR.
        only_suspicious: purify photos with a face that is likely cloaked, and copy the others byte by byte.
        suspicion: likelihood from which a face is suspicious.
        region: face purifies the aligned faces and pastes the change back; photo purifies all pixels as they are,
            without looking for faces: for filters, and for pictures that hold nothing but a face.
        aligner: how faces are found; precropped takes every square picture as one aligned face.
        recognizer: whose similarity before and after is reported; an empty name reports none.
        force: purify again what is there.
        workers: processes, each with one thread; all cores when 0. The result does not depend on it.
        batch: photos whose faces the networks are given together; on a GPU more are faster. Another batch may move a
            pixel by one gray level.
        shard: I/N, such as 1/8: only this share of the photos; left out, all. facewarden merge joins the shares.
        device: where networks compute: auto (a GPU where there is one), cpu, cuda, cuda:1 or mps.
        precision: what they compute in, whatever the purifier's settings say: auto (bfloat16 where it is native),
            float32, bfloat16 or float16; left out, what those settings say, float32 for most.
    """
    check_device(device)
    check_shard(shard)
    check_path(photos)
    parts = settled(set, main="purifier", components={"purifier": purifier, "recognizer": recognizer or None})
    purifier, recognizer = parts["purifier"], parts["recognizer"] or ""
    check_purifiers([purifier])
    check_recognizers([recognizer] if recognizer else [])
    from facewarden.verbs.purify import purify as run

    result = run(
        photos,
        out=out,
        purifier=purifier,
        only_suspicious=only_suspicious,
        suspicion=suspicion,
        region=region,
        aligner=aligner,
        recognizer=recognizer,
        force=force,
        workers=workers,
        batch=batch,
        shard=shard,
        device=device,
        precision=precision,
    )
    copied = f", copied as not suspicious {result.copied}" if result.copied else ""
    lines = [f"purified {result.done}{copied}, already there {result.kept}"]
    lines += [f"skipped {count}: {reason}" for reason, count in result.skipped.items()]
    lines += [f"note for {count}: {note}" for note, count in result.notes.items()]
    return Outcome(result, [*lines, f"per photo: {result.manifest}"])


entry = purify
