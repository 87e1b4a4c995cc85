"""The attacks on one gradient ascent: their shared arguments can be read by name and type, and reach the ascent."""

from __future__ import annotations

from typing import Any

import pytest

from facewarden.attacks.parts.gradient_attack import GradientAttack
from facewarden.core import registry
from facewarden.core.errors import BadInputError
from facewarden.core.precision import Precision
from facewarden.evaluation.attack_options import build_attack, options_of

SHARED: dict[str, Any] = {
    "steps": int, "step_size": float | None, "random_start": bool, "restarts": int, "stop_at_success": bool,
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


@pytest.mark.parametrize("name", OWN)
def test_arguments_have_names_and_types_and_reach_the_ascent(name: str) -> None:
    options = options_of(name)
    assert {option: kind for option, kind in options.items() if option in SHARED} == SHARED
    assert tuple(option for option in options if option not in SHARED) == OWN[name]
    made = build_attack(name, {"steps": "3", "step_size": "1/255", "random_start": "yes", "restarts": "2"})
    assert isinstance(made, GradientAttack)
    ascent = made.ascent
    assert (ascent.steps, ascent.step_size, ascent.random_start, ascent.restarts) == (3, 1 / 255, True, 2)
    assert "steps=3" in repr(made)
    with pytest.raises(BadInputError, match="did you mean 'steps'"):
        build_attack(name, {"stepz": "3"})


@pytest.mark.parametrize("name", sorted(set(OWN) - {"pgd", "bim"}))
def test_momentum_of_the_method_reaches_the_ascent(name: str) -> None:
    made = build_attack(name, {"decay": "0.25"})
    assert isinstance(made, GradientAttack)
    assert made.ascent.decay == 0.25
