"""Read a photo from an untrusted file: upright 8-bit RGB, or an error that names the file."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import reduce
from pathlib import Path
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from facewarden.core.errors import BadInputError
from facewarden.core.guards.limits import LimitError, check_limit
from facewarden.data.picture import FORMATS, open_picture
from facewarden.data.text import printable
from facewarden.data.video.file_kinds import first_bytes, no_photo

_DIM = 32
"""Gray levels; no photo of 16 bits stays below, one of 12 bits in 16 does."""
_COLORED = 6.0
"""Mean distance of a pixel's channels from which a picture counts as colored; JPEG's own errors stay below 2."""

_TOO_LARGE: dict[str, Callable[[int | float], str]] = {
    "picture_pixels": lambda bound: f"more than {bound / 10**6:g} MP",
    "picture_bytes": lambda bound: f"a file of more than {bound / 2**20:g} MiB",
    "picture_scans": lambda _: "a JPEG of too many scans for its size",
    "picture_seconds": lambda bound: f"more than {bound:g} s to decode",
}


def read_photo(
    path: str | os.PathLike[str], *, on_note: Callable[[str], None] | None = None, bits: int = 16
) -> NDArray[np.uint8]:
    """Read a photo as upright RGB.

    The EXIF orientation is applied. Gray, palette, CMYK and 16-bit pictures are converted (16 bit by value / 257),
    transparent ones are laid on white, of animated ones the first frame is taken. A color profile is not applied.

    Args:
        path: JPEG, PNG, BMP, GIF, TIFF, WebP or PNM file.
        on_note: called with one sentence for every conversion that loses something the file held.
        bits: how many of the 16 bits of a 16-bit gray picture its sensor fills; the largest such value becomes 255.

    Returns:
        `(h, w, 3)` uint8, red first.

    Raises:
        LimitError: too many pixels or bytes, or too long to decode; see `facewarden doctor --limits`.
        BadInputError: not a file, empty, truncated, no picture, or of a pixel type without a known range (32-bit
            integer beyond 16 bit, floating point), or values beyond `bits`.
    """
    name = printable(path)
    note = on_note or (lambda _: None)
    _check_file(Path(path), name)
    try:
        with open_picture(path) as image:
            if getattr(image, "n_frames", 1) > 1 and image.format != "MPO":
                note(f"{name}: the first of {getattr(image, 'n_frames', 1)} frames is taken")
            image.seek(0)
            deep = _deep(image, Path(path))
            pixels = _to_rgb(upright(image), name, note, bits)
            if deep and not image.mode.startswith("I"):  # those are noted where they are converted
                note(f"{name}: {deep} is reduced to 8 bits")
            if deep and bits == 16 and int(pixels.max()) < _DIM:
                note(f"{name}: {deep} fills fewer than 16 bits and is read as nearly black; save it with 8 bits")
            profile = image.info.get("icc_profile")
            if profile and usable_profile(image) is None:
                note(f"{name}: its color profile is of {_space(profile)} pixels and is left out")
            return pixels
    except BadInputError:
        raise
    except UnidentifiedImageError:
        other = no_photo(name, first_bytes(Path(path)))
        if other is not None:
            _refuse(name, *other)
        _refuse(name, "is not a picture in a known format", f"convert it to one of {', '.join(FORMATS)}")
    except Image.DecompressionBombError:  # Pillow counts before we can
        check_limit("picture_pixels", 2 * (Image.MAX_IMAGE_PIXELS or 1), what=f"{name} has far too many pixels")
        _refuse(name, "has far too many pixels", "a smaller picture")
    except Exception as error:
        # Pillow's decoders raise almost any type on damaged data (struct.error, IndexError, zlib.error, TypeError …).
        _refuse(name, f"is damaged or cut: {error}", "replace the file")


def why_unread(path: str | os.PathLike[str], error: BadInputError) -> str:
    """Why `read_photo` refused a file, as a reason that can be counted: no file name and no details."""
    if isinstance(error, LimitError) and error.name in _TOO_LARGE:
        return _TOO_LARGE[error.name](error.bound)
    what = error.message.removeprefix(f"{printable(path)} ").partition(":")[0].removeprefix("is ")
    return f"unreadable photo: {what}"


def is_colored(image: NDArray[np.uint8] | NDArray[np.float32]) -> bool:
    """Whether the channels of a picture differ; gray pictures are often stored as three equal channels.

    Args:
        image: `(h, w, c)`, bytes or numbers from 0 to 1.
    """
    channels = [image[..., place] for place in range(image.shape[2])]
    spread = float((reduce(np.maximum, channels) - reduce(np.minimum, channels)).mean())
    return spread * (1 if image.dtype == np.uint8 else 255) > _COLORED


def is_gray_mode(image: Image.Image) -> bool:
    """Whether a picture is stored in gray, of any depth, with or without transparency."""
    return image.mode in ("1", "L", "LA", "La") or image.mode.startswith("I")


def usable_profile(image: Image.Image) -> bytes | None:
    """The color profile of a picture, if it still applies to the pixels that `read_photo` returned.

    A profile of CMYK or LAB pixels says nothing about the RGB made of them, nor one of RGB about gray, or of gray
    about color.
    """
    profile: bytes | None = image.info.get("icc_profile")
    if not profile or image.mode in ("CMYK", "LAB"):
        return None
    space = _space(profile)
    return profile if (space == "gray" if is_gray_mode(image) else space not in ("gray", "CMYK", "Lab")) else None


def _space(profile: bytes) -> str:
    space = profile[16:20].strip()  # the ICC header says what pixels the profile is for
    return {b"GRAY": "gray", b"RGB": "RGB", b"CMYK": "CMYK", b"Lab": "Lab"}.get(space, "other")


def _deep(image: Image.Image, path: Path) -> str:
    """Description of a depth above 8 bits per channel, else ""; Pillow's mode is RGB for 8 and 16 bits."""
    bits, gray = 8, False
    if image.format == "PNG":
        with path.open("rb") as file:
            head = file.read(26)
        if head[12:16] == b"IHDR":
            bits, gray = head[24], head[25] in (0, 4)  # color types: gray, gray with alpha
    elif image.format == "TIFF":
        bits = max(getattr(image, "tag_v2", {}).get(258, (8,)))  # BitsPerSample
    elif image.format == "PPM":
        # Pillow hands its decoder the largest value of color that is not of bytes: (mode, largest).
        values = [tile.args for tile in getattr(image, "tile", ())]
        bits = 16 if any(isinstance(value, tuple) and value[-1] > 255 for value in values) else 8
    return f"{bits}-bit {'gray' if gray else 'color'}" if bits > 8 else ""


def _check_file(path: Path, name: str) -> None:
    try:
        if path.is_dir():
            _refuse(name, "is a folder", "give a picture in it")
        if not path.exists():
            _refuse(name, "does not exist", "check the path")
        if not path.is_file():
            _refuse(name, "is not a plain file", "give a picture")
        if path.stat().st_size == 0:
            _refuse(name, "is empty (0 bytes)", "replace the file")
        with path.open("rb"):
            pass
    except (OSError, ValueError) as error:
        _refuse(name, f"cannot be read: {error}", "check the path and its permissions")


def upright(image: Image.Image) -> Image.Image:
    """The picture turned as its EXIF orientation says."""
    image.load()
    try:
        return ImageOps.exif_transpose(image)
    except Exception:
        # The pixels are whole; a damaged EXIF block says nothing about orientation.
        return image


def upright_size(path: str | os.PathLike[str]) -> tuple[int, int]:
    """Width and height that `read_photo` will give, from the header where that tells the orientation.

    Raises:
        BadInputError: no picture.
    """
    name = printable(path)
    _check_file(Path(path), name)
    try:
        with open_picture(path, header=True) as image:
            width, height = image.size
            turned = _told_orientation(image, Path(path)) in _TURNED
            return (height, width) if turned else (width, height)
    except BadInputError:
        raise
    except Exception as error:  # Pillow's decoders raise almost any type on damaged data
        _refuse(name, f"is no picture: {error}", "replace the file")


_TURNED = (5, 6, 7, 8)
"""EXIF orientations that exchange width and height."""
_ORIENTATION = 0x0112


def _told_orientation(image: Image.Image, path: Path) -> int:
    if image.format == "PNG" and not _tells_exif(path):
        return 1  # Pillow would decode all pixels to look behind them
    if image.format == "TIFF":
        return 1  # its size is the upright one already
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # as in `upright`: a damaged block says nothing about orientation
        return 1


def _tells_exif(path: Path) -> bool:
    """Whether a PNG has a chunk that may hold an orientation; only the heads of its chunks are read."""
    with path.open("rb") as file:
        file.seek(8)
        while len(head := file.read(8)) == 8:
            if head[4:] in (b"eXIf", b"zTXt", b"iTXt", b"tEXt"):
                return True
            file.seek(int.from_bytes(head[:4], "big") + 4, os.SEEK_CUR)
    return False


def _to_rgb(image: Image.Image, name: str, note: Callable[[str], None], bits: int) -> NDArray[np.uint8]:
    if image.mode.startswith("I"):
        return _from_integers(image, name, note, bits)
    if image.mode == "F":
        _refuse(name, "holds floating-point pixels of unknown range", "save it with 8 or 16 bits a channel")
    if image.mode in ("CMYK", "LAB"):
        note(f"{name}: its {image.mode} pixels are converted to RGB")
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        if np.asarray(image.getchannel("A")).min() < 255:
            note(f"{name}: its transparent parts are laid on white")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return np.asarray(image.convert("RGB"), dtype=np.uint8).copy()


def _from_integers(image: Image.Image, name: str, note: Callable[[str], None], bits: int) -> NDArray[np.uint8]:
    values = np.asarray(image).astype(np.int64)
    if values.min() < 0 or values.max() > 65535:
        _refuse(name, "holds 32-bit pixels of unknown range", "save it with 8 or 16 bits a channel")
    if values.max() >= 2**bits:
        _refuse(name, f"holds values up to {values.max()}, beyond {bits} bits", "infrared_bits in the manifest")
    note(f"{name}: 16-bit gray is reduced to 8 bits")
    if "transparency" in image.info:
        note(f"{name}: its transparent value is left out")
    gray = np.round(values / ((2**bits - 1) / 255)).astype(np.uint8)
    return np.repeat(gray[:, :, None], 3, axis=2)


def _refuse(name: str, what: str, hint: str) -> NoReturn:
    raise BadInputError(f"{name} {what}", hint=hint) from None
