"""Version 1 of the simulator is pinned: published numbers are of its captures. `python THIS_FILE` writes the values."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from facewarden.data.simulate import Capture, Simulation, iter_captures

STORED = Path(__file__).with_name("version_1.json")
BLOCK = 16


def captures() -> list[Capture]:
    return list(iter_captures(Simulation(subjects=8, captures_per_subject=6, size=64, seed=7)))


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


def test_every_capture_of_version_1_is_as_it_was() -> None:
    stored, made = json.loads(STORED.read_text(encoding="utf-8")), captures()
    assert len({capture.spec.species for capture in made}) == 10
    assert len(stored) == len(made)
    for before, capture in zip(stored, made, strict=True):
        now = summary(capture)
        assert now["what"] == before["what"]
        for name, tolerance in (("rgb", 1.0), ("infrared", 1.0), ("measured", 0.04), ("box", 0.2)):
            assert now[name] == pytest.approx(before[name], abs=tolerance), (now["what"], name)
        # where a block is nearly all holes, one pixel is its mean
        enough = np.array(before["measured"]) > 0.25
        assert np.array(now["depth"])[enough] == pytest.approx(np.array(before["depth"])[enough], abs=6), now["what"]


if __name__ == "__main__":
    lines = ",\n".join(json.dumps(summary(capture), separators=(",", ":")) for capture in captures())
    STORED.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
