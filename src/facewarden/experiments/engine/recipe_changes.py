"""What a plan changes of a training recipe, and the recipe that results, checked where the plan wrote it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from facewarden.core import registry
from facewarden.core.errors import FacewardenError
from facewarden.core.settings import SettingError, Text, WrittenAs, check_arguments
from facewarden.core.settings.problems import path_text
from facewarden.training.loop import TrainSettings
from facewarden.training.recipe import Recipe, parse_recipe

Place = tuple[str | int, ...]
ABSENT: Any = None
"""Default of a setting that a plan may leave out, but not set to null."""
Training = Annotated[Mapping[str, Any], WrittenAs(TrainSettings)]
"""Settings of the training that differ."""


@dataclass(frozen=True)
class RecipeChanges:
    """Settings that replace those of a recipe; nested ones are merged key by key.

    Attributes:
        entry: detector to train.
        model: settings of the detector.
        objective, objective_settings: the loss and its arguments; those of another objective are not taken over.
        training: how to train.
    """

    entry: Text = ABSENT
    model: Mapping[str, Any] = field(default_factory=dict)
    objective: Text = ABSENT
    objective_settings: Mapping[str, Any] = field(default_factory=dict)
    training: Training = field(default_factory=dict)


@dataclass(frozen=True)
class CardChanges(RecipeChanges):
    """Settings that replace those of a recipe, with those for the card and the weights of the result.

    Attributes:
        summary, intended_use, limits, licence: for the card.
        captures: not used here, as the plan names its captures.
        policy: how the threshold is set.
        weights_precision: "float32" or "float16".
    """

    summary: str = ABSENT
    captures: Mapping[str, Any] = field(default_factory=dict)
    policy: str = ABSENT
    intended_use: str = ABSENT
    limits: str = ABSENT
    licence: str = ABSENT
    weights_precision: Literal["float32", "float16"] = "float32"


def checked_recipe(
    values: Mapping[str, Any], *, at: Place, written: Sequence[tuple[Place, Mapping[str, Any]]] = ()
) -> Recipe:
    """Make a recipe and try its objective.

    Args:
        values: the whole recipe.
        at: where the plan names it.
        written: places in the plan and what stands there, in the order in which they count.

    Raises:
        SettingError: it is no recipe, or its objective cannot be made; it has the place that wrote the wrong setting.
    """
    inside: Place = ()
    try:
        recipe = parse_recipe(values, source="")
        inside = ("objective",)
        make = registry.load("objectives", recipe.objective)
        inside = ("objective_settings",)
        check_arguments(make, recipe.objective_settings, source="")
        make(**recipe.objective_settings)
    except FacewardenError as error:
        inner = (*inside, *error.at) if isinstance(error, SettingError) else inside
        raise misplaced(error, inner, at=at, written=written) from error
    return recipe


def misplaced(
    error: FacewardenError, inner: Place, *, at: Place, written: Sequence[tuple[Place, Mapping[str, Any]]] = ()
) -> SettingError:
    """The error of a recipe as one of the plan.

    Args:
        error: what is wrong.
        inner: keys that lead to it in the recipe.
        at, written: as of `checked_recipe`.
    """
    found = (
        (*where, *inner) for depth in range(len(inner), 0, -1) for where, held in written if _holds(held, inner[:depth])
    )
    return SettingError(f"{path_text(at)}: {error.message}", hint=error.hint, at=next(found, at))


def _holds(values: Any, keys: Place) -> bool:
    for key in keys:
        if not isinstance(values, Mapping) or key not in values:
            return False
        values = values[key]
    return True
