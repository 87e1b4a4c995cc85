"""Photos that the tests of cloaking plans share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cloaking_plans import Patches
from facewarden.experiments.cloaking import cache as cloaking_lab
from facewarden.experiments.cloaking import small_grid
from facewarden.experiments.plans.cloaking import _lab


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Faces of colored patches, four people of five photos, and recognizers that need no weights."""
    draw = np.random.default_rng(1)
    for who in range(4):
        (tmp_path / "photos" / f"p{who}").mkdir(parents=True)
        patches = draw.uniform(-8, 8, (4, 4, 3))
        for shot in range(5):
            face = 127 + np.kron(patches + draw.uniform(-1, 1, patches.shape), np.ones((28, 28, 1)))
            Image.fromarray(face.astype(np.uint8)).save(tmp_path / "photos" / f"p{who}" / f"{shot}.png")
    for where in (cloaking_lab, small_grid):
        monkeypatch.setattr(where, "build_recognizer", lambda spec, store: Patches(spec))
    yield tmp_path / "photos"
    _lab.cache_clear()
