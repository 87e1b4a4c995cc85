"""A detector's training that goes on from trained weights: what is kept, what is written, what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from facewarden.core.artifact import load_artifact
from facewarden.core.errors import BadInputError
from facewarden.verbs.train import train
from tiny_captures import write_captures

Recipes = Callable[..., str]
MODEL = {"backbone": "mobilenetv3_small_100", "size": 32, "pretrained": False, "heads": "live_only"}


@pytest.fixture
def recipe(tmp_path: Path) -> Recipes:
    """Write a recipe of a tiny detector on color."""

    def write(entry: str = "multitask", *, rate: float = 1e-3, **model: Any) -> str:
        path = tmp_path / f"{entry}_{rate}_{len(model)}.json"
        held = {"entry": entry, "summary": "a tiny one", "model": {**MODEL, **model}, "objective": "multitask",
                "training": {"epochs": 1, "batch": 6, "margin": 1, "rate": rate}}  # fmt: skip
        path.write_text(json.dumps(held))
        return str(path)

    return write


@pytest.fixture
def captures(tmp_path: Path) -> Path:
    return write_captures(tmp_path)


def test_it_goes_on_from_the_weights_and_its_card_says_so(recipe: Recipes, captures: Path, tmp_path: Path) -> None:
    first = train(recipe(), out=tmp_path / "first", captures=captures, seed=1)
    second = train(recipe(rate=1e-12), out=tmp_path / "second", captures=captures, seed=2, start=first)
    before, after = load_artifact(first), load_artifact(second)
    learned = {name for name in before.weights if "running" not in name and "num_batches" not in name}
    assert learned
    for name in learned:
        torch.testing.assert_close(after.weights[name], before.weights[name], atol=1e-6, rtol=0)
    assert after.recipe["start"] == before.card.sha256["weights.safetensors"]
    assert before.card.source in after.card.source
    assert f"before that: {before.card.training_data}" in after.card.training_data
    command = json.loads((second / "run" / "command.json").read_text())["command"]
    assert f"--start {first}" in command


def test_a_detector_of_another_name_and_the_same_network_will_do(
    recipe: Recipes, captures: Path, tmp_path: Path
) -> None:
    first = train(recipe("color_cnn"), out=tmp_path / "first", captures=captures)
    second = train(recipe("multitask", equal=True, scale=1.4), out=tmp_path / "second", captures=captures, start=first)
    assert load_artifact(second).card.name == "multitask"
    assert "recipe of color_cnn" in load_artifact(second).card.source


def test_a_run_that_began_elsewhere_is_not_gone_on_with(recipe: Recipes, captures: Path, tmp_path: Path) -> None:
    first, other = (train(recipe(), out=tmp_path / str(seed), captures=captures, seed=seed) for seed in (1, 2))
    out = train(recipe(), out=tmp_path / "out", captures=captures, start=first)
    with pytest.raises(BadInputError, match="other settings: start"):
        train(recipe(), out=out, captures=captures, start=other, resume=True)


def test_weights_of_another_network_are_refused(recipe: Recipes, captures: Path, tmp_path: Path) -> None:
    first = train(recipe(), out=tmp_path / "first", captures=captures)
    with pytest.raises(BadInputError, match=r"weights of another network than the recipe's: size 32 instead of 48"):
        train(recipe(size=48), out=tmp_path / "out", captures=captures, start=first)
    with pytest.raises(BadInputError, match="equal False instead of True"):
        train(recipe("color_cnn"), out=tmp_path / "out", captures=captures, start=first)
    with pytest.raises(BadInputError, match=r"nowhere"):
        train(recipe(), out=tmp_path / "out", captures=captures, start=tmp_path / "nowhere")
    assert not (tmp_path / "out").exists()


def test_a_detector_that_is_fitted_in_closed_form_begins_anew(captures: Path, tmp_path: Path) -> None:
    first = train("statistics_ridge", out=tmp_path / "first", captures=captures)
    with pytest.raises(BadInputError, match="fitted in closed form"):
        train("statistics_ridge", out=tmp_path / "second", captures=captures, start=first)
