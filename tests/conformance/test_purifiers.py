"""Every purifier: shape, range, determinism, independence, card."""

from __future__ import annotations

import pytest
import torch

from facewarden.core.roles import Purifier
from registered import build, names
from stand_ins import make_faces

pytestmark = pytest.mark.parametrize("name", names("purifiers"), scope="module")


CHANGE_COLORS = ("slow_color", "puface_broad", "puface_gated")
"""They change colors that seem to be tinted, as those of stand-ins for faces do; of faces: purifier_two.md."""


def built(name: str) -> Purifier:
    purifier: Purifier = build("purifiers", name)
    return purifier


def images(count: int = 3) -> torch.Tensor:
    faces = make_faces(count)
    faces[0, :, :20], faces[0, :, -20:] = 0.0, 1.0
    return faces


@pytest.mark.parametrize("size", [(112, 112), (50, 37), (8, 8)])
def test_it_keeps_shape_range_and_dtype(name: str, size: tuple[int, int]) -> None:
    given = torch.nn.functional.interpolate(images(), size=size, mode="area")
    purified = built(name)(given)
    assert purified.shape == given.shape
    assert purified.dtype == torch.float32
    assert built(name)(purified).dtype == torch.float32
    assert built(name)(given.double()).dtype == torch.float64


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_black_and_white_stay_in_range(name: str, value: float) -> None:
    if name == "slow_color":
        pytest.skip("a flat picture has slow colors alone, which are replaced")
    purified = built(name)(torch.full((1, 3, 112, 112), value))
    assert float((purified - value).abs().mean()) < 0.02


def test_the_same_images_give_the_same_bits(name: str) -> None:
    assert torch.equal(built(name)(images()), built(name)(images()))


def test_an_image_is_purified_alike_in_any_company(name: str) -> None:
    together = built(name)(images())
    torch.testing.assert_close(built(name)(images()[[2, 0]]), together[[2, 0]], atol=1e-5, rtol=0)
    torch.testing.assert_close(built(name)(images()[1:2]), together[1:2], atol=1e-5, rtol=0)


def test_it_keeps_the_face(name: str) -> None:
    if name in CHANGE_COLORS:
        pytest.skip("colors that seem to be tinted are changed")
    given = images()
    assert float((built(name)(given) - given).abs().mean()) < 0.1


def test_whoever_changes_the_result_keeps_the_images(name: str) -> None:
    given = images()
    before = given.clone()
    built(name)(given).zero_()
    assert torch.equal(given, before)


def test_it_takes_no_images_at_all(name: str) -> None:
    assert built(name)(torch.zeros(0, 3, 112, 112)).shape == (0, 3, 112, 112)


def test_gradients_pass_exactly_where_it_is_said(name: str) -> None:
    given = images(1).requires_grad_(True)
    purified = built(name)(given)
    assert purified.requires_grad == built(name).differentiable
    if purified.requires_grad:
        purified.square().sum().backward()
        assert given.grad is not None
        assert float(given.grad.abs().sum()) > 0.0


def test_its_card_is_complete(name: str) -> None:
    card = built(name).card
    assert (card.name, card.role) == (name, "purifier")
    assert all((card.summary, card.source, card.limits, card.intended_use, card.training_data))
    assert card.licence not in ("", "unknown")
