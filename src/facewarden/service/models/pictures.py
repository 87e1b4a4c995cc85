"""Pictures of a request: decoded from memory by the same guarded readers as files, and never written to a disk."""

from __future__ import annotations

import base64
import binascii
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facewarden.core.errors import BadInputError
from facewarden.data.depth import FARTHEST
from facewarden.data.photo import read_photo, upright_size, why_unread
from facewarden.data.picture import open_picture
from facewarden.data.text import printable

MILLIMETERS = "unreadable depth: millimeters, and not the depth as detectors see it, times 65535"
NOT_BASE64 = "unreadable photo: not base64"
_GRAY = {"infrared": (("L", "1"), 255), "depth": (("I;16", "I;16B", "I"), 65535)}


class NoPicture(Exception):
    """A picture that cannot be used; the message is the reason, without any name."""


def decoded(text: str) -> bytes:
    """Bytes of base64 text.

    Raises:
        NoPicture: it is none.
    """
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise NoPicture(NOT_BASE64) from None


@contextmanager
def in_memory(data: bytes) -> Iterator[Path]:
    """A file of these bytes that is in memory alone and is gone with the block, or with the process.

    The readers, and the process that decodes suspicious pictures first, take it as any other file. Where the system has
    no such files, it is a file that only this user can read.
    """
    if hasattr(os, "memfd_create"):
        handle = os.memfd_create("picture", os.MFD_CLOEXEC)
        try:
            with os.fdopen(os.dup(handle), "wb") as file:
                file.write(data)
            yield Path(f"/proc/{os.getpid()}/fd/{handle}")
        finally:
            os.close(handle)
    else:  # macOS
        with tempfile.NamedTemporaryFile(prefix="facewarden-") as file:
            file.write(data)
            file.flush()
            yield Path(file.name)


def pixels_of(data: bytes) -> int:
    """Width times height by a picture's header; 0 where it has none that can be read."""
    with in_memory(data) as path:
        try:
            width, height = upright_size(path)
        except BadInputError:
            return 0
        return width * height


def read_color(data: bytes) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """Decode a photo as upright RGB.

    Returns:
        `(h, w, 3)`, and a note for everything that the file held and the pixels do not.

    Raises:
        NoPicture: it cannot be read, or is beyond a limit.
    """
    said: list[str] = []
    with in_memory(data) as path:
        name = f"{printable(path)}: "
        try:
            return read_photo(path, on_note=said.append), tuple(one.removeprefix(name) for one in said)
        except BadInputError as error:
            raise NoPicture(why_unread(path, error)) from None


def read_gray(data: bytes, sensor: str) -> NDArray[np.float32]:
    """Decode the picture of a sensor without color.

    Args:
        data: of an 8-bit gray PNG (infrared), or a 16-bit gray PNG (depth, as detectors see it, times 65535).
        sensor: infrared or depth.

    Returns:
        `(h, w)` in [0, 1].

    Raises:
        NoPicture: it is no such picture, or is beyond a limit.
    """
    modes, largest = _GRAY[sensor]
    with in_memory(data) as path:
        try:
            with open_picture(path, formats=("PNG",)) as image:
                if image.mode not in modes:
                    raise NoPicture(f"unreadable {sensor}: not a gray PNG of {8 if largest == 255 else 16} bits")
                image.load()
                pixels = np.asarray(image.convert("L") if image.mode == "1" else image).astype(np.float32)
                if sensor == "depth" and 0 < pixels.max() <= FARTHEST:
                    raise NoPicture(MILLIMETERS)
                return np.clip(pixels / largest, 0.0, 1.0)
        except NoPicture:
            raise
        except BadInputError as error:
            raise NoPicture(why_unread(path, error).replace("photo", sensor, 1)) from None
        except Exception:  # Pillow's decoders raise almost any type on damaged data
            raise NoPicture(f"unreadable {sensor}: damaged or cut") from None
