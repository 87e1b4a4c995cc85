"""The momentum family against torchattacks: the same defaults and the same draws give the same bits.

Random draws of ours come from one generator a sample; the oracle draws from the global one. Where draws matter, one
sample is attacked and the oracle starts from that sample's seed.
"""

from __future__ import annotations

import warnings

import pytest
import torch
from torch import Tensor

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what the oracles' own imports say is not about us
    import foolbox
    import torchattacks

from facewarden.attacks.bim import BIM
from facewarden.attacks.di_fgsm import DIFGSM
from facewarden.attacks.mi_fgsm import MIFGSM
from facewarden.attacks.ni_fgsm import NIFGSM
from facewarden.attacks.pgd import PGD
from facewarden.attacks.si_fgsm import SIFGSM
from facewarden.attacks.ti_fgsm import TIFGSM
from facewarden.attacks.vmi_fgsm import VMIFGSM
from facewarden.core.attack import Attack
from facewarden.core.seeding import derive
from facewarden.core.threat import ThreatModel
from two_classes import InRange, TwoClasses, make_two_classes

THREAT = ThreatModel()


def theirs(attack: torchattacks.attack.Attack, objective: TwoClasses) -> Tensor:
    attacked: Tensor = attack(objective.clean["rgb"], objective.labels)
    return attacked


def test_bim_is_pgd_from_the_clean_image_and_torchattacks_but_for_its_rounding() -> None:
    """Its library clamps between two rounded borders where we clamp the difference: one rounding a step apart."""
    objective = make_two_classes()
    ours = BIM()(objective, THREAT).images["rgb"]
    assert torch.equal(ours, theirs(torchattacks.PGD(objective.network, random_start=False), objective))
    other = theirs(torchattacks.BIM(objective.network), objective)
    torch.testing.assert_close(ours, other, rtol=0, atol=3e-7)


@pytest.mark.parametrize("targeted", [False, True])
@pytest.mark.parametrize(
    ("ours", "oracle"),
    [
        (MIFGSM(), torchattacks.MIFGSM),
        (NIFGSM(), torchattacks.NIFGSM),
        (SIFGSM(), torchattacks.SINIFGSM),
    ],
)
def test_defaults_without_draws_give_the_same_bits(ours: Attack, oracle: type, targeted: bool) -> None:
    base = make_two_classes()
    objective = TwoClasses(base.network, base.clean["rgb"], base.labels, targeted=targeted)
    other = oracle(InRange(objective.network))
    if targeted:
        other.set_mode_targeted_by_function(lambda images, labels: 1 - labels)
    assert torch.equal(ours(objective, THREAT).images["rgb"], theirs(other, objective))


@pytest.mark.parametrize("eps", [2 / 255, 0.1])
@pytest.mark.parametrize("decay", [0.5, 1.2])
def test_other_budgets_and_momenta_give_the_same_bits(eps: float, decay: float) -> None:
    objective, threat, step = make_two_classes(), ThreatModel(eps=eps), eps / 5
    inner = InRange(objective.network)
    for ours, other in (
        (MIFGSM(steps=7, step_size=step, decay=decay), torchattacks.MIFGSM(inner, eps, step, 7, decay)),
        (NIFGSM(steps=7, step_size=step, decay=decay), torchattacks.NIFGSM(inner, eps, step, 7, decay)),
        (SIFGSM(steps=4, step_size=step, decay=decay, scales=4), torchattacks.SINIFGSM(inner, eps, step, 4, decay, 4)),
    ):
        assert torch.equal(ours(objective, threat).images["rgb"], theirs(other, objective))


def one_sample(row: int) -> tuple[TwoClasses, int]:
    """One sample, and the seed of its draws in the first walk."""
    whole = make_two_classes()
    part = TwoClasses(whole.network, whole.clean["rgb"][row : row + 1], whole.labels[row : row + 1])
    return part, derive(0, "walk", "0", "sample 0")


@pytest.mark.parametrize("row", [0, 3, 7])
@pytest.mark.parametrize(
    ("ours", "oracle"),
    [
        (DIFGSM(), torchattacks.DIFGSM),
        (TIFGSM(), torchattacks.TIFGSM),
        (VMIFGSM(), torchattacks.VMIFGSM),
        (VMIFGSM(look_ahead=True), torchattacks.VNIFGSM),
    ],
)
def test_defaults_with_the_same_draws_give_the_same_bits(
    ours: Attack, oracle: type, row: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    objective, seed = one_sample(row)
    # the oracle fills these tensors with uniform draws afterwards; the normal ones would only advance its generator
    monkeypatch.setattr(torch, "randn_like", torch.empty_like)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        other = theirs(oracle(InRange(objective.network)), objective)
    assert torch.equal(ours(objective, THREAT).images["rgb"], other)


@pytest.mark.parametrize("kernel", ["gaussian", "linear", "uniform"])
def test_smoothing_equals_torchattacks(kernel: str) -> None:
    objective = make_two_classes()
    other = torchattacks.TIFGSM(objective.network, kernel_name=kernel, len_kernel=7, diversity_prob=0.0, decay=1.0)
    ours = TIFGSM(kernel=kernel, kernel_size=7, probability=0.0, decay=1.0)  # type: ignore[arg-type]
    with torch.random.fork_rng():
        assert torch.equal(ours(objective, THREAT).images["rgb"], theirs(other, objective))


def test_without_its_options_each_variant_is_the_plain_one() -> None:
    objective = make_two_classes()
    plain = BIM()(objective, THREAT).images["rgb"]
    for attack in (MIFGSM(decay=0.0), DIFGSM(probability=0.0), TIFGSM(kernel_size=1, probability=0.0)):
        assert torch.equal(attack(objective, THREAT).images["rgb"], plain)
    momentum = MIFGSM()(objective, THREAT).images["rgb"]
    assert not torch.equal(momentum, plain)
    for attack in (SIFGSM(scales=1, look_ahead=False), VMIFGSM(neighbors=0)):
        assert torch.equal(attack(objective, THREAT).images["rgb"], momentum)


def test_linf_momentum_agrees_with_foolbox_on_its_first_step() -> None:
    """Foolbox sums bare gradients where the paper divides each by its mean: only the first step is the same."""
    objective = make_two_classes()
    model = foolbox.PyTorchModel(objective.network, bounds=(0, 1), device="cpu")
    other = foolbox.attacks.mi_fgsm.LinfMomentumIterativeFastGradientMethod(abs_stepsize=2 / 255, steps=1)
    images = other(model, objective.clean["rgb"], objective.labels, epsilons=8 / 255)[1]
    assert torch.equal(MIFGSM(steps=1)(objective, THREAT).images["rgb"], images)


def test_the_comparison_can_fail() -> None:
    objective = make_two_classes()
    other = theirs(torchattacks.MIFGSM(InRange(objective.network), decay=0.9), objective)
    assert not torch.equal(MIFGSM()(objective, THREAT).images["rgb"], other)
    assert not torch.equal(PGD()(objective, THREAT).images["rgb"], other)
