"""One budget of trained parameters for all methods of a comparison, checked before anything is trained."""

from __future__ import annotations

from facewarden.core.settings import SettingError
from facewarden.experiments.domain_generalization.settings import PresentationPlan
from facewarden.training.detector import untrained_detector
from facewarden.training.recipe import Recipe


def trained_parameters(recipe: Recipe) -> int:
    """How many parameters a recipe trains."""
    model = untrained_detector(recipe, seed=0)
    model.requires_grad_(True)
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


def check_budget(plan: PresentationPlan) -> dict[str, int]:
    """Count what every method of the budget trains.

    Args:
        plan: with a budget or without.

    Returns:
        Method -> parameters; empty without a budget.

    Raises:
        SettingError: one trains more or fewer than the budget allows.
    """
    if plan.budget is None:
        return {}
    wanted, within = plan.budget.parameters, plan.budget.within
    counts = {}
    for name in plan.budget.methods:
        for recipe in plan.methods[name].recipes:
            counts[name] = trained_parameters(recipe)
            if abs(counts[name] - wanted) > within * wanted:
                raise SettingError(
                    f"{name} trains {counts[name]:,} parameters, the budget is {wanted:,} within {within:.0%}",
                    hint="another width: hidden or width of its model", at=("methods", name),
                )  # fmt: skip
    return counts
