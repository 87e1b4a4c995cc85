"""Purification of photo folders: every image through a purifier, into a folder of its own, with a record."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from facewarden.bench.faces import to_images
from facewarden.bench.poisoning import purify as purify_tensor
from facewarden.bench.resolve import resolve_purifier
from facewarden.bench.score import photos_below
from facewarden.core.errors import BadInputError
from facewarden.core.progress import track
from facewarden.core.roles import Purifier
from facewarden.data.photo import read_photo
from facewarden.data.table import write_table


@dataclass(frozen=True)
class Purified:
    """What was purified.

    Attributes:
        done: photos written by this call.
        kept: photos that an earlier call had written already, from the same photo with the same purifier.
        skipped: reason -> count.
        manifest: table of every purified photo in the folder: source, file, psnr in dB (100 where nothing changed).
    """

    done: int
    kept: int
    skipped: dict[str, int]
    manifest: Path


def purify(source: Path, /, *, out: Path, purifier: str = "jpeg", force: bool = False) -> Purified:
    """Purify every photo of a folder before a recognizer learns from it; the input is never touched.

    Photos keep their relative paths and are written losslessly as PNG. A call that was stopped goes on where it was;
    what another purifier has left there, or what was made from a photo that has changed, is purified again.

    Args:
        source: a photo or a folder of photos at any depth.
        out: another folder.
        purifier: registry name, or name:PATH for one with weights.
        force: purify again what is there.

    Raises:
        BadInputError: no photo, none that can be read, or an output inside the input.
    """
    base = source if source.is_dir() else source.parent
    within = source.is_dir() and out.resolve().is_relative_to(base.resolve())
    if within or out.resolve() == base.resolve():
        raise BadInputError(f"{out} lies inside the input {base}", hint="choose an --out beside it")
    photos = photos_below(source)
    model = resolve_purifier(purifier)
    skipped: Counter[str] = Counter()
    rows: dict[str, list[str | float]] = {"source": [], "file": [], "psnr": []}
    kept = 0
    for path in track(photos, label=f"purifying with {purifier}"):
        relative = path.relative_to(base)
        # the suffix stays in the name: a.jpg and a.png of one folder must not meet
        target = out / relative.parent / f"{relative.name}.png"
        try:
            image = read_photo(path)
            relative.as_posix().encode()
        except BadInputError:
            skipped["unreadable photo"] += 1
            continue
        except UnicodeEncodeError:
            skipped["file name that is not UTF-8"] += 1
            continue
        origin = _origin(model, path)
        if not force and _origin_of(target) == origin:
            kept += 1
            pixels = read_photo(target)  # measured again, so that the record is whole after any number of stops
        else:
            cleaned = purify_tensor(model, to_images(image[None]))[0].permute(1, 2, 0).numpy()
            pixels = np.round(cleaned * 255).astype(np.uint8)
            _write(target, pixels, origin)
        rows["source"].append(relative.as_posix())
        rows["file"].append(target.relative_to(out).as_posix())
        rows["psnr"].append(_psnr(image, pixels))
    if not rows["source"]:
        raise BadInputError(f"{source}: no photo could be purified ({dict(skipped)})", hint="facewarden data check DIR")
    manifest = out / "purified.csv"
    write_table(manifest, rows)
    return Purified(len(rows["source"]) - kept, kept, dict(skipped), manifest)


def _psnr(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> float:
    error = float(np.mean((before.astype(np.float64) - after.astype(np.float64)) ** 2))
    return 100.0 if error == 0 else min(100.0, 10 * math.log10(255**2 / error))


_ORIGIN = "facewarden-purified"


def _origin(model: Purifier, source: Path) -> str:
    """What decides the purified pixels, as a hash: the purifier with settings and weights, and the photo's bytes."""
    card = model.card
    made = json.dumps([card.name, card.settings, card.sha256], sort_keys=True, default=str)
    return hashlib.sha256(made.encode() + b"\0" + source.read_bytes()).hexdigest()


def _origin_of(target: Path) -> str | None:
    """The hash that `_write` left in a file; None where there is no file of ours."""
    try:
        with Image.open(target) as image:
            found = image.info.get(_ORIGIN)
    except (OSError, ValueError, SyntaxError):
        return None
    return found if isinstance(found, str) else None


def _write(target: Path, pixels: NDArray[np.uint8], origin: str) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
        about = PngInfo()
        about.add_text(_ORIGIN, origin)
        Image.fromarray(pixels).save(temporary, format="PNG", pnginfo=about)
        temporary.replace(target)
    except OSError as error:
        raise BadInputError(f"{target}: cannot be written: {error}", hint="choose a writable --out") from error
