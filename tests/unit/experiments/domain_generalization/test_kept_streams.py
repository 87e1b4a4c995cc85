"""Streams that were kept: a training on them is the uncached one, for every method that has a first block."""

from __future__ import annotations

import json
import textwrap
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from facewarden.core.batch import FaceBatch
from facewarden.core.errors import BadInputError, ContractError
from facewarden.core.labels import CHANNELS, MODALITIES
from facewarden.core.settings import SettingError
from facewarden.data.manifest import Manifest
from facewarden.experiments.domain_generalization.budget import check_budget, trained_parameters
from facewarden.experiments.domain_generalization.crop_store import make_store, view_of
from facewarden.experiments.domain_generalization.kept_streams import keep_view, kept_set, kept_views, open_streams
from facewarden.experiments.domain_generalization.settings import plan_of
from facewarden.nn.multimodal.stream_vit import shared_trunk
from facewarden.pad.parts.active_adapters import with_active_adapters
from facewarden.pad.parts.streams import KEPT, ThreeStreams
from facewarden.training.crops import load_crops
from facewarden.training.detector import trainable_class
from facewarden.training.tokens.drawn_views import drawn_view, pixels_of
from facewarden.training.tokens.sensor_views import sensor_view
from facewarden.verbs.bench import bench
from four_domains import write_domains

TINY: dict[str, Any] = {"trunk": "vit_tiny_patch16_224:fresh", "size": 32, "depth": 3, "tiling": "batch"}
METHODS = {
    "mmdg": {}, "dadm": {"width": 8, "places": 4}, "mmda": {"width": 12, "heads": 2, "places": 4}, "ama": {},
    "vit_cdc_adapter": {}, "unimodal_ensemble": {}, "vit_concat": {"preset": "paper", "hidden": 4},
    "ssdg": {"preset": "paper", "width": 16}, "cmfl": {"preset": "paper", "hidden": 4},
    "ssan": {"width": 8, "domains": 4}, "iadg": {"width": 8}, "vp_fas_like": {"prompts": 2}, "mmdg_plus_plus": {},
}  # fmt: skip


def made(name: str, **more: Any) -> ThreeStreams:
    found = trainable_class(name).untrained({**TINY, **METHODS[name], "first_block": 2, **more}, seed=0)
    assert isinstance(found, ThreeStreams)
    return with_active_adapters(found)


def faces(count: int = 4, *, side: int = 32, seed: int = 0) -> FaceBatch:
    draw = torch.Generator().manual_seed(seed)
    present = {m: torch.tensor([True, m != "depth", m != "infrared", True]) for m in MODALITIES}
    return FaceBatch(
        images={m: torch.rand(count, CHANNELS[m], side, side, generator=draw) for m in MODALITIES}, present=present,
        key=tuple(map(str, range(count))), label=torch.arange(count) % 2, domain=tuple("abab"),
    )  # fmt: skip


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("fill", ["pixel0", "masked_tokens"])
def test_kept_streams_give_the_scores_of_pixels(name: str, fill: str) -> None:
    """Also where sensors are absent: what stands for them goes through the same blocks."""
    model, batch = made(name, missing_fill=fill), faces()
    model.requires_grad_(False).eval()
    images, _ = model.prepare(replace(batch, present={}))
    below = shared_trunk(model.network).below(images)
    tiny = {m: torch.zeros(4, CHANNELS[m], 1, 1) for m in MODALITIES}
    streams = below.view(3, 4, *below.shape[1:]).transpose(0, 1)
    kept = replace(batch, images=tiny, tasks={KEPT: streams})
    with torch.no_grad():
        expected, found = model(batch), model(kept)
    torch.testing.assert_close(found.score, expected.score, atol=2e-5, rtol=1e-4)
    alone = trainable_class(name).untrained({**model.settings, "tiling": "sample"}, seed=0)
    alone.network.load_state_dict(model.network.state_dict())
    alone.requires_grad_(False).eval()
    with torch.no_grad():
        torch.testing.assert_close(alone(kept).score, expected.score, atol=2e-5, rtol=1e-4)


def test_mmdg_from_the_first_block_is_the_full_one_and_from_a_later_one_is_another() -> None:
    """The variant is the full network without the adapters below: those that it has are computed alike."""
    full, late = made("mmdg", first_block=0), made("mmdg", first_block=2)
    names = dict(full.network.named_parameters())
    assert sum(name.startswith("adapters.") for name in names) == 3 * sum(
        name.startswith("adapters.") for name, _ in late.network.named_parameters()
    )
    for name, parameter in late.network.named_parameters():
        theirs = name.replace("adapters.0.", "adapters.2.")
        parameter.data = names[theirs].data.clone()
    batch = faces()
    for model in (full, late):
        model.requires_grad_(False).eval()
    with torch.no_grad():
        assert not torch.allclose(full(batch).score, late(batch).score, atol=1e-4)
        for name, parameter in full.network.named_parameters():
            if name.startswith(("adapters.0.", "adapters.1.")) and ".up." in name:
                parameter.zero_()  # adapters that add nothing
        torch.testing.assert_close(full(batch).score, late(batch).score, atol=1e-6, rtol=1e-5)


def test_a_first_block_beyond_the_trunk_is_refused() -> None:
    with pytest.raises(BadInputError, match="first block 3 of 3"):
        made("mmdg", first_block=3)


@pytest.fixture(scope="module")
def captures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_domains(tmp_path_factory.mktemp("captures"), subjects=2)


PLAN = """
    kind: presentation
    data: {{captures: [{captures}]}}
    seeds: [0]
    scored_epochs: last
    missing: true
    activations: {kept}
    defaults:
      model: {{size: 32, trunk: "vit_tiny_patch16_224:fresh", depth: 3, first_block: 2, tiling: batch, preset: paper}}
      training: {{epochs: 2, batch: 8, rate: 0.01, margin: 1.0, views: sensor, augmentation: {{drop: 0.4}}}}
    methods:
      mmdg: {{entry: mmdg, objective: regrad}}
      ama: {{entry: ama, model: {{missing_fill: masked_tokens}}, tune: [{{training: {{rate: 0.003}}}}]}}
    parts:
      - {{title: Out, methods: [mmdg, ama], protocols: [half1_half2]}}
"""


@pytest.fixture(scope="module")
def ran(captures: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Results of the same trainings uncached and kept as 32 and 16 bits, by cell name."""
    found = {}
    folder = tmp_path_factory.mktemp("kept")
    for kept in ("none", "float32", "float16"):
        path = folder / f"{kept}.yaml"
        path.write_text(textwrap.dedent(PLAN).lstrip().format(captures=captures, kept=kept), encoding="utf-8")
        result = bench(str(path), out=folder / kept)
        assert not result.failed
        cells = [json.loads(one.read_text()) for one in (folder / kept).glob("cells/*/done.json")]
        found[kept] = {one["name"]: one["result"] for one in cells}
    return found


def test_a_training_on_kept_streams_is_the_uncached_one_within_float_error(ran: dict[str, dict[str, Any]]) -> None:
    for name in ("mmdg / half1_half2 / seed 0", "ama / half1_half2 / seed 0"):
        plain, whole, half = (ran[kept][name] for kept in ("none", "float32", "float16"))
        for loss in (line["loss"] for line in plain["log"]):
            assert np.isfinite(loss)
        np.testing.assert_allclose([line["loss"] for line in whole["log"]], [line["loss"] for line in plain["log"]],
                                   rtol=1e-4)  # fmt: skip
        for split in ("dev", "test"):
            expected = np.array(plain["scores"]["last_epoch"][split])
            np.testing.assert_allclose(whole["scores"]["last_epoch"][split], expected, atol=2e-3)
            np.testing.assert_allclose(half["scores"]["last_epoch"][split], expected, atol=0.1)
        for drop, scores in plain["missing"].items():
            np.testing.assert_allclose(whole["missing"][drop], scores, atol=2e-3)


def test_streams_are_computed_once_for_all_methods_and_clean_ones_alone_for_the_test(
    ran: dict[str, dict[str, Any]],
) -> None:
    views = {name: one["captures"] for name, one in ran["float32"].items() if name.startswith("streams of ")}
    assert [views[name] for name in sorted(views)] == [4 * 3 * 8, 16, 16, 16]
    assert not any(name.startswith("streams of ") for name in ran["none"])


def test_steps_see_the_same_views_with_and_without_kept_streams(captures: Path, tmp_path: Path) -> None:
    manifest, model = Manifest.read(captures.parent), made("mmdg")
    store = make_store(manifest, model, view=view_of(model, margin=1.0), folder=tmp_path / "crops")
    samples = store.readable(list(manifest.where(split="train")))
    for number in range(4):
        keep_view(model, store, samples, number=number, folder=tmp_path, kept="float32")
    streams = open_streams(model, store.view, folder=tmp_path, kept="float32")
    kept = kept_set(store, streams, samples, only=MODALITIES)
    plain = store.crops(samples)
    rows = [3, 0, 5, 3]
    for epoch in range(3):
        one, other = (
            source.seen(rows, keys=source.keys_of(rows), size=32, drop=0.9, seed=1, epoch=epoch)
            for source in (plain, kept)
        )
        assert one.key == other.key
        for name in MODALITIES:
            assert one.present[name].tolist() == other.present[name].tolist()
        images, _ = model.prepare(replace(one, present={}))
        below = shared_trunk(model.network).below(images)
        torch.testing.assert_close(other.tasks[KEPT].transpose(0, 1).flatten(0, 1), below, atol=1e-5, rtol=1e-4)
    numbers = [drawn_view(key, seed=1, epoch=2) for key in one.key]
    clean = pixels_of(plain.unchanged(rows, size=32))
    for row, number in enumerate(numbers):
        seen = sensor_view(clean[row], number)["rgb"]
        assert np.array_equal(pixels_of(replace(one, present={}))[row]["rgb"], seen)
    (views,) = [kept_views(store, streams, samples[:2], batch=4, only=("rgb",))]
    assert next(views).present["depth"].tolist() == [False, False]
    with pytest.raises(ContractError, match="views: sensor"):
        kept.pixels(rows)
    with pytest.raises(BadInputError, match="no streams of absent in view 1"):
        streams.read(["absent"], [1])
    with pytest.raises(BadInputError, match="preset released trains below block 2"):
        keep_view(made("mmdg", preset="released"), store, samples, number=0, folder=tmp_path, kept="float32")


def test_views_of_sensors_are_for_any_detector(captures: Path) -> None:
    model = made("mmdg")
    crops = load_crops(Manifest.read(captures.parent).where(split="train"), model, margin=1.0)
    seen = crops.seen(range(8), keys=crops.key[:8], size=32, drop=0.0, seed=0, epoch=0)
    again = crops.seen(range(8), keys=crops.key[:8], size=32, drop=0.0, seed=0, epoch=0)
    assert torch.equal(seen.images["rgb"], again.images["rgb"])
    numbers = {drawn_view(key, seed=0, epoch=epoch) for key in seen.key for epoch in range(4)}
    assert numbers == {0, 1, 2, 3}


def plan(budget: int, hidden: int) -> Any:
    model = {**TINY, "preset": "paper", "hidden": hidden}
    return plan_of({
        "data": {"captures": ["x.csv"]}, "methods": {"vit": {"entry": "vit_concat", "model": model}},
        "parts": [{"title": "x", "methods": ["vit"], "protocols": ["bcd_a"]}],
        "budget": {"parameters": budget, "methods": ["vit"]},
    })  # fmt: skip


def test_a_budget_counts_what_is_trained_and_refuses_what_misses_it() -> None:
    dim, blocks, hidden = 192, 3, 4
    expected = blocks * 2 * 3 * (2 * dim * hidden + hidden + dim) + 3 * dim + 1
    made_plan = plan(expected, hidden)
    assert trained_parameters(made_plan.methods["vit"].recipe) == expected
    assert check_budget(made_plan) == {"vit": expected}
    with pytest.raises(SettingError, match=rf"vit trains {expected:,} parameters, the budget is 50,000 within 10%"):
        check_budget(plan(50_000, hidden))
