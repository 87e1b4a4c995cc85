from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from facewarden.core.errors import BadInputError
from facewarden.core.threat import ThreatModel
from stand_ins import generator

SEEDS = st.integers(0, 10_000)
REACH = st.sampled_from([0.0, 1e-3, 0.1, 1.0, 50.0])


def pair(seed: int, reach: float) -> tuple[torch.Tensor, torch.Tensor]:
    source = generator(seed)
    clean = torch.rand(3, 3, 6, 5, generator=source)
    clean[0, 0], clean[1, 0] = 0.0, 1.0
    return clean + reach * torch.randn(clean.shape, generator=source), clean


@pytest.mark.parametrize("norm", ["linf", "l2"])
@given(seed=SEEDS, reach=REACH, eps=st.sampled_from([0.0, 1 / 255, 8 / 255, 0.5, 1.0]))
def test_projection_lands_in_the_budget_and_projecting_again_changes_no_bit(
    norm: Any, seed: int, reach: float, eps: float
) -> None:
    images, clean = pair(seed, reach)
    threat = ThreatModel(norm=norm, eps=eps)
    once = threat.project(images, clean)
    assert bool(((once >= 0) & (once <= 1)).all())
    # in double precision, so that the check does not share the rounding of what it checks
    change = (once.double() - clean.double()).flatten(1)
    length = change.abs().amax(dim=1) if norm == "linf" else change.norm(dim=1)
    assert float(length.max()) <= eps * (1 + 1e-5) + 1e-6 * (eps > 0)
    assert torch.equal(threat.project(once, clean), once)


@pytest.mark.parametrize("norm", ["linf", "l2"])
@given(seed=SEEDS)
def test_no_budget_means_the_clean_image_bit_by_bit(norm: Any, seed: int) -> None:
    images, clean = pair(seed, 1.0)
    assert torch.equal(ThreatModel(norm=norm, eps=0.0).project(images, clean), clean)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_what_is_inside_already_stays(norm: Any) -> None:
    clean = torch.full((1, 1, 2, 2), 0.5)
    inside = clean + torch.tensor([[[[0.125, -0.125], [0.0, 0.0625]]]])
    assert torch.equal(ThreatModel(norm=norm, eps=0.25).project(inside, clean), inside)


def test_both_norms_on_a_case_worked_by_hand() -> None:
    clean = torch.tensor([[[[0.5, 0.5]]]])
    images = torch.tensor([[[[0.8, 0.1]]]])  # changes of 0.3 and -0.4, of length 0.5
    linf, l2 = ThreatModel(eps=0.2), ThreatModel(norm="l2", eps=0.25)
    torch.testing.assert_close(linf.project(images, clean), torch.tensor([[[[0.7, 0.3]]]]))
    torch.testing.assert_close(l2.project(images, clean), torch.tensor([[[[0.65, 0.3]]]]))
    torch.testing.assert_close(linf.distance(images, clean), torch.tensor([0.4]))
    torch.testing.assert_close(l2.distance(images, clean), torch.tensor([0.5]))


def test_the_length_is_per_sample() -> None:
    clean = torch.zeros(2, 1, 2, 2)
    images = torch.stack([torch.full((1, 2, 2), 0.5), torch.full((1, 2, 2), 0.01)])
    projected = ThreatModel(norm="l2", eps=0.1).project(images, clean)
    assert torch.equal(projected[1], images[1])
    assert float(projected[0].norm()) == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"eps": -0.1}, "eps must be"),
        ({"eps": math.nan}, "eps must be"),
        ({"eps": math.inf}, "eps must be"),
        ({"eps": 8.0}, "outside the pixel range"),
        ({"modalities": ()}, "not among"),
    ],
)
def test_an_impossible_threat_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInputError, match=message):
        ThreatModel(**arguments)


def test_gray_levels_given_as_a_budget_get_the_right_hint() -> None:
    with pytest.raises(BadInputError) as error:
        ThreatModel(eps=8.0)
    assert error.value.hint == "did you mean 8/255?"
    assert ThreatModel(norm="l2", eps=8.0).eps == 8.0


def test_offsets_have_the_size_of_the_norm() -> None:
    noise = torch.rand(3, 3, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1
    noise[2] = 0.0
    linf, l2 = (ThreatModel(norm=norm, eps=0.5).scaled(noise, radius=1.5) for norm in ("linf", "l2"))  # type: ignore[arg-type]
    torch.testing.assert_close(linf, 0.75 * noise)
    torch.testing.assert_close(l2.flatten(1).norm(dim=1), torch.tensor([0.75, 0.75, 0.0]))
    torch.testing.assert_close(l2[0] / l2[0].norm(), noise[0] / noise[0].norm())
