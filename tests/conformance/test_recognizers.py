"""Every recognizer whose weights are here: unit vectors, independence, honest gradients, frozen, card."""

from __future__ import annotations

import pytest
import torch

from facewarden.core.errors import ContractError
from facewarden.core.roles import Recognizer
from registered import build, names
from stand_ins import generator, make_faces

pytestmark = pytest.mark.parametrize("name", names("recognizers"), scope="module")


def built(name: str) -> Recognizer:
    recognizer: Recognizer = build("recognizers", name)
    return recognizer


def test_it_gives_unit_vectors_of_its_dimension(name: str) -> None:
    with torch.no_grad():
        vectors = built(name).embed(make_faces(3))
    assert vectors.shape == (3, built(name).dim)
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(3), atol=1e-5, rtol=0)
    assert float((vectors[0] - vectors[1]).norm()) > 1e-3, "two different faces have one embedding"


def test_a_face_is_embedded_alike_in_any_company(name: str) -> None:
    faces = make_faces(3)
    with torch.no_grad():
        together = built(name).embed(faces)
        torch.testing.assert_close(built(name).embed(faces[[2, 0]]), together[[2, 0]], atol=1e-5, rtol=0)
        torch.testing.assert_close(built(name).embed(faces[1:2]), together[1:2], atol=1e-5, rtol=0)
        assert torch.equal(built(name).embed(faces), together)


def test_gradients_reach_the_pixels_exactly_where_it_is_said(name: str) -> None:
    faces = make_faces(1).requires_grad_(True)
    vectors = built(name).embed(faces)
    assert vectors.requires_grad == built(name).differentiable
    if vectors.requires_grad:
        # against a random direction: a single value may be a rectified zero
        (vectors * torch.randn(vectors.shape, generator=generator(0))).sum().backward()
        assert faces.grad is not None
        assert bool(torch.isfinite(faces.grad).all())
        # a network may look at a window of the crop, but at every color channel and at the middle of the face
        assert bool((faces.grad[:, :, 30:82, 30:82].abs().sum(dim=(2, 3)) > 0).all())


@pytest.mark.parametrize("scale", [255.0, -1.0])
def test_images_out_of_range_are_refused(name: str, scale: float) -> None:
    with pytest.raises(ContractError, match=r"\[0, 1\]"):
        built(name).embed(make_faces(1) * scale)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_black_or_white_crop_is_embedded_or_refused_in_words(name: str, value: float) -> None:
    try:
        vectors = built(name).embed(torch.full((1, 3, 112, 112), value))
    except ContractError:
        return
    assert bool(torch.isfinite(vectors).all())


def test_it_is_frozen_and_in_evaluation_mode(name: str) -> None:
    assert not any(module.training for module in built(name).modules())
    assert not any(parameter.requires_grad for parameter in built(name).parameters())


def test_its_card_is_complete(name: str) -> None:
    card = built(name).card
    assert (card.name, card.role) == (name, "recognizer")
    assert all((card.summary, card.licence, card.source, card.limits, card.intended_use, card.training_data))
    assert all(len(digest) == 64 for digest in card.sha256.values())
