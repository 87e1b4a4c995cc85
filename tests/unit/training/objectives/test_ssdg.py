"""SSDG: triplets against loops and a worked case, who is told apart by the adversary, the rise of the reversal."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from facewarden.core.batch import FaceBatch
from facewarden.core.errors import BadInputError, ContractError
from facewarden.pad.ssdg import Ssdg as Detector
from facewarden.training.objectives.ssdg import Ssdg, triplet_loss
from facewarden.training.recipe import read_recipe
from stand_ins import TinyDetector, generator, make_batch

TINY = {"trunk": "vit_tiny_patch16_224:fresh", "size": 32, "depth": 1, "width": 16, "domains": 3}


def faces() -> FaceBatch:
    return replace(make_batch(6, size=32), domain=("n", "n", "s", "s", "n", "s"), box=None, tasks={})


def detector() -> Detector:
    return Detector.untrained(TINY, seed=0).eval()


def test_triplets_worked_by_hand() -> None:
    """On a line: one class at 0 and 1, another at 1.5; margin 0.2: 1 - 1.5 + 0.2 is below 0, 1 - 0.5 + 0.2 is not."""
    features = torch.tensor([[0.0], [1.0], [1.5]])
    found = triplet_loss(features, torch.tensor([0, 0, 1]), margin=0.2)
    assert found.item() == pytest.approx(0.7)
    assert triplet_loss(features, torch.tensor([0, 0, 0]), margin=0.2).item() == 0.0
    assert triplet_loss(features, torch.tensor([0, 1, 2]), margin=0.2).item() == 0.0


def test_triplets_are_those_of_three_loops() -> None:
    features = torch.randn(9, 4, generator=generator(0))
    classes = torch.tensor([0, 0, 1, 2, 1, 0, 2, 2, 1])
    values = []
    for a, p, n in itertools.permutations(range(9), 3):
        if classes[a] == classes[p] != classes[n]:
            value = float((features[a] - features[p]).norm() - (features[a] - features[n]).norm()) + 0.1
            values += [value] if value > 0 else []
    assert triplet_loss(features, classes, margin=0.1).item() == pytest.approx(sum(values) / len(values), rel=1e-5)


def test_equal_features_have_a_finite_gradient() -> None:
    features = torch.ones(4, 3, requires_grad=True)
    triplet_loss(features, torch.tensor([0, 0, 1, 1]), margin=0.1).backward()
    assert features.grad is not None
    assert bool(torch.isfinite(features.grad).all())


def test_the_total_is_the_sum_of_its_terms_and_only_bona_fide_samples_meet_the_adversary() -> None:
    model, batch = detector(), faces()
    rule = Ssdg(triplet=2.0, adversarial=0.1)
    rule.begin(domains=("n", "s"), steps=10)
    loss, output = rule(model, batch), model(batch)
    assert batch.label is not None
    assert output.features is not None
    classes = torch.tensor([1, 0, 2, 0, 1, 0])  # bona fide 0, attacks of n 1, of s 2
    real = [1, 3, 5]
    told = output.tasks["domain"][real, :2]
    adversary = F.cross_entropy(told, torch.tensor([0, 1, 1]))
    entropy = F.binary_cross_entropy_with_logits(output.score, batch.label.float())
    total = entropy + 2 * triplet_loss(output.features, classes, margin=0.1) + 0.1 * adversary
    torch.testing.assert_close(loss.total, total)
    torch.testing.assert_close(loss.parts["adversary"], adversary.detach())


def test_both_pairs_of_released_factors_have_a_recipe() -> None:
    """1 and 0.5 for three of the four targets, 2 and 0.1 for one, as the released configurations have it."""
    factors = {name: [read_recipe(name).objective_settings[key] for key in ("triplet", "adversarial")]
               for name in ("ssdg", "ssdg_released")}  # fmt: skip
    assert factors == {"ssdg": [2.0, 0.1], "ssdg_released": [1.0, 0.5]}


def test_the_reversal_rises_over_the_training_and_is_resumed() -> None:
    model = detector().requires_grad_(True).train()
    rule = Ssdg()
    rule.begin(domains=("n", "s"), steps=4)
    seen = []
    for _ in range(3):
        rule(model, faces())
        seen.append(model.network.reversal)
    assert seen == pytest.approx([2 / (1 + math.exp(-10 * t / 4)) - 1 for t in range(3)])
    again = Ssdg()
    again.begin(domains=("n", "s"), steps=4)
    again.load_state_dict(rule.state_dict())
    again(model, faces())
    assert model.network.reversal == pytest.approx(2 / (1 + math.exp(-7.5)) - 1)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ContractError, match="adversary"):
        Ssdg(sources=("lab",))(TinyDetector(), make_batch(4))
    with pytest.raises(BadInputError, match="domain"):
        Ssdg(sources=("n",))(detector(), replace(faces(), domain=None))
    with pytest.raises(BadInputError, match="4 source domains"):
        Ssdg(sources=("n", "s", "e", "w"))(detector(), faces())
    with pytest.raises(BadInputError, match="none below zero"):
        Ssdg(margin=-1.0)
