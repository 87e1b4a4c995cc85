"""Settings of a plan of kind `poisoned_training`, checked before anything is computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le, MinLen

from facewarden.core.errors import FacewardenError
from facewarden.core.settings import Text, WrittenAs, read_settings
from facewarden.experiments.engine.plan_settings import Seeds
from facewarden.experiments.engine.recipe_changes import RecipeChanges, checked_recipe, misplaced
from facewarden.training.poisoning.trigger import TrainingTrigger
from facewarden.training.recipe import read_recipe
from facewarden.training.recipe_files import merged

Defense = Literal["spectral_signatures", "loss_outliers", "random"]


@dataclass(frozen=True)
class PlannedTrigger(TrainingTrigger):
    """The setting `training_trigger` of a plan.

    Attributes:
        rates: shares of the bona fide training images that carry it; 0 is measured in any case.
    """

    rates: Annotated[tuple[Annotated[float, Ge(0), Le(0.5)], ...], MinLen(1)] = (0.0, 0.01, 0.05)


@dataclass(frozen=True)
class PoisonedPlan:
    """A plan of kind `poisoned_training`. The clean training of each seed is always measured, and each defense on it.

    Attributes:
        captures: a manifest.
        recipe: of the package, or a JSON file.
        training_trigger: what is hidden in bona fide training images, and in how many.
        changes: of the recipe.
        defenses: after which the detector is trained again; "random" is the control, which looks at nothing.
        remove: share of the bona fide training images that a defense takes out, the same at every rate.
        seeds: of the trainings.
        title: of the summary.
    """

    captures: Text
    training_trigger: PlannedTrigger
    recipe: Text = "multitask"
    changes: Annotated[Mapping[str, Any], WrittenAs(RecipeChanges)] | None = None
    defenses: tuple[Defense, ...] = ("spectral_signatures", "loss_outliers", "random")
    remove: Annotated[float, Gt(0), Le(0.5)] = 0.075
    seeds: Seeds = (0, 1, 2)
    title: Text = "A trigger in the training set"

    def recipe_settings(self) -> dict[str, Any]:
        """The recipe as cells hold it.

        Raises:
            SettingError: it cannot be made.
        """
        try:
            base = read_recipe(self.recipe).plain()
        except FacewardenError as error:
            raise misplaced(error, (), at=("recipe",)) from error
        change = dict(self.changes or {})
        return checked_recipe(merged(base, change), at=("changes",), written=[(("changes",), change)]).in_ids()


def plan_of(settings: Mapping[str, Any]) -> PoisonedPlan:
    """Check a plan's settings; `PoisonedPlan` says what they are.

    Raises:
        SettingError: a setting cannot be used.
    """
    return read_settings(PoisonedPlan, settings)
