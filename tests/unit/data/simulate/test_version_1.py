"""Version 1 of the simulator is pinned: published numbers are of its captures. `python THIS_FILE` writes the values."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tests.pinned_captures import summary

from facewarden.data.simulate import Capture, Simulation, iter_captures

STORED = Path(__file__).with_name("version_1.json")


def captures() -> list[Capture]:
    return list(iter_captures(Simulation(subjects=8, captures_per_subject=6, size=64, seed=7)))


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
