"""Free adversarial training beside a loop that is written out, and statistics that attacked samples do not move."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
import torch
from torch import nn
from torch.nn import functional

from facewarden.core.batch import FaceBatch
from facewarden.core.card import Card
from facewarden.core.errors import BadInputError
from facewarden.core.roles import Detector, PadOutput
from facewarden.training.cost_counter import counted
from facewarden.training.objectives.free_lb import FreeLb
from facewarden.training.objectives.parts.split_norm import statistics_kept
from facewarden.training.objectives.pgd_at import PgdAt
from facewarden.training.objectives.sfa_at import SfaAt
from many_heads import ManyHeads, toy_faces

PLAIN = {"base": "cross_entropy", "base_settings": {"branch": 0.0, "smoothing": 0.0}}
EPS, STEP = 4 / 255, 2 / 255


class Curved(Detector):
    """score = sum of tanh(w x) over 3 x 2 x 2 pixels: its slope depends on where it is taken."""

    card = Card(name="curved", summary="A stand-in.", role="pad")

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.linspace(-3.0, 2.6, 12).view(1, 3, 2, 2))

    def predict(self, batch: FaceBatch) -> PadOutput:
        return PadOutput(score=(batch.images["rgb"] * self.w).tanh().sum(dim=(1, 2, 3)))


def four() -> FaceBatch:
    images = torch.linspace(0.005, 0.995, 48).view(4, 3, 2, 2)  # some of them meet the end of the range
    return FaceBatch(images={"rgb": images}, key=("a", "b", "c", "d"), label=torch.tensor([1, 0, 1, 0]))


@pytest.mark.parametrize("steps", [1, 3])
def test_it_learns_the_mean_of_the_gradients_along_the_ascent(steps: int) -> None:
    batch, model = four(), Curved()
    objective = FreeLb(eps=4.0, step_size=2.0, steps=steps, **PLAIN)
    torch.manual_seed(7)
    loss = objective(model, batch)
    objective.backward(model, loss, run=lambda total: total.backward())

    clean, label = batch.images["rgb"], torch.tensor([1.0, 0, 1, 0])
    weights = Curved().w.detach().requires_grad_(True)
    torch.manual_seed(7)
    images = (clean + EPS * (2 * torch.rand_like(clean) - 1)).clamp(0, 1)
    wanted = torch.zeros_like(weights)
    for _ in range(steps):
        images = images.detach().requires_grad_(True)
        score = (images * weights).tanh().sum(dim=(1, 2, 3))
        of_weights, of_pixels = torch.autograd.grad(
            functional.binary_cross_entropy_with_logits(score, label), [weights, images]
        )
        wanted += of_weights / steps
        images = torch.minimum(torch.maximum(images + STEP * of_pixels.sign(), clean - EPS), clean + EPS).clamp(0, 1)
    assert model.w.grad is not None
    torch.testing.assert_close(model.w.grad, wanted)
    assert float(loss.parts["gradients"]) == steps


def test_it_takes_no_pass_for_the_attack_alone() -> None:
    model, objective = ManyHeads().requires_grad_(True).train(), FreeLb(steps=4, **PLAIN)
    with ExitStack() as stack:
        passes = stack.enter_context(counted(model))
        loss = objective(model, toy_faces(8))
        objective.backward(model, loss, run=lambda total: total.backward())
    assert (passes.forward, passes.backward) == (32, 32)


def norm_after(objective: PgdAt | SfaAt) -> tuple[torch.Tensor, torch.Tensor]:
    """The running mean after one step, and after the clean samples alone."""
    found = []
    for only_clean in (False, True):
        model, batch = ManyHeads().requires_grad_(True).train(), toy_faces(8)
        torch.manual_seed(0)
        if only_clean:
            model(batch)
        else:
            objective(model, batch)
        norm = next(module for module in model.modules() if isinstance(module, nn.BatchNorm2d))
        found.append(norm.running_mean.clone())
    return found[0], found[1]


@pytest.mark.parametrize("kind", [PgdAt, SfaAt])
def test_split_statistics_are_those_of_the_clean_samples(kind: type[PgdAt] | type[SfaAt]) -> None:
    shared, clean = norm_after(kind(eps=8.0, share=0.5, **PLAIN))
    split, same = norm_after(kind(eps=8.0, share=0.5, split=True, **PLAIN))
    assert torch.equal(split, same)
    assert not torch.equal(shared, clean)


def test_statistics_are_kept_for_a_while_and_batches_still_have_their_own() -> None:
    norm = nn.BatchNorm1d(2).train()
    images = torch.tensor([[0.0, 4.0], [2.0, 8.0]])
    with statistics_kept(norm):
        found = norm(images)
    torch.testing.assert_close(found.mean(dim=0), torch.zeros(2), atol=1e-6, rtol=0)
    assert norm.running_mean is not None
    assert norm.running_mean.tolist() == [0, 0]
    assert norm.num_batches_tracked == 0
    norm(images)
    assert norm.running_mean.tolist() == pytest.approx([0.1, 0.6])


def test_nonsense_is_refused() -> None:
    with pytest.raises(BadInputError, match="0 steps"):
        FreeLb(steps=0)
    with pytest.raises(BadInputError, match="base 'ssdg' needs its own"):
        FreeLb(base="ssdg")
    with pytest.raises(BadInputError, match="need clean samples"):
        PgdAt(split=True)
