"""The detector on color alone: older cards, its errors, and that color cast does not decide."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from facewarden.core.artifact import save_artifact
from facewarden.core.batch import FaceBatch
from facewarden.core.errors import BadInputError
from facewarden.pad.color_cnn import ColorCnn
from facewarden.pad.color_cnn_robust import ColorCnnRobust
from facewarden.pad.multitask import Multitask
from stand_ins import make_batch


def frames() -> FaceBatch:
    batch = make_batch(3, size=96)
    batch = replace(batch, box=torch.tensor([[25.0, 22.0, 70.0, 75.0]]).repeat(3, 1))
    return replace(batch, images={"rgb": batch.images["rgb"]}, present={"rgb": batch.present["rgb"]})


def test_a_card_that_is_older_than_equalizing_reads_as_without(tmp_path: Path) -> None:
    made = Multitask.untrained({"size": 64}, seed=0)
    settings = {name: value for name, value in made.settings.items() if name != "equal"}
    save_artifact(tmp_path, made.network.state_dict(), card=replace(made.card, settings=settings), recipe={})
    assert Multitask(tmp_path).settings["equal"] is False


def test_its_errors_name_it() -> None:
    with pytest.raises(BadInputError, match="color_cnn has no setting width"):
        ColorCnn.untrained({"width": 3}, seed=0)


def test_the_shipped_weights_do_not_go_by_color_cast() -> None:
    detector = ColorCnn()
    assert (ColorCnn.shipped() / "weights.safetensors").stat().st_size <= 5_000_000
    assert "simulated" in detector.card.limits
    batch = frames()
    cast = batch.with_images({"rgb": batch.images["rgb"] * torch.tensor([1.0, 0.8, 0.6]).view(1, 3, 1, 1)})
    with torch.no_grad():
        plain, other = detector(batch).score, detector(cast).score
    torch.testing.assert_close(plain, other, atol=0.25, rtol=0.05)


def test_the_robust_weights_are_of_the_same_network_and_say_what_they_went_on_from() -> None:
    robust, accurate = ColorCnnRobust(), ColorCnn()
    assert (ColorCnnRobust.shipped() / "weights.safetensors").stat().st_size <= 5_000_000
    assert "recipe of color_cnn, seed 0" in robust.card.source
    batch = frames()
    again = ColorCnnRobust(ColorCnn.shipped())
    assert torch.equal(again(batch).score, accurate(batch).score)
    assert not torch.equal(robust(batch).score, accurate(batch).score)
