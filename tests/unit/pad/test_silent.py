"""The score of averaged softmaxes: by hand, stable where the plain formula is not, with a gradient everywhere."""

from __future__ import annotations

import math

import pytest
import torch

from facewarden.core.batch import FaceBatch
from facewarden.pad.parts.silent import bgr_crop, mean_live_logit


def test_it_is_the_logit_of_the_mean_probability() -> None:
    logits = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(0)).double()
    p = logits.softmax(-1)[..., 1].mean(0)
    torch.testing.assert_close(mean_live_logit(logits, live=1), torch.log(p / (1 - p)))


def test_worked_case() -> None:
    # one network says 3/4, the other 1/4: the mean is one half, its logit 0
    logits = torch.tensor([[[0.0, math.log(3.0)]], [[math.log(3.0), 0.0]]])
    assert mean_live_logit(logits, live=1).item() == pytest.approx(0.0, abs=1e-6)


def test_it_is_finite_and_has_a_gradient_where_the_probability_rounds_to_one_or_zero() -> None:
    for sign in (1.0, -1.0):
        logits = torch.tensor([[[0.0, 200.0 * sign, 0.0]]] * 2, requires_grad=True)
        score = mean_live_logit(logits, live=1)
        score.sum().backward()
        assert score.item() == pytest.approx(sign * 200.0 - math.log(2.0), abs=1e-3)
        assert logits.grad is not None
        assert float(logits.grad[..., 1].sum()) == pytest.approx(1.0, abs=1e-3)


def test_the_network_sees_blue_first_in_0_to_255() -> None:
    frame = torch.tensor([0.2, 0.4, 0.6]).reshape(1, 3, 1, 1).expand(1, 3, 20, 20)
    batch = FaceBatch(images={"rgb": frame}, key=("a",), box=torch.tensor([[5.0, 5.0, 15.0, 15.0]]))
    crop = bgr_crop(batch, scale=1.5, size=4)
    torch.testing.assert_close(crop[0, :, 0, 0], torch.tensor([153.0, 102.0, 51.0]))
