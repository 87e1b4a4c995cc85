"""The gradient attacks against torchattacks and Foolbox on one single-output model: same algorithm, same bits."""

from __future__ import annotations

import warnings

import pytest
import torch
from torch import Tensor

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what the oracles' own imports say is not about us
    import foolbox
    import torchattacks

from facewarden.attacks.fgsm import FGSM
from facewarden.attacks.pgd import PGD
from facewarden.core.threat import ThreatModel
from two_classes import TwoClasses, make_two_classes


@pytest.fixture(scope="module")
def objective() -> TwoClasses:
    return make_two_classes()


def foolbox_attack(attack: object, objective: TwoClasses, eps: float) -> Tensor:
    model = foolbox.PyTorchModel(objective.network, bounds=(0, 1), device="cpu")
    return attack(model, objective.clean["rgb"], objective.labels, epsilons=eps)[1]  # type: ignore[operator]


def torchattacks_attack(attack: torchattacks.attack.Attack, objective: TwoClasses) -> Tensor:
    return attack(objective.clean["rgb"], objective.labels)


@pytest.mark.parametrize("eps", [1 / 255, 8 / 255, 0.3])
def test_fgsm_equals_torchattacks_and_foolbox(objective: TwoClasses, eps: float) -> None:
    ours = FGSM()(objective, ThreatModel(eps=eps)).images["rgb"]
    assert torch.equal(ours, torchattacks_attack(torchattacks.FGSM(objective.network, eps=eps), objective))
    fast = foolbox.attacks.LinfFastGradientAttack(random_start=False)
    assert torch.equal(ours, foolbox_attack(fast, objective, eps))


@pytest.mark.parametrize("eps", [1 / 255, 8 / 255, 0.3])
@pytest.mark.parametrize("steps", [1, 10, 40])
def test_linf_pgd_equals_torchattacks_and_foolbox(objective: TwoClasses, eps: float, steps: int) -> None:
    result = PGD(steps=steps, step_size=2 / 255, random_start=False)(objective, ThreatModel(eps=eps))
    ours = result.images["rgb"]
    theirs = torchattacks.PGD(objective.network, eps=eps, alpha=2 / 255, steps=steps, random_start=False)
    assert torch.equal(ours, torchattacks_attack(theirs, objective))
    other = foolbox.attacks.LinfPGD(abs_stepsize=2 / 255, steps=steps, random_start=False)
    assert torch.equal(ours, foolbox_attack(other, objective, eps))
    assert result.gradient_calls == steps


def test_defaults_are_those_of_torchattacks(objective: TwoClasses) -> None:
    ours = PGD(random_start=False)(objective, ThreatModel()).images["rgb"]
    assert torch.equal(ours, torchattacks_attack(torchattacks.PGD(objective.network, random_start=False), objective))
    ours = PGD(random_start=False)(objective, ThreatModel(norm="l2", eps=1.0)).images["rgb"]
    assert torch.equal(ours, torchattacks_attack(torchattacks.PGDL2(objective.network, random_start=False), objective))


@pytest.mark.parametrize("eps", [0.1, 1.0, 5.0])
@pytest.mark.parametrize("steps", [1, 10, 40])
def test_l2_pgd_equals_torchattacks(objective: TwoClasses, eps: float, steps: int) -> None:
    ours = PGD(steps=steps, step_size=0.2, random_start=False)(objective, ThreatModel(norm="l2", eps=eps)).images["rgb"]
    theirs = torchattacks.PGDL2(objective.network, eps=eps, alpha=0.2, steps=steps, random_start=False)
    assert torch.equal(ours, torchattacks_attack(theirs, objective))


@pytest.mark.parametrize("eps", [0.1, 1.0, 5.0])
@pytest.mark.parametrize("steps", [1, 10])
def test_l2_pgd_agrees_with_foolbox(objective: TwoClasses, eps: float, steps: int) -> None:
    """Foolbox multiplies by one over the norm where we divide by it: a rounding apart in each step."""
    ours = PGD(steps=steps, step_size=0.2, random_start=False)(objective, ThreatModel(norm="l2", eps=eps)).images["rgb"]
    theirs = foolbox.attacks.L2PGD(abs_stepsize=0.2, steps=steps, random_start=False)
    torch.testing.assert_close(ours, foolbox_attack(theirs, objective, eps), rtol=0, atol=2e-6)


def test_the_oracle_comparison_can_fail(objective: TwoClasses) -> None:
    ours = PGD(steps=10, step_size=2 / 255, random_start=False)(objective, ThreatModel(eps=8 / 255)).images["rgb"]
    theirs = torchattacks.PGD(objective.network, eps=8 / 255, alpha=2 / 255, steps=9, random_start=False)
    assert not torch.equal(ours, torchattacks_attack(theirs, objective))
