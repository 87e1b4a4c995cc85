"""What a step tells the log: readable names, the gradient of each owner, nothing about sensors that were absent."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from facewarden.core.batch import FaceBatch
from facewarden.core.labels import CHANNELS, MODALITIES
from facewarden.pad.mmdg import Mmdg
from facewarden.training.crops import CropSet
from facewarden.training.loop import LOG, TrainSettings, fit
from facewarden.training.objectives.parts.statistics import owned_norms
from facewarden.training.objectives.regrad import Regrad
from facewarden.training.objectives.ssp import Ssp
from facewarden.training.parts.augment_settings import Augmentation
from stand_ins import TinyDetector, generator, make_batch

TINY = {"trunk": "vit_tiny_patch16_224:fresh", "size": 32, "depth": 2}


def faces() -> FaceBatch:
    return replace(make_batch(4, size=32), domain=("north", "north", "south", "south"), box=None, tasks={})


def detector() -> Mmdg:
    model = Mmdg.untrained(TINY, seed=3)
    for name, parameter in model.network.named_parameters():
        if ".up." in name:
            parameter.data = torch.randn(parameter.shape, generator=generator(len(name))) * 0.1
    return model.eval()


def step(model: Mmdg, rule: Regrad, batch: FaceBatch) -> dict[str, float]:
    rule.begin(domains=("north", "south"), steps=1)
    rule.prototypes.values = torch.randn(3, 3, 192, generator=generator(1))
    rule.prototypes.seen = torch.ones(3, 3, dtype=torch.bool)
    loss = rule(model, batch)
    rule.backward(model, loss, run=lambda total: total.backward())
    return {**{name: float(part) for name, part in loss.parts.items()}, **rule.statistics(model)}


def test_a_step_of_regrad_says_everything_about_every_modality() -> None:
    model, rule = detector(), Regrad()
    found = step(model, rule, faces())
    wanted = {"loss", "certainty", "certainty_spread", "gradient", "prototype_gradient", "rebalanced_gradient",
              "conflict", "fastest", "base_ratio", "faint_base"}  # fmt: skip
    assert set(found) == {f"{what}/{m}" for what in wanted for m in MODALITIES} | {"cross_entropy", "gradient/shared"}
    certainty = model.streams(faces()).certainty
    assert found["certainty/depth"] == pytest.approx(float(certainty[1].mean()))
    assert found["certainty_spread/depth"] == pytest.approx(float(certainty[1].numpy().std()), rel=1e-4)
    losses = {m: found[f"loss/{m}"] for m in MODALITIES}
    assert [found[f"fastest/{m}"] for m in MODALITIES] == [float(losses[m] == min(losses.values())) for m in MODALITIES]
    assert rule.report is not None
    assert found["conflict/infrared"] == rule.report.conflicts[2]


def test_gradients_are_told_by_owner() -> None:
    model = detector()
    step(model, Regrad(), faces())
    found = owned_norms(model)
    squares = dict.fromkeys((*MODALITIES, "shared"), 0.0)
    for name, parameter in model.network.named_parameters():
        if parameter.grad is not None:
            owner = name.split(".")[2].split("_")[0] if name.startswith("adapters") else "shared"
            squares[owner] += float(parameter.grad.double().square().sum())
    assert found == {
        f"gradient/{owner}": pytest.approx(math.sqrt(square), rel=1e-4) for owner, square in squares.items()
    }
    assert owned_norms(nn.Linear(2, 2)) == {}
    assert owned_norms(TinyDetector()) == {}
    assert owned_norms(Mmdg.untrained(TINY, seed=0)) == {}, "no gradient yet"


def test_a_modality_that_no_sample_had_is_not_in_the_means() -> None:
    batch = faces()
    batch = replace(batch, present={**batch.present, "depth": torch.zeros(4, dtype=torch.bool)})
    found = step(detector(), Regrad(), batch)
    assert not [name for name in ("loss/depth", "certainty/depth") if name in found]
    assert all(math.isfinite(value) for value in found.values())


def test_domains_are_the_sources_unless_they_were_named() -> None:
    rule = Ssp()
    rule.begin(domains=("a", "b"), steps=3)
    assert rule.sources == ("a", "b")
    named = Ssp(sources=("c",))
    named.begin(domains=("a", "b"), steps=3)
    assert named.sources == ("c",)


@pytest.mark.parametrize(("batch", "accumulate"), [(4, 1), (3, 2)])  # of three batches, two are a step and one is
def test_the_log_of_a_training_holds_them_every_epoch(tmp_path: Path, batch: int, accumulate: int) -> None:
    draw = generator(0)
    source = CropSet(
        images={m: torch.randint(0, 255, (8, CHANNELS[m], 32, 32), generator=draw).to(torch.uint8) for m in MODALITIES},
        present={m: torch.ones(8, dtype=torch.bool) for m in MODALITIES},
        key=tuple("abcdefgh"), label=torch.arange(8) % 2, species=("",) * 8, subject=tuple("abcdefgh"),
        domain=tuple("nnsswwee"),
    )  # fmt: skip
    still = Augmentation(drop=0.9)
    settings = TrainSettings(epochs=2, batch=batch, margin=1.0, augmentation=still, accumulate=accumulate)
    fit(Mmdg.untrained(TINY, seed=0), source, objective=Regrad(), settings=settings, seed=0, run=tmp_path)
    lines = [json.loads(line) for line in (tmp_path / LOG).read_text().splitlines()]
    assert len(lines) == 2
    for line in lines:
        assert 0 < line["certainty/rgb"] <= 1
        assert sum(line[f"fastest/{m}"] for m in MODALITIES) == pytest.approx(1)
        assert {f"{what}/{m}" for what in ("loss", "gradient", "conflict") for m in MODALITIES} <= set(line)
