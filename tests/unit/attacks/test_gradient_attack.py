"""The attacks on one gradient ascent: their shared arguments can be read by name and type, and reach the ascent."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import Any

import pytest

from facewarden.attacks.parts.gradient_attack import GradientAttack
from facewarden.attacks.parts.restarted_attack import RestartedAttack
from facewarden.core import registry
from facewarden.core.compute.precision import Precision
from facewarden.core.errors import BadInputError
from facewarden.core.settings import Count, Positive, SettingError
from facewarden.evaluation.attack_options import build_attack, options_of

SHARED: dict[str, Any] = {
    "steps": Count, "step_size": Positive | None, "random_start": bool, "restarts": Count, "stop_at_success": bool,
    "precision": Precision,
}  # fmt: skip
OWN = {
    "pgd": (),
    "bim": (),
    "mi_fgsm": ("decay",),
    "ni_fgsm": ("decay",),
    "si_fgsm": ("decay", "scales", "look_ahead"),
    "di_fgsm": ("decay", "smallest", "probability"),
    "ti_fgsm": ("decay", "kernel", "kernel_size", "deviations", "smallest", "probability"),
    "vmi_fgsm": ("decay", "neighbors", "radius", "look_ahead"),
}


def test_these_are_all_the_attacks_on_the_shared_base() -> None:
    entries = {entry.name: registry.load("attacks", entry.name) for entry in registry.list_entries("attacks")}
    assert {name for name, entry in entries.items() if issubclass(entry, GradientAttack)} == set(OWN)
    restarted = {name for name, entry in entries.items() if issubclass(entry, RestartedAttack)}
    assert restarted == {*OWN, "apgd", "fab"}
    for name in restarted:  # the walk and the shared arguments are written once
        assert not {"perturb", "steps", "restarts", "stop_at_success", "precision"} & set(vars(entries[name])), name


@pytest.mark.parametrize("name", OWN)
def test_arguments_have_names_and_types_and_reach_the_ascent(name: str) -> None:
    options = options_of(name)
    assert {option: kind for option, kind in options.items() if option in SHARED} == SHARED
    assert tuple(option for option in options if option not in SHARED) == OWN[name]
    made = build_attack(name, {"steps": "3", "step_size": "1/255", "random_start": "yes", "restarts": "2"})
    assert isinstance(made, GradientAttack)
    assert (made.steps, made.step_size, made.random_start, made.restarts) == (3, 1 / 255, True, 2)
    assert "steps=3" in repr(made)
    with pytest.raises(BadInputError, match="did you mean 'steps'"):
        build_attack(name, {"stepz": "3"})


@pytest.mark.parametrize("name", sorted(set(OWN) - {"pgd", "bim"}))
def test_momentum_of_the_method_reaches_the_ascent(name: str) -> None:
    made = build_attack(name, {"decay": "0.25"})
    assert isinstance(made, GradientAttack)
    assert made.rule().decay == 0.25


@pytest.mark.parametrize(
    ("method", "option", "allowed"),
    [
        ("pgd", "steps=-1", "steps is -1; allowed: a whole number from 1"),
        ("pgd", "step_size=0", "step_size is 0.0"),
        ("bim", "restarts=0", "restarts is 0; allowed: a whole number from 1"),
        ("mi_fgsm", "decay=-1", "decay is -1.0; allowed: a number from 0"),
        ("si_fgsm", "scales=0", "scales is 0; allowed: a whole number from 1"),
        ("di_fgsm", "smallest=1", "smallest is 1.0; allowed: a number above 0 to below 1"),
        ("di_fgsm", "probability=1.5", "probability is 1.5; allowed: a number from 0 to 1"),
        ("ti_fgsm", "deviations=0", "deviations is 0.0; allowed: a number above 0"),
        ("vmi_fgsm", "neighbors=-1", "neighbors is -1; allowed: a whole number from 0"),
        ("apgd", "rho=2", "rho is 2.0; allowed: a number from 0 to 1"),
        ("apgd", "loss=dlr", 'loss is "dlr"; allowed: objective, margin or cross_entropy'),
        ("fab", "eta=0.5", "eta is 0.5; allowed: a number from 1"),
        ("fab", "beta=0", "beta is 0.0; allowed: a number above 0 to 1"),
        ("square", "queries=0", "queries is 0; allowed: a whole number from 1"),
        ("auto_binary", "steps=0", "steps is 0; allowed: a whole number from 1"),
        ("noise", "draws=0", "draws is 0; allowed: a whole number from 1"),
        ("fawkes", "mode=huge", 'mode is "huge"; allowed: low, mid or high'),
        ("fawkes_targeted", "rate=0", "rate is 0.0; allowed: a number above 0"),
        ("lowkey", "price=-1", "price is -1.0; allowed: a number from 0"),
        ("tip_im", "patch=0", "patch is 0; allowed: a whole number from 1"),
        ("ulixes", "steps=0", "steps is 0; allowed: a whole number from 1"),
    ],
)
def test_a_range_gives_one_kind_of_error_as_text_and_from_python(method: str, option: str, allowed: str) -> None:
    name, _, text = option.partition("=")
    with pytest.raises(SettingError, match=re.escape(allowed)) as typed:
        build_attack(method, {name: text})
    assert typed.value.at == (name,)
    make: Any = registry.load("attacks", method)
    usual = next(item.default for item in fields(make) if item.name == name)
    if isinstance(usual, str):
        return  # the type checks of the test run are the first to refuse it
    value = int(text) if isinstance(usual, int) else float(text)
    with pytest.raises(SettingError, match=re.escape(allowed)):
        make(**{name: value})
