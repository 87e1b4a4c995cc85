"""A step of recipes of every kind on another device than the captures, and a score on the captures' own."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from facewarden.core import registry
from facewarden.core.compute.device import device_of
from facewarden.pad.multi_cnn import MultiCnn
from facewarden.training.loop import TrainSettings, fit
from facewarden.training.recipe import read_recipe
from second_device import second_device
from stand_ins import crop_set

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def second() -> Iterator[torch.device]:
    with second_device() as device:
        yield device


@pytest.mark.parametrize(
    "name",
    ["ama", "cmfl", "mm_cdcn", "ssdg", "vit_cdc_adapter", "vit_concat", "mmdg_regrad_every", "mmdg_regrad_token"],
)
def test_a_recipe_takes_a_step_there(name: str, tmp_path: Path, second: torch.device) -> None:
    plan = read_recipe(name)
    model: Any = registry.load("pad", plan.entry).untrained(plan.model, seed=0)
    objective = registry.load("objectives", plan.objective)(**plan.objective_settings)
    settings = replace(plan.training, epochs=1, batch=4, accumulate=1, margin=1.0, precision="float32")
    crops = crop_set(4, side=int(model.settings["size"]))
    log = fit(model, crops, objective=objective, settings=settings, seed=0, run=tmp_path, device=second)
    assert math.isfinite(log[0]["loss"])
    assert device_of(model) == second
    assert model(crops.batch(range(2))).score.device == torch.device("cpu")


@pytest.mark.parametrize(
    "name",
    ["ama_joint", "dadm", "dadm_published", "iadg", "mmda", "mmdg_plus_plus", "ogm_ge", "ssan", "unimodal_ensemble",
     "vp_fas_like"],
)  # fmt: skip
def test_a_recipe_of_further_rows_goes_on_there(name: str, tmp_path: Path, second: torch.device) -> None:
    """Two epochs: what is measured before an epoch, kept between steps and drawn lies on the device of the model."""
    plan = read_recipe(name)
    small = {"width": 16} if name.startswith("dadm") else {}
    model: Any = registry.load("pad", plan.entry).untrained({**plan.model, "depth": 1, "size": 32, **small}, seed=0)
    objective = registry.load("objectives", plan.objective)(**plan.objective_settings)
    settings = replace(plan.training, epochs=2, batch=4, accumulate=1, margin=1.0, precision="float32")
    crops = crop_set(4, side=32)
    log = fit(model, crops, objective=objective, settings=settings, seed=0, run=tmp_path, device=second)
    assert math.isfinite(log[1]["loss"])
    assert device_of(model) == second
    assert model(crops.batch(range(2))).score.device == torch.device("cpu")


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("awp", {"inner_settings": {"base": "cross_entropy", "steps": 1}}),
        ("sfa_at", {"base": "cross_entropy", "generator_steps": 1}),
        ("trades", {"base": "cross_entropy", "steps": 1}),
    ],
)
def test_training_under_attack_happens_there(
    name: str, given: dict[str, Any], tmp_path: Path, second: torch.device
) -> None:
    model = MultiCnn.untrained({"backbone": "lcnet_035", "width": 8, "size": 32}, seed=0)
    objective = registry.load("objectives", name)(**given)
    settings = TrainSettings(epochs=1, batch=8, margin=1.0)
    log = fit(model, crop_set(8), objective=objective, settings=settings, seed=0, run=tmp_path, device=second)
    assert math.isfinite(log[0]["loss"])
