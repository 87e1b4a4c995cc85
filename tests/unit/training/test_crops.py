"""Crops in memory: the margin lies around the view that the detector has in use, with a face box and without one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from facewarden.core.batch import FaceBatch
from facewarden.data.captures import open_captures
from facewarden.data.loading import load_batch
from facewarden.data.manifest import Manifest
from facewarden.nn.crop import crop_resize
from facewarden.nn.trainable import Trainable
from facewarden.training.crops import load_crops
from stand_ins import TinyDetector, crop_set
from twins import twin

SIZE, MARGIN = 28, 8 / 7


class Model(TinyDetector, Trainable):
    """Crops as detectors do: the box times the scale, or the whole crop where there is no box."""

    def __init__(self) -> None:
        super().__init__()
        self.settings: Mapping[str, Any] = {"size": SIZE, "scale": 1.3}
        self.network: nn.Module = nn.Identity()

    @classmethod
    def untrained(cls, settings: Mapping[str, Any] | None = None, *, seed: int) -> Model:
        """The same one for every seed."""
        return cls()

    @classmethod
    def from_artifact(cls, folder: Path) -> Model:
        """The same one from every folder."""
        return cls()

    def crop(self, batch: FaceBatch, *, size: int, scale: float) -> FaceBatch:
        """The view of a batch."""
        height, width = batch.images["rgb"].shape[-2:]
        box = batch.box
        if box is None:
            box, scale = torch.tensor([[0.0, 0.0, width, height]]).repeat(len(batch), 1), 1.0
        images = {name: crop_resize(image, box, scale=scale, size=size) for name, image in batch.images.items()}
        return replace(batch, images={name: image.clamp(0, 1) for name, image in images.items()}, box=None)


def captures(*, boxes: bool) -> Manifest:
    manifest = open_captures(f"padisi:{twin('padisi')}")
    rows = tuple(replace(row, box=(8.0, 6.0, 22.0, 20.0)) if boxes else row for row in manifest.rows[:8])
    return replace(manifest, rows=rows)


@pytest.mark.parametrize("boxes", [True, False])
def test_the_margin_goes_around_the_view_in_use(boxes: bool) -> None:
    manifest = captures(boxes=boxes)
    kept = load_crops(manifest, Model(), margin=MARGIN)
    assert kept.images["rgb"].shape[-1] == round(SIZE * MARGIN) == 32
    in_use = Model().crop(load_batch(manifest.rows, root=manifest.root), size=SIZE, scale=1.3).images["rgb"]
    middle = kept.images["rgb"][..., 2:-2, 2:-2] / 255
    torch.testing.assert_close(middle, in_use, atol=0.51 / 255, rtol=0)


def test_a_row_that_a_list_holds_twice_may_be_drawn_twice() -> None:
    crops = crop_set(4)
    doubled = replace(crops, key=("a", "a again 1", "b", "c"))
    assert doubled.batch([0, 1, 0, 1, 0, 2, 2]).key == (
        "a", "a again 1", "a again 1 drawn", "a again 1 again 1", "a again 2", "b", "b again 1",
    )  # fmt: skip
    assert crops.batch([0, 0, 1]).key == ("0", "0 again 1", "1")
