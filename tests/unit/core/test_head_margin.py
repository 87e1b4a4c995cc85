"""Distance of a head from the truth in logits: by hand, and with a gradient where the loss has none left."""

from __future__ import annotations

import pytest
import torch

from facewarden.core.errors import BadInputError
from facewarden.core.head_goal import HeadLoss, goal_of
from facewarden.core.tasks import head_loss, head_margin
from many_heads import ManyHeads, toy_faces


def test_classes_are_as_far_as_the_best_other_logit_is_above_the_truth() -> None:
    output = torch.tensor([[3.0, 1.0, -2.0], [0.0, 5.0, 1.0], [1.0, 2.0, 3.0]])
    found = head_margin(output, torch.tensor([0, 2, -1]))
    assert found.tolist() == [-2.0, 4.0, 0.0]  # of the last nothing is known


def test_attributes_count_negative_where_they_are_there_and_unknown_ones_not_at_all() -> None:
    output = torch.tensor([[2.0, -1.0, 7.0]])
    assert head_margin(output, torch.tensor([[1.0, 0.0, float("nan")]])).item() == pytest.approx(-1.5)
    assert head_margin(output, torch.full((1, 3), float("nan"))).item() == 0.0


def test_maps_are_taken_back_through_their_sigmoid_away_from_the_truth() -> None:
    logits = torch.tensor([[[[2.0, -3.0]]]])
    truth = torch.tensor([[[[1.0, 0.5]]]])  # both values lie below the truth
    found = head_margin(torch.sigmoid(logits), truth)
    assert found.item() == pytest.approx((-2.0 + 3.0) / 2, abs=1e-5)
    wide = truth.repeat_interleave(2, dim=-1).repeat_interleave(2, dim=-2)
    assert head_margin(torch.sigmoid(logits), wide).item() == pytest.approx(found.item(), abs=1e-5)


@pytest.mark.parametrize("head", ["spoof_type", "depth_map"])
def test_its_gradient_lives_where_that_of_the_loss_is_gone(head: str) -> None:
    truth = torch.tensor([0]) if head == "spoof_type" else torch.zeros(1, 1, 2, 2)
    raw = torch.full((1, 11), -60.0) if head == "spoof_type" else torch.full((1, 1, 2, 2), -60.0)
    if head == "spoof_type":
        raw[0, 0] = 60.0
    raw.requires_grad_(True)
    output = raw if head == "spoof_type" else torch.sigmoid(raw)
    (of_loss,) = torch.autograd.grad(head_loss(head, output, truth).sum(), raw, retain_graph=True)
    (of_margin,) = torch.autograd.grad(head_margin(output, truth).sum(), raw)
    assert of_loss.abs().max() < 1e-20
    assert of_margin.abs().max() > 0.1


def test_a_goal_climbs_it_on_request_and_the_decision_its_score() -> None:
    model, batch = ManyHeads(2), toy_faces(6)
    goal = goal_of(model, batch, head="type", threshold=0.0, form="logits")
    wanted = head_margin(model(batch).tasks["type"], batch.tasks["type"])
    assert torch.equal(goal.loss(batch.images), wanted)
    score = model(batch).score
    assert batch.label is not None
    signed = torch.where(batch.label.bool(), -score, score)
    assert torch.equal(goal_of(model, batch, head=None, threshold=0.0, form="logits").loss(batch.images), signed)
    with pytest.raises(BadInputError, match="loss of the head only"):
        HeadLoss(model, batch, head="type", threshold=0.0, towards=0, form="logits")
