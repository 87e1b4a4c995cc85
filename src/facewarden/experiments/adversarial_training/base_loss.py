"""The loss that adversarial training learns: that of the starting point, unless a method says another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from facewarden.core import registry
from facewarden.training.objectives.awp import Awp
from facewarden.training.objectives.parts.within_budget import WithinBudget

_USUAL = "multitask"
"""The base of every adversarial objective that names none."""


def with_base(objective: str, own: Mapping[str, Any], *, start: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a method's objective, with the loss of the starting point as its base; of `awp`, as its inner one's.

    Only what is not the objective's default is added, so that cells whose start has the usual loss keep their ids.

    Args:
        objective: registry name of the method's.
        own: its settings in the plan.
        start: recipe of the starting point.

    Raises:
        FacewardenError: there is no such objective.
    """
    made = registry.load("objectives", objective)
    if issubclass(made, Awp):
        inner = with_base(str(own.get("inner", "pgd_at")), own.get("inner_settings") or {}, start=start)
        return {**own, "inner_settings": inner} if inner else dict(own)
    if not issubclass(made, WithinBudget) or "base" in own:
        return dict(own)
    base, settings = _loss_of(start["objective"], start.get("objective_settings") or {})
    added: dict[str, Any] = {"base": base} if base != _USUAL else {}
    if settings:
        added["base_settings"] = settings
    return {**added, **own}


def _loss_of(objective: str, settings: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The loss that an objective learns: itself, or the base of an adversarial one."""
    made = registry.load("objectives", objective)
    if issubclass(made, Awp):
        return _loss_of(str(settings.get("inner", "pgd_at")), settings.get("inner_settings") or {})
    if issubclass(made, WithinBudget):
        return str(settings.get("base", _USUAL)), dict(settings.get("base_settings") or {})
    return objective, dict(settings)
