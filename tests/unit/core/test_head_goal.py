"""The loss of a head as a goal: worked values, unknown truth, lists of heads."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.nn import functional

from facewarden.attacks.pgd import PGD
from facewarden.core.batch import FaceBatch
from facewarden.core.decision_goal import Evade
from facewarden.core.errors import BadInputError
from facewarden.core.head_goal import HeadLoss, class_code, goal_of, labeled
from facewarden.core.threat import ThreatModel
from facewarden.pad.multitask import Multitask
from many_heads import ManyHeads, toy_faces
from stand_ins import TinyDetector, make_batch


def test_each_kind_of_truth_has_its_loss() -> None:
    model, batch = ManyHeads(), toy_faces(6)
    output = model(batch).tasks
    kinds = functional.cross_entropy(output["type"], batch.tasks["type"], reduction="none")
    traits = functional.binary_cross_entropy_with_logits(
        output["attributes"], batch.tasks["attributes"], reduction="none"
    ).mean(dim=1)
    maps = (output["depth"] - batch.tasks["depth"]).square().flatten(1).mean(dim=1)
    for head, wanted in {"type": kinds, "attributes": traits, "depth": maps}.items():
        goal = HeadLoss(model, batch, head=head, threshold=0.0)
        torch.testing.assert_close(goal.loss(batch.images), wanted)
        part = goal.select([4, 1])
        torch.testing.assert_close(part.loss({"rgb": batch.images["rgb"][[4, 1]]}), wanted[[4, 1]])
        assert part.keys == (batch.key[4], batch.key[1])
        assert part.label is not None
        assert part.label.tolist() == [0, 1]


def test_success_is_the_decision_not_the_head() -> None:
    model, batch = ManyHeads(), toy_faces(6)
    goal, decision = HeadLoss(model, batch, head="type", threshold=0.1), Evade(model, batch, threshold=0.1)
    assert torch.equal(goal.success(batch.images), decision.success(batch.images))
    torch.testing.assert_close(goal.margin(batch.images), decision.margin(batch.images))


def test_what_is_not_known_is_not_climbed() -> None:
    model, batch = ManyHeads(), toy_faces(4)
    tasks = {**batch.tasks, "type": torch.tensor([0, -1, 2, -1])}
    unsure = type(batch)(images=batch.images, key=batch.key, label=batch.label, tasks=tasks)
    assert (HeadLoss(model, unsure, head="type", threshold=0.0).loss(batch.images) > 0).tolist() == [
        True, False, True, False,
    ]  # fmt: skip


def test_samples_whose_truth_is_unknown_are_told_apart() -> None:
    model, batch = ManyHeads(), toy_faces(4)
    traits, depth = batch.tasks["attributes"].clone(), batch.tasks["depth"].clone()
    traits[1] = torch.nan
    traits[2, :3] = torch.nan  # some are known: there is something to climb
    depth[0] = torch.nan
    unsure = replace(batch, tasks={"type": torch.tensor([0, -1, 2, -1]), "attributes": traits, "depth": depth})
    wanted = {"type": [1, 0, 1, 0], "attributes": [1, 0, 1, 1], "depth": [0, 1, 1, 1]}
    assert {head: labeled(model, unsure, head=head).int().tolist() for head in wanted} == wanted
    assert labeled(model, unsure, head=None).all()
    assert labeled(model, unsure, head="live").all()  # it has no such head: the decision
    with pytest.raises(BadInputError, match="no head 'smile'"):
        labeled(model, unsure, head="smile")


def test_a_missing_head_lists_the_heads_and_missing_truth_the_truth() -> None:
    with pytest.raises(BadInputError, match="no head 'smile'") as raised:
        HeadLoss(ManyHeads(), toy_faces(2), head="smile", threshold=0.0)
    assert "type, attributes, depth" in raised.value.hint
    bare = toy_faces(2)
    bare = type(bare)(images=bare.images, key=bare.key, label=bare.label, tasks={"type": bare.tasks["type"]})
    with pytest.raises(BadInputError, match="without the truth") as raised:
        HeadLoss(ManyHeads(), bare, head="attributes", threshold=0.0)
    assert "type" in raised.value.hint


def test_the_decision_is_attacked_by_its_cross_entropy() -> None:
    batch = make_batch(4)
    goal = goal_of(TinyDetector(), batch, head=None, threshold=0.0)
    assert isinstance(goal, Evade)
    score = TinyDetector()(batch).score
    assert batch.label is not None
    wanted = functional.binary_cross_entropy_with_logits(score, batch.label.float(), reduction="none")
    torch.testing.assert_close(goal.loss(batch.images), wanted)
    assert isinstance(goal_of(TinyDetector(), batch, head="live", threshold=0.0), Evade)
    assert isinstance(goal_of(ManyHeads(), toy_faces(2), head="type", threshold=0.0), HeadLoss)


def test_towards_a_class_descends_its_cross_entropy_and_leaves_the_unknown_alone() -> None:
    model = Multitask.untrained({"size": 64}, seed=0).requires_grad_(False).eval()
    images = torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    batch = FaceBatch(
        images={"rgb": images}, key=("a", "b", "c"), label=torch.tensor([0, 0, 1]),
        tasks={"spoof_type": torch.tensor([9, -1, 0])},
    )  # fmt: skip
    wanted = class_code("spoof_type", "live")
    goal = goal_of(model, batch, head="spoof_type", threshold=0.0, towards=wanted)
    output = model(batch).tasks["spoof_type"]
    by_hand = torch.log_softmax(output, dim=1)[:, 0] * torch.tensor([1.0, 0.0, 1.0])
    torch.testing.assert_close(goal.loss(batch.images), by_hand)
    torch.testing.assert_close(goal.select([2]).loss({"rgb": images[2:]}), by_hand[2:])
    moved = PGD(steps=3)(goal.select([0]), ThreatModel(eps=8 / 255), seed=0).images["rgb"]
    assert (
        model(batch.select([0]).with_images({"rgb": moved})).tasks["spoof_type"].softmax(1)[0, 0]
        > output.softmax(1)[0, 0]
    )


@pytest.mark.parametrize(
    ("head", "text", "message"),
    [("depth_map", "1", "names no class"), ("live", "1", "names no class"), ("spoof_type", "pone", "no class 'pone'"),
     ("illumination", "5", "no class '5'")],
)  # fmt: skip
def test_a_class_that_is_not_there_is_refused_with_those_there_are(head: str, text: str, message: str) -> None:
    with pytest.raises(BadInputError, match=message) as raised:
        class_code(head, text)
    assert raised.value.hint
    assert class_code("spoof_type", "phone") == class_code("spoof_type", "9") == 9
