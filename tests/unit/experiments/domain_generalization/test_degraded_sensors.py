"""Degraded sensors: each by its own rule, the other sensors untouched."""

from __future__ import annotations

import pytest
import torch

from facewarden.core.batch import FaceBatch
from facewarden.core.labels import CHANNELS, MODALITIES
from facewarden.data.sample import Sample
from facewarden.experiments.domain_generalization.degraded_sensors import (
    DEGRADED,
    degraded,
    earlier,
    out_of_register,
    saturated,
)


def batch(seed: int, count: int = 3, side: int = 20) -> FaceBatch:
    generator = torch.Generator().manual_seed(seed)
    images = {name: torch.rand(count, CHANNELS[name], side, side, generator=generator) for name in MODALITIES}
    keys = tuple(f"{seed}/{i}" for i in range(count))
    return FaceBatch(
        images=images, key=keys, present={name: torch.ones(count, dtype=torch.bool) for name in MODALITIES}
    )


def test_out_of_register_moves_by_a_tenth_and_loses_nothing_in_the_middle() -> None:
    images = torch.arange(400.0).view(1, 1, 20, 20) / 400
    moved = out_of_register(images, keys=["x"])
    assert moved.shape == images.shape
    shifts = [
        (down, right)
        for down in (-2, 0, 2)
        for right in (-2, 0, 2)
        if torch.equal(moved[..., 4:16, 4:16], images[..., 4 - down : 16 - down, 4 - right : 16 - right])
    ]
    assert len(shifts) == 1
    assert shifts[0] != (0, 0)
    many = out_of_register(images.expand(40, -1, -1, -1), keys=[str(i) for i in range(40)])
    assert len({tuple(one.flatten().tolist()) for one in many}) == 8, "every direction occurs"


def test_saturated_color_is_cut_at_white_and_near_depth_becomes_holes() -> None:
    assert saturated(torch.tensor([[[[0.2, 0.5]]]]), modality="infrared").flatten().tolist() == pytest.approx([0.6, 1])
    depth = torch.tensor([0.0, 0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]).view(1, 1, 3, 4)
    found = saturated(depth, modality="depth").flatten()
    assert found.tolist() == pytest.approx([0, 0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0, 0, 0, 0])  # 4 of 10 known pixels
    assert saturated(torch.zeros(1, 1, 2, 2), modality="depth").sum() == 0


def test_a_frozen_sensor_delivers_the_capture_before_at_the_same_domain() -> None:
    rows = [Sample(str(i), "test", 1, "bona_fide", f"p{i}", domain, rgb="x.png") for i, domain in enumerate("aabab")]
    assert [sample.key for sample in earlier(rows)] == ["3", "0", "4", "1", "2"]


@pytest.mark.parametrize("what", DEGRADED)
def test_only_the_named_sensor_changes(what: str) -> None:
    now, before = batch(0), batch(1)
    found = degraded(now, what=what, stale=before)
    changed = [name for name in MODALITIES if not torch.equal(found.images[name], now.images[name])]
    assert changed == [what.split()[0]]
    if what.endswith("frozen"):
        assert torch.equal(found.images[changed[0]], before.images[changed[0]])
    assert found.key == now.key


def test_a_degradation_that_there_is_not_is_an_error() -> None:
    with pytest.raises(ValueError, match="none of"):
        degraded(batch(0), what="depth broken")
