"""Read TensorFlow.js weights: a JSON manifest of names, shapes and quantization, and one file of bytes."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewarden.core.errors import AssetError

_STORED = {"float32": "<f4", "int32": "<i4", "uint8": "<u1", "uint16": "<u2", "float16": "<f2"}


def read_tfjs_weights(manifest: Path, binary: Path) -> dict[str, NDArray[np.float32]]:
    """Return every array of a TensorFlow.js model as float32.

    Affine quantization is undone as value * scale + min, half precision by widening.

    Args:
        manifest: the list of weight groups, or a model file that holds one as `weightsManifest`.
        binary: the arrays' bytes, one after another.

    Raises:
        AssetError: the file is longer or shorter than the manifest says.
    """
    described = json.loads(manifest.read_text(encoding="utf-8"))
    groups = described["weightsManifest"] if isinstance(described, dict) else described
    data = binary.read_bytes()
    arrays: dict[str, NDArray[np.float32]] = {}
    offset = 0
    for item in (item for group in groups for item in group["weights"]):
        quantization: dict[str, Any] = item.get("quantization", {})
        stored = np.dtype(_STORED[quantization.get("dtype", item["dtype"])])
        count = math.prod(item["shape"])
        end = offset + count * stored.itemsize
        if end > len(data):
            raise AssetError(f"{binary} ends inside {item['name']}", hint="report this")
        values = np.frombuffer(data, stored, count, offset).astype(np.float64)
        if "scale" in quantization:
            values = values * quantization["scale"] + quantization["min"]
        arrays[item["name"]] = values.astype(np.float32).reshape(item["shape"])
        offset = end
    if offset != len(data):
        raise AssetError(f"{binary} is {len(data)} bytes long, its manifest describes {offset}", hint="report this")
    return arrays
