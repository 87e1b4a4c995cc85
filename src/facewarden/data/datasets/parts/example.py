"""Write pictures of noise in a published layout, so that a set can be opened without its photos."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from facewarden.core.files import writing
from facewarden.core.seeding import derive


def write_pictures(folder: Path, names: Sequence[str]) -> None:
    """Write a small gray picture of noise at each of these paths below a folder."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(derive(0, "example", name)).integers(0, 256, (16, 16), dtype=np.uint8)
        with writing(path, sync=False) as temporary:
            Image.fromarray(pixels).save(temporary)
