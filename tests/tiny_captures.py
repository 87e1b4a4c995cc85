"""Captures of a size that costs nothing, for tests of experiments."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from facewarden.data.manifest import Manifest
from facewarden.data.sample import Sample


def write_captures(folder: Path) -> Path:
    """Captures of a size that costs nothing: attacks are darker; four people a split."""
    rng = np.random.default_rng(0)
    rows = []
    for split in ("train", "dev", "test"):
        for i in range(12):
            label = i % 2
            key = f"{split}{i}"
            frame = rng.integers(0, 60, (48, 48, 3)) + 120 * label
            cv2.imwrite(str(folder / f"{key}.png"), frame.astype(np.uint8))
            rows.append(
                Sample(
                    key=key, split=split, label=label, species="bona_fide" if label else "print_flat",  # type: ignore[arg-type]
                    subject=f"{split} {i // 3}", domain="alder", rgb=f"{key}.png", box=(8.0, 8.0, 40.0, 40.0),
                    illumination="normal" if i % 4 < 2 else "dark", simulated=True,
                )
            )  # fmt: skip
    manifest = folder / "captures.csv"
    Manifest(tuple(rows), root=folder, name="tiny").write(manifest)
    return manifest
