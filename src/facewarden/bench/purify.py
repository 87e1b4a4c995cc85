"""Purification of photo folders: every image through a purifier, into a folder of its own, with a record."""

from __future__ import annotations

import math
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from facewarden.bench.faces import to_images
from facewarden.bench.poisoning import purify as purify_tensor
from facewarden.bench.resolve import resolve_purifier
from facewarden.bench.score import photos_below
from facewarden.core.errors import BadInputError
from facewarden.core.progress import track
from facewarden.data.photo import read_photo
from facewarden.data.table import write_table


@dataclass(frozen=True)
class Purified:
    """What was purified.

    Attributes:
        done: photos written by this call.
        kept: photos that an earlier call had written already.
        skipped: reason -> count.
        manifest: table of every purified photo in the folder: source, file, psnr in dB (100 where nothing changed).
    """

    done: int
    kept: int
    skipped: dict[str, int]
    manifest: Path


def purify(source: Path, /, *, out: Path, purifier: str = "jpeg", force: bool = False) -> Purified:
    """Purify every photo of a folder before a recognizer learns from it; the input is never touched.

    Photos keep their relative paths and are written losslessly as PNG. A call that was stopped goes on where it was.

    Args:
        source: a photo or a folder of photos at any depth.
        out: another folder.
        purifier: registry name, or name:PATH for one with weights.
        force: purify again what is there.

    Raises:
        BadInputError: no photos, or an output inside the input.
    """
    base = source if source.is_dir() else source.parent
    if out.resolve() == base.resolve() or out.resolve().is_relative_to(base.resolve()):
        raise BadInputError(f"{out} lies inside the input {base}", hint="choose an --out beside it")
    model = resolve_purifier(purifier)
    skipped: Counter[str] = Counter()
    rows: dict[str, list[str | float]] = {"source": [], "file": [], "psnr": []}
    kept = 0
    for path in track(photos_below(source), label=f"purifying with {purifier}"):
        relative = path.relative_to(base)
        # the suffix stays in the name: a.jpg and a.png of one folder must not meet
        target = out / relative.parent / f"{relative.name}.png"
        try:
            image = read_photo(path)
        except BadInputError:
            skipped["unreadable photo"] += 1
            continue
        if target.is_file() and not force:
            kept += 1
            pixels = read_photo(target)  # measured again, so that the record is whole after any number of stops
        else:
            cleaned = purify_tensor(model, to_images(image[None]))[0].permute(1, 2, 0).numpy()
            pixels = np.round(cleaned * 255).astype(np.uint8)
            _write(target, pixels)
        rows["source"].append(relative.as_posix())
        rows["file"].append(target.relative_to(out).as_posix())
        rows["psnr"].append(_psnr(image, pixels))
    manifest = out / "purified.csv"
    if rows["source"]:
        write_table(manifest, rows)
    return Purified(len(rows["source"]) - kept, kept, dict(skipped), manifest)


def _psnr(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> float:
    error = float(np.mean((before.astype(np.float64) - after.astype(np.float64)) ** 2))
    return 100.0 if error == 0 else min(100.0, 10 * math.log10(255**2 / error))


def _write(target: Path, pixels: NDArray[np.uint8]) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
        Image.fromarray(pixels).save(temporary, format="PNG")
        temporary.replace(target)
    except OSError as error:
        raise BadInputError(f"{target}: cannot be written: {error}", hint="choose a writable --out") from error
