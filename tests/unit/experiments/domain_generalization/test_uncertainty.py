"""U against the simulator's true errors, and damage of a region: by hand, and a whole plan at toy size."""

from __future__ import annotations

import json
import textwrap
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from facewarden.core.batch import FaceBatch
from facewarden.core.errors import BadInputError
from facewarden.core.labels import CHANNELS, MODALITIES, Modality
from facewarden.data.manifest import Manifest
from facewarden.data.sample import Sample
from facewarden.experiments.domain_generalization.uncertainty.cell import evenly, unreliable
from facewarden.experiments.domain_generalization.uncertainty.damage import damaged, measure_damage
from facewarden.experiments.domain_generalization.uncertainty.settings import DAMAGES
from facewarden.experiments.domain_generalization.uncertainty.signals import (
    LearnedVariance,
    area,
    picture_signals,
    uncertainty_signals,
)
from facewarden.experiments.domain_generalization.uncertainty.truth import LARGEST, patch_errors
from facewarden.pad.mmdg import Mmdg
from facewarden.pad.parts.active_adapters import with_active_adapters
from facewarden.verbs.bench import bench
from four_domains import write_domains


def test_errors_are_those_of_the_sensor_and_holes_count_as_the_largest(tmp_path: Path) -> None:
    true = np.full((40, 40), 7000, np.uint16)  # tenths of a millimeter
    measured = np.full((40, 40), 700, np.uint16)
    measured[:20, 20:] = 704  # 4 mm off
    measured[20:, :20] = 0  # a hole
    true[30:, 30:] = 0  # beyond the scene: a quarter of the last patch
    measured[20:, 20:] = 900  # 200 mm off: cut
    for name, image in (("truedepth", true), ("millimeters", measured), ("rgb", np.zeros((40, 40, 3), np.uint8))):
        cv2.imwrite(str(tmp_path / f"a_{name}.png"), image)
    sample = Sample(
        key="a", split="test", label=1, species="bona_fide", subject="s", domain="d", rgb="a_rgb.png",
        box=(0.0, 0.0, 40.0, 40.0), extra={name: f"a_{name}.png" for name in ("truedepth", "millimeters")},
    )  # fmt: skip
    manifest = Manifest((sample,), root=tmp_path, name="x")
    found = patch_errors(manifest, sample, size=40, scale=1.0, side=2)
    np.testing.assert_allclose(found, [0.0, 4.0, LARGEST, LARGEST], atol=1e-4)
    far = patch_errors(manifest, sample, size=40, scale=1.0, side=4)
    assert np.isnan(far[15])
    lost = replace(sample, extra={**sample.extra, "truedepth": "absent.png"})
    with pytest.raises(BadInputError, match=r"absent\.png"):
        patch_errors(manifest, lost, size=40, scale=1.0, side=2)


def test_the_worst_patches_are_those_of_their_own_site() -> None:
    errors = np.array([[1.0, 2.0, 3.0, 4.0], [10.0, 20.0, 30.0, np.nan]])
    marked, edges = unreliable(errors, ["a", "b"], worst=0.3)
    assert marked.tolist() == [[False, False, False, True], [False, False, True, False]]
    assert edges["b"] > edges["a"]
    assert [s.key for s in evenly([_sample(str(n)) for n in range(10)], 5)] == ["0", "2", "4", "6", "8"]


def _sample(key: str) -> Sample:
    return Sample(key=key, split="test", label=1, species="bona_fide", subject=key, domain="d", rgb="x.png")


def test_an_area_is_that_of_the_signal_and_needs_both_kinds_of_patches() -> None:
    rng = np.random.default_rng(0)
    signal, positive = rng.normal(size=60).round(1), rng.random(60) < 0.4
    assert area(signal, positive) == pytest.approx(roc_auc_score(positive, signal))
    assert area(signal, np.zeros(60, bool)) is None
    assert area(np.where(positive, np.nan, signal), positive) is None


def test_the_picture_tells_holes_and_what_is_no_plane() -> None:
    plane = torch.linspace(0.2, 0.8, 16)[None, None, :, None].expand(1, 1, 16, 16).clone()
    plane[0, 0, :8, :8] = 0.0
    plane[0, 0, 8:, 8:] += torch.randn(8, 8, generator=torch.Generator().manual_seed(0)) * 0.1
    found = picture_signals(plane, 2)
    np.testing.assert_allclose(found["holes"], [[1, 0, 0, 0]], atol=0.05)
    assert found["residual"][0].argmax() == 3
    assert found["residual"][0, 1] < 1e-6


def test_learned_variance_is_large_where_color_tells_nothing() -> None:
    draw = torch.Generator().manual_seed(0)
    tokens = torch.randn(200, 4, 6, generator=draw)
    depth = tokens[..., 0] * 0.3
    depth[:, 3] += torch.randn(200, generator=draw)  # noise in the last patch
    fitted = LearnedVariance.fit(tokens, depth, seed=0)
    found = fitted.signals(tokens, depth)
    assert found["variance"].mean(axis=0).argmax() == 3
    assert found["prediction"].mean(axis=0).argmax() == 3


def model() -> Mmdg:
    made = Mmdg.untrained({"trunk": "vit_tiny_patch16_224:fresh", "size": 64, "depth": 2, "tiling": "batch"}, seed=0)
    return with_active_adapters(made).requires_grad_(False).eval()


def faces(count: int = 3, side: int = 64) -> FaceBatch:
    draw = torch.Generator().manual_seed(1)
    images = {m: torch.rand(count, CHANNELS[m], side, side, generator=draw) * 0.6 + 0.2 for m in MODALITIES}
    return FaceBatch(images=images, key=tuple(map(str, range(count))))


@pytest.mark.parametrize("kind", DAMAGES)
@pytest.mark.parametrize("sensor", MODALITIES)
def test_damage_stays_in_one_region_of_one_sensor(kind: Any, sensor: Modality) -> None:
    batch = faces()
    found, mask = damaged(batch, sensor=sensor, kind=kind, share=0.5)
    again, _ = damaged(batch, sensor=sensor, kind=kind, share=0.5)
    assert torch.equal(found.images[sensor], again.images[sensor])
    for name in MODALITIES:
        same = (found.images[name] == batch.images[name]).all(dim=1, keepdim=True)
        assert bool(same.all()) if name != sensor else bool(same[~mask].all())
    assert mask.flatten(1).sum(dim=1).tolist() == [32 * 32] * 3
    assert not torch.equal(found.images[sensor], batch.images[sensor])


def test_measures_of_damage_and_the_gate_is_put_back() -> None:
    made, batch = model(), faces()
    found = measure_damage(made, batch, sensor="depth", kind="noise", share=0.6, threshold=0.0)
    assert made.network.gated
    assert set(found) == {"detected", "moved", "flipped", "moved_off", "flipped_off"}
    assert all(len(values) == 3 for values in found.values())
    assert found["moved"] != found["moved_off"]
    with torch.no_grad():
        output = made.streams(batch, maps=True)
        changed = made.streams(damaged(batch, sensor="depth", kind="noise", share=0.6)[0], maps=True)
    away = (changed.tokens[[0, 2]] - output.tokens[[0, 2]]).norm(dim=2) / output.tokens[[0, 2]].norm(dim=2)
    np.testing.assert_allclose(found["moved"], away.mean(dim=0).numpy(), rtol=1e-5)
    signals = uncertainty_signals(output, 1)
    assert signals["u_mean"].shape == (3, 16)
    maps = output.maps
    assert maps is not None
    np.testing.assert_allclose(signals["u_last"], 1 - maps[1][:, -1, 1:].numpy(), rtol=1e-6)


PLAN = """
    kind: uncertainty
    title: toy
    data: {simulate: {version: 2, subjects: 8, captures_per_subject: 4, size: 64, seed: 3, workers: 1, maps: true,
                      domains: [site_01, site_02, site_03, site_04]}}
    changes:
      model: {trunk: "vit_tiny_patch16_224:fresh", depth: 2, size: 96}
      training: {epochs: 1, batch: 8, margin: 1.0, views: sensor}
    seeds: [0]
    worst: 0.3
    region: 0.5
    damages: [noise]
    sensors: [depth, infrared]
    most: 6
"""


def test_the_plan_runs_at_toy_size(tmp_path: Path) -> None:
    (tmp_path / "plan.yaml").write_text(textwrap.dedent(PLAN).lstrip(), encoding="utf-8")
    found = bench(str(tmp_path / "plan.yaml"), out=tmp_path / "out")
    assert [failure.message for failure in found.failed] == []
    assert found.cells == 2
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    titles = [table["title"] for table in summary["tables"]]
    assert len(titles) == 3
    areas = summary["data"]["areas"]
    assert {"u_mean", "u_last", "holes", "residual", "prediction", "variance"} <= set(areas)
    assert all(0 <= one["low"] <= one["value"] <= one["high"] <= 1 for one in areas.values())
    damage = summary["data"]["damage"]["depth noise"]
    assert {"detected", "moved", "moved_off", "spared", "moved_without", "flipped"} <= set(damage)
    assert damage["spared"]["value"] == pytest.approx(damage["moved_off"]["value"] - damage["moved"]["value"])
    assert summary["simulated"]
    assert any("AUROC of 1 - U" in sentence for sentence in summary["sentences"])


def test_captures_without_maps_and_detectors_without_u_are_refused(tmp_path: Path) -> None:
    captures = write_domains(tmp_path / "data", subjects=1)
    text = textwrap.dedent(PLAN).lstrip()
    start, end = text.index("data:"), text.index("changes:")
    (tmp_path / "plan.yaml").write_text(f"{text[:start]}data: {{captures: [{captures}]}}\n{text[end:]}")
    with pytest.raises(BadInputError, match="no exact depth"):
        bench(str(tmp_path / "plan.yaml"), out=tmp_path / "out")
    (tmp_path / "plan.yaml").write_text(f"{text}recipe: ama\n")
    with pytest.raises(BadInputError, match=r"gated|has no U"):
        bench(str(tmp_path / "plan.yaml"), out=tmp_path / "other")
