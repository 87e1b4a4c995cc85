"""Write a changed photo with all that the file held beside its pixels: transparency, EXIF, color profile."""

from __future__ import annotations

import os
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps

from facewarden.core.errors import BadInputError
from facewarden.data.photo import FORMATS, read_photo

Kind = Literal["png", "jpeg"]


class TransparencyError(BadInputError):
    """The photo is transparent somewhere, and the format cannot hold that."""


def write_changed(
    source: Path, changed: UInt8[np.ndarray, "h w 3"], target: Path, *, kind: Kind = "png", quality: int = 95
) -> None:
    """Write what `read_photo(source)` gave, with other pixels, beside what it left out.

    The change of every pixel is added to the colors that the file holds, under its transparency. The picture is stored
    upright, so the EXIF orientation is dropped and the rest kept. A gray photo stays gray when the change is gray.

    Args:
        source: the original, never written to.
        changed: upright pixels as `read_photo` gives them, changed.
        target: file to write, in one step.
        kind: "png" is lossless; "jpeg" is not, and cannot hold transparency.
        quality: of JPEG, 1 to 95, without chroma subsampling.

    Raises:
        TransparencyError: transparency in a JPEG.
        BadInputError: source unreadable, or target not writable.
    """
    if kind not in ("png", "jpeg") or not 1 <= quality <= 95:
        raise BadInputError(f"no format {kind!r} of quality {quality}", hint="png, or jpeg with quality 1 to 95")
    before = read_photo(source)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of odd EXIF, which is kept or dropped as it is
        with Image.open(source, formats=FORMATS) as image:
            image.seek(0)
            upright = _upright(image)
            profile = image.info.get("icc_profile") if image.mode in ("RGB", "RGBA", "P") else None
            picture, gray = Image.fromarray(changed), image.mode in ("L", "LA", "1") or image.mode.startswith("I")
            if upright.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in upright.info:
                full = upright.convert("RGBA")
                colors = np.asarray(full)[..., :3].astype(np.int16) + (changed.astype(np.int16) - before)
                picture = Image.fromarray(colors.clip(0, 255).astype(np.uint8))
                picture.putalpha(full.getchannel("A"))
            exif = upright.getexif()
    if kind == "jpeg" and picture.mode == "RGBA":
        raise TransparencyError(f"{source}: JPEG cannot hold its transparency", hint="--format png")
    if gray and picture.mode == "RGB" and bool((changed == changed[..., :1]).all()):
        picture = picture.convert("L")
    options: dict[str, Any] = {"exif": exif.tobytes()} if len(exif) else {}
    if profile:
        options["icc_profile"] = profile
    if kind == "jpeg":
        options |= {"quality": quality, "subsampling": 0}
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        picture.save(temporary, format=kind.upper(), **options)
        temporary.replace(target)
    except (OSError, ValueError) as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise BadInputError(f"{target}: cannot be written: {error}", hint="choose a writable --out") from error


def _upright(image: Image.Image) -> Image.Image:
    image.load()
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # as in read_photo: a damaged EXIF block says nothing about orientation
        return image
