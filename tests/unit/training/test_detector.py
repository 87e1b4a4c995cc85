"""The one assembly of a training: what can be trained, from where it starts, and the card of the result."""

from __future__ import annotations

import pytest
import torch

from facewarden.core.errors import BadInputError, UnknownEntryError
from facewarden.pad.multi_cnn import MultiCnn
from facewarden.training.detector import DetectorTraining, trainable_class, untrained_detector
from facewarden.training.recipe import Recipe

RECIPE = Recipe(
    "multi_cnn", "a tiny one", model={"backbone": "lcnet_035", "width": 8, "size": 32}, weights_precision="float16"
)


def test_only_trainable_detectors_are_trained() -> None:
    assert trainable_class("multi_cnn") is MultiCnn
    with pytest.raises(BadInputError, match="onnx_file cannot be trained here"):
        trainable_class("onnx_file")
    with pytest.raises(UnknownEntryError):
        trainable_class("nobody")


def test_a_training_starts_from_the_seed_or_from_the_model_that_is_given() -> None:
    first, same, other = (untrained_detector(RECIPE, seed=seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(value, same[name]) for name, value in first.items())
    assert not all(torch.equal(value, other[name]) for name, value in first.items())
    given = untrained_detector(RECIPE, seed=3)
    assert DetectorTraining(RECIPE, seed=1, model=given).model is given


def test_the_card_and_the_weights_are_those_of_the_recipe_and_the_model() -> None:
    training = DetectorTraining(RECIPE, seed=1)
    card = training.card(summary="s", source="c", training_data="d", limits="l")
    assert (card.name, card.role, card.licence) == ("multi_cnn", "pad", "Apache-2.0")
    assert card.settings == dict(training.model.settings)
    weights = training.weights()
    kept = training.model.network.state_dict()
    assert {value.dtype for value in weights.values() if value.is_floating_point()} == {torch.float16}
    assert all(torch.equal(value.to(kept[name]), kept[name]) for name, value in weights.items())


def test_the_card_names_the_licence_of_public_weights_that_the_model_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    training = DetectorTraining(RECIPE, seed=1)
    monkeypatch.setattr(training.model, "settings", {"trunk": "dinov2_small"})
    card = training.card(summary="s", source="c", training_data="d", limits="l")
    told = "Apache-2.0; of the weights of its trunk dinov2_small: MIT for the package, by its metadata only"
    assert card.licence.startswith(told)
