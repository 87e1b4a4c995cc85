"""Every detector whose weights are here: one finite logit a sample, independence, honest gradients, frozen, card."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.nn.functional import interpolate

from facewarden.core.batch import FaceBatch
from facewarden.core.errors import ContractError
from facewarden.core.labels import MODALITIES
from facewarden.core.roles import Detector
from registered import build, names
from stand_ins import make_batch

pytestmark = pytest.mark.parametrize("name", names("pad"), scope="module")


def built(name: str) -> Detector:
    detector: Detector = build("pad", name)
    return detector


def frames(name: str, count: int = 3) -> FaceBatch:
    """Frames of the size that the detector is best given, with a face box in the middle."""
    detector = built(name)
    size = detector.frame_size
    coarse = make_batch(count, size=14, modalities=[m for m in MODALITIES if m in detector.modalities])
    images = {m: interpolate(image, size=size, mode="bilinear").clamp(0, 1) for m, image in coarse.images.items()}
    box = torch.tensor([[0.3, 0.25, 0.7, 0.75]]).repeat(count, 1) * size
    return replace(coarse, images=images, box=box)


def test_it_gives_one_finite_logit_a_sample(name: str) -> None:
    with torch.no_grad():
        output = built(name)(frames(name))
    assert output.score.shape == (3,)
    assert bool(torch.isfinite(output.score).all())
    assert set(output.tasks) == set(built(name).heads), "every declared head is there"
    assert all(len(task) == 3 for task in output.tasks.values())
    assert len(set(output.score.tolist())) == 3, "three different frames have one score"


def test_a_sample_is_scored_alike_in_any_company(name: str) -> None:
    batch = frames(name)
    with torch.no_grad():
        together = built(name)(batch).score
        for rows in ([2, 0, 1], [1], [0, 2]):
            torch.testing.assert_close(built(name)(batch.select(rows)).score, together[rows], atol=1e-4, rtol=1e-4)
        assert torch.equal(built(name)(batch).score, together)


def test_gradients_reach_the_pixels_exactly_where_it_is_said(name: str) -> None:
    batch = frames(name, 1)
    pixels = {modality: image.clone().requires_grad_(True) for modality, image in batch.images.items()}
    score = built(name)(batch.with_images(pixels)).score
    assert score.requires_grad == built(name).differentiable
    if score.requires_grad:
        score.sum().backward()
        for modality, image in pixels.items():
            assert image.grad is not None, modality
            assert bool(torch.isfinite(image.grad).all())
            assert float(image.grad.abs().sum()) > 0.0, f"{modality} has no influence"


def test_what_it_needs_must_be_there(name: str) -> None:
    detector, batch = built(name), frames(name)
    if detector.needs_box:
        with pytest.raises(ContractError, match="box"):
            detector(replace(batch, box=None))
    for modality in set(detector.modalities) - set(detector.optional):
        absent = {**batch.present, modality: torch.tensor([True, False, True])}
        with pytest.raises(ContractError, match=modality):
            detector(replace(batch, present=absent))


def test_the_pixels_of_an_absent_modality_are_ignored(name: str) -> None:
    detector, batch = built(name), frames(name)
    for modality in detector.optional:
        present = {**batch.present, modality: torch.tensor([True, False, True])}
        image = batch.images[modality].clone()
        image[1] = 1.0 - image[1]
        with torch.no_grad():
            one = detector(replace(batch, present=present)).score
            other = detector(replace(batch, present=present, images={**batch.images, modality: image})).score
            full = detector(batch).score
        torch.testing.assert_close(one, other)
        assert float((one[1] - full[1]).abs()) > 0.0, f"{modality} has no influence"


def test_it_declares_modalities_that_exist(name: str) -> None:
    detector = built(name)
    assert set(detector.optional) <= set(detector.modalities) <= set(MODALITIES)
    assert detector.frame_size >= 16


def test_it_is_frozen_and_in_evaluation_mode(name: str) -> None:
    assert not any(module.training for module in built(name).modules())
    assert not any(parameter.requires_grad for parameter in built(name).parameters())


def test_its_card_is_complete(name: str) -> None:
    card = built(name).card
    assert (card.name, card.role) == (name, "pad")
    assert all((card.summary, card.licence, card.source, card.limits, card.intended_use, card.training_data))
    assert all(len(digest) == 64 for digest in card.sha256.values())
