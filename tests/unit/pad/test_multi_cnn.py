"""The baseline's folder, its crop and its rules for what may be missing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from facewarden.core.artifact import save_artifact
from facewarden.core.errors import BadInputError, ContractError
from facewarden.core.labels import MODALITIES
from facewarden.pad.multi_cnn import SHIPPED, MultiCnn
from stand_ins import make_batch

SMALL = {"backbone": "lcnet_035", "width": 8, "size": 32}


@pytest.fixture(scope="module")
def detector() -> MultiCnn:
    return MultiCnn.untrained(SMALL, seed=1).eval()


def test_the_seed_decides_the_weights() -> None:
    first, again, other = (MultiCnn.untrained(SMALL, seed=seed).network.state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(value, again[name]) for name, value in first.items())
    assert any(not torch.equal(value, other[name]) for name, value in first.items())


def test_making_one_leaves_the_global_generator_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    MultiCnn.untrained(SMALL, seed=1)
    assert torch.equal(torch.rand(3), expected)


def test_a_folder_restores_the_same_scores(detector: MultiCnn, tmp_path: Path) -> None:
    save_artifact(tmp_path, detector.network.state_dict(), card=detector.card, recipe={"entry": "multi_cnn"})
    batch = make_batch(2, size=64)
    with torch.no_grad():
        assert torch.equal(MultiCnn.from_artifact(tmp_path)(batch).score, detector(batch).score)


def test_weights_of_another_width_are_refused(detector: MultiCnn, tmp_path: Path) -> None:
    card = replace(detector.card, settings={**detector.settings, "width": 16})
    save_artifact(tmp_path, detector.network.state_dict(), card=card, recipe={"entry": "multi_cnn"})
    with pytest.raises(BadInputError, match="weights of another network"):
        MultiCnn(tmp_path)


def test_a_card_without_settings_is_refused(detector: MultiCnn, tmp_path: Path) -> None:
    card = replace(detector.card, settings={"size": 32})
    save_artifact(tmp_path, detector.network.state_dict(), card=card, recipe={"entry": "multi_cnn"})
    with pytest.raises(BadInputError, match=r"lacks settings \['backbone', 'scale', 'width'\]"):
        MultiCnn(tmp_path)


def test_a_sample_without_any_sensor_is_refused(detector: MultiCnn) -> None:
    batch = make_batch(2, size=64)
    nothing = {name: torch.tensor([True, False]) for name in MODALITIES}
    with pytest.raises(ContractError, match="none of rgb, depth and infrared"):
        detector(replace(batch, present=nothing))


def test_frames_with_boxes_are_scored_by_their_crop(detector: MultiCnn) -> None:
    batch = replace(make_batch(2, size=64), box=torch.tensor([[20.0, 18.0, 44.0, 46.0]]).repeat(2, 1))
    crop = detector.crop(batch, size=32, scale=1.8)
    assert crop.box is None
    assert crop.images["depth"].shape == (2, 1, 32, 32)
    with torch.no_grad():
        assert torch.equal(detector(batch).score, detector(crop).score)
        far = {name: image.clone() for name, image in batch.images.items()}
        for image in far.values():
            image[:, :, :4] = 0.5  # outside of the box x1.8
        torch.testing.assert_close(detector(batch.with_images(far)).score, detector(batch).score)


def test_the_shipped_weights_are_small_simulated_and_decided_on_dev() -> None:
    if not SHIPPED.is_dir():
        pytest.fail("the package has no weights: facewarden train multi_cnn --out src/facewarden/weights/multi_cnn")
    detector = MultiCnn()
    assert (SHIPPED / "weights.safetensors").stat().st_size <= 5_000_000
    assert "simulated" in detector.card.training_data
    assert "simulated" in detector.card.limits
    assert detector.rule is not None
    assert detector.rule.split == "dev"


def test_shipped_files_are_an_artifact_of_this_entry() -> None:
    import json

    recipe = json.loads((SHIPPED / "recipe.json").read_text())
    assert recipe["entry"] == "multi_cnn"
