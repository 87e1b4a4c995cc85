"""Heat maps of captures whose names are alike, and the word simulated beside their numbers."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from PIL import Image

from facewarden.core.batch import FaceBatch
from facewarden.core.card import Card
from facewarden.core.roles import Detector, PadOutput
from facewarden.data.manifest import Manifest
from facewarden.data.sample import Sample
from facewarden.verbs.explain import explain


class Sure(Detector):
    """As certain of every patch as the picture is bright."""

    card = Card("sure", "sure", "pad")

    def predict(self, batch: FaceBatch) -> PadOutput:
        return PadOutput(batch.images["rgb"].mean(dim=(1, 2, 3)))

    def streams(self, batch: FaceBatch, *, maps: bool = False) -> Any:
        level = batch.images["rgb"].mean(dim=(1, 2, 3)).reshape(1, -1, 1, 1)
        return SimpleNamespace(maps=level.expand(3, -1, 2, 5))

    def crop(self, batch: FaceBatch, *, size: int, scale: float) -> FaceBatch:
        return batch


def test_keys_that_are_alike_as_folders_have_a_folder_each(tmp_path: Path) -> None:
    """`a/1` was drawn over `a_1`, and three pictures were told where one was."""
    rows = []
    for number, key in enumerate(("a/1", "a_1", "a 1")):
        Image.fromarray(np.full((24, 24, 3), 60 * number, np.uint8)).save(tmp_path / f"{number}.png")
        rows.append(Sample(key, "test", 1, "bona_fide", f"p{number}", "lab", rgb=f"{number}.png",
                           box=(2.0, 2.0, 22.0, 22.0), simulated=True))  # fmt: skip
    Manifest(tuple(rows), root=tmp_path, name="tiny").write(tmp_path / "m.csv")
    with torch.inference_mode():
        made = explain(tmp_path / "m.csv", detector=Sure(), out=tmp_path / "out")
    assert len(made.pictures) == len(set(made.pictures)) == 3
    assert (tmp_path / "out/a_1/rgb.png").is_file()
    told = json.loads((tmp_path / "out/uncertainty.json").read_text())
    assert told["simulated"] is True
    assert len(told["captures"]) == 3
