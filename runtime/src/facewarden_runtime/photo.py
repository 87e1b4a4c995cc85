"""Photos as upright RGB arrays of eight bits."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewarden_runtime.folder import ExportError


def read_photo(path: Path | str) -> NDArray[np.uint8]:
    """Read a photo as `(h, w, 3)` RGB; the EXIF orientation is applied, transparent parts are laid on white.

    Raises:
        ExportError: no picture in a known format.
    """
    import cv2

    try:
        data = np.fromfile(path, dtype=np.uint8)
    except OSError as error:
        raise ExportError(f"{path}: {error.strerror}; give a photo") from error
    try:
        image = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
        if image is not None and _may_be_transparent(data):
            image = _on_white(data, np.asarray(image, np.uint8), path)
    except cv2.error as error:  # beyond a limit of OpenCV on pixels
        raise ExportError(f"{path}: a picture that is too large or damaged; make it smaller") from error
    if image is None:
        raise ExportError(f"{path}: no picture in a known format; convert it to PNG or JPEG")
    return np.ascontiguousarray(image[..., ::-1])


def _may_be_transparent(data: NDArray[np.uint8]) -> bool:
    """Whether a file must be read once more to see; of JPEG and most PNG files the header says that it need not."""
    if data[:2].tobytes() == _JPEG:
        return False
    if data[:4].tobytes() != _PNG:
        return True
    header = (
        data[:_HEADER].tobytes().partition(b"IDAT")[0]
    )  # a color that stands for nothing is named before the pixels
    return header[25] in _WITH_ALPHA or b"tRNS" in header or len(header) == _HEADER


def _on_white(data: NDArray[np.uint8], color: NDArray[np.uint8], path: Path | str) -> NDArray[np.uint8]:
    """The picture on white where it is transparent: what is hidden there belongs to no photo.

    Args:
        data: bytes of the file.
        color: its pixels, upright and without transparency.
        path: of the file, for messages.
    """
    import cv2

    stored = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    if stored is None or stored.ndim != 3 or stored.shape[2] != 4:
        return color
    largest = np.iinfo(stored.dtype).max
    if stored[..., 3].min() == largest:
        return color
    plain = cv2.imdecode(data, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    upright = next((turn for turn in _TURNS if np.array_equal(turn(plain), color)), None)
    if upright is None or data[:2].tobytes() in _TIFF:  # OpenCV has laid some TIFF files on black, and does not say so
        raise ExportError(f"{path}: parts of it are transparent; convert it to PNG or JPEG")
    turned = upright(stored >> 8 if largest > 255 else stored).astype(np.float32)
    alpha = turned[..., 3:] / np.float32(255)
    return np.round(turned[..., :3] * alpha + 255 * (1 - alpha)).astype(np.uint8)


_JPEG, _PNG, _TIFF = b"\xff\xd8", b"\x89PNG", (b"II", b"MM")
_WITH_ALPHA = (4, 6)  # color types of PNG
_HEADER = 1 << 16
"""Bytes in which the pixels of a PNG file have begun, unless it holds long texts or profiles."""

_TURNS: tuple[Callable[[NDArray[Any]], NDArray[Any]], ...] = (
    lambda pixels: pixels,
    lambda pixels: pixels[:, ::-1],
    lambda pixels: pixels[::-1, ::-1],
    lambda pixels: pixels[::-1],
    lambda pixels: pixels.transpose(1, 0, 2),
    lambda pixels: pixels.transpose(1, 0, 2)[:, ::-1],
    lambda pixels: pixels.transpose(1, 0, 2)[::-1, ::-1],
    lambda pixels: pixels.transpose(1, 0, 2)[::-1],
)
"""How a picture may be turned or mirrored by its EXIF orientation, 1 to 8."""


def write_photo(path: Path | str, pixels: NDArray[np.uint8]) -> None:
    """Write `(h, w, 3)` RGB pixels; the suffix decides the format, PNG keeps them exactly.

    Raises:
        ExportError: an unknown suffix, or a folder that cannot be written.
    """
    import cv2

    target = Path(path)
    done, data = False, np.zeros(0, np.uint8)
    if target.suffix:
        try:
            done, data = cv2.imencode(target.suffix, np.ascontiguousarray(pixels[..., ::-1]))
        except cv2.error:
            done = False
    if not done:
        raise ExportError(f"{target}: no format of pictures; end it in .png")
    part = target.with_name(f".part-{os.getpid()}-{target.name[-100:]}")
    try:
        try:
            part.write_bytes(data.tobytes())
            part.replace(target)  # a full disk or a kill leaves what was there
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise ExportError(f"{target}: {error.strerror}; another --out") from error
