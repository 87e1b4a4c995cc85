"""What is stored of a capture to pin it: means of blocks, which rounding hardly moves, and exact bits."""

from __future__ import annotations

import hashlib
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from facewarden.data.simulate import Capture

BLOCK = 16


def block_means(image: NDArray[Any]) -> NDArray[np.float64]:
    """Means of blocks of 16 x 16 pixels, `(4, 4, channels)`."""
    image = image.astype(np.float64).reshape(*image.shape[:2], -1)
    rows, columns = image.shape[0] // BLOCK, image.shape[1] // BLOCK
    return image.reshape(rows, BLOCK, columns, BLOCK, -1).mean((1, 3))


def summary(capture: Capture) -> dict[str, Any]:
    """What is stored of a capture. Depth is averaged where it was measured: one hole more or less moves no mean."""
    spec, there = capture.spec, block_means(capture.depth > 0)
    near = np.minimum(capture.depth, 2000)
    return {
        "what": [spec.key, spec.species, spec.illumination, spec.environment, spec.session, spec.split],
        "rgb": np.round(block_means(capture.rgb), 1).ravel().tolist(),
        "infrared": np.round(block_means(capture.infrared), 1).ravel().tolist(),
        "measured": np.round(there, 2).ravel().tolist(),
        "depth": np.round(block_means(near) / np.maximum(there, 1 / BLOCK**2)).astype(int).ravel().tolist(),
        "box": np.round(capture.box, 1).tolist(),
    }


def bits(capture: Capture) -> str:
    """The first 64 bits of a hash of everything that a capture delivers."""
    found = hashlib.sha256()
    pictures = (capture.rgb, capture.depth, capture.infrared, capture.depth_picture)
    for picture in pictures:
        if picture is not None:
            found.update(np.ascontiguousarray(picture).tobytes())
    return found.hexdigest()[:16]


def machine() -> dict[str, Any]:
    """What bits depend on beside the code: libraries, and whether the processor has the instructions they choose by."""
    features = np._core._multiarray_umath.__cpu_features__  # numpy tells it nowhere else
    return {"numpy": np.__version__, "opencv": cv2.__version__, "avx512": bool(features.get("AVX512_SKX"))}
