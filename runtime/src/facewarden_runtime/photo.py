"""Photos as upright RGB arrays of eight bits."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facewarden_runtime.folder import ExportError


def read_photo(path: Path | str) -> NDArray[np.uint8]:
    """Read a photo as `(h, w, 3)` RGB; the EXIF orientation is applied.

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
    except cv2.error as error:  # beyond a limit of OpenCV on pixels
        raise ExportError(f"{path}: a picture that is too large or damaged; make it smaller") from error
    if image is None:
        raise ExportError(f"{path}: no picture in a known format; convert it to PNG or JPEG")
    return np.ascontiguousarray(image[..., ::-1])


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
