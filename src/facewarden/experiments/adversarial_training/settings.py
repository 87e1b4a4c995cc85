"""Settings of a plan of kind `adversarial_training`, checked before anything is computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Annotated, Any

from annotated_types import MinLen

from facewarden.core.errors import FacewardenError
from facewarden.core.settings import Count, SettingError, Text, WrittenAs, read_settings
from facewarden.experiments.adversarial_training.base_loss import with_base
from facewarden.experiments.engine.plan_settings import Seeds
from facewarden.experiments.engine.recipe_changes import CardChanges, Place, checked_recipe, misplaced
from facewarden.experiments.vulnerability.settings import AttackSettings, SfaChoices, check_attacks
from facewarden.training.recipe import Recipe, read_recipe
from facewarden.training.recipe_files import merged

START = "start"
NOT_TRAINED = " (not trained here)"
"""Ends the names of the plan's other detectors in tables."""
_GENERATORS = ("target", "cap", "gate", "epochs", "samples")
Changes = Annotated[Mapping[str, Any], WrittenAs(CardChanges)]


@dataclass(frozen=True)
class StartGenerators(SfaChoices):
    """SFA's generators, trained against each starting point.

    Attributes:
        epochs, samples: of their training.
    """

    epochs: Count = 3
    samples: Count = 400


@dataclass(frozen=True)
class AdversarialPlan:
    """A plan of kind `adversarial_training`.

    What has numbers in ids of cells is kept as it is written.

    Attributes:
        captures: a manifest.
        recipe: of the package, or a JSON file.
        methods: name -> what its training changes of the recipe.
        attacks: as in a `vulnerability` plan.
        start: what the first training changes of the recipe.
        seeds: of the trainings.
        samples: of each class that are attacked.
        transfer: an attack that is made on the other seeds' starting points.
        sfa: SFA's generators, which are trained where an attack reads its gradients with SFA.
        others: name -> detector that is not trained here. It has no seed: it is measured, and attacked, on the samples
            of the first one. No attacks are transferred to it.
        title: of the summary.

    Raises:
        SettingError: a recipe or an attack cannot be made.
    """

    captures: Text
    recipe: Text
    methods: Annotated[Mapping[str, Changes | None], MinLen(1)]
    attacks: Annotated[Mapping[str, AttackSettings], MinLen(1)]
    start: Changes = field(default_factory=dict)
    seeds: Seeds = (0, 1, 2)
    samples: Count = 50
    transfer: AttackSettings | None = None
    sfa: Annotated[Mapping[str, Any], WrittenAs(StartGenerators)] = field(default_factory=dict)
    others: Mapping[str, Text] = field(default_factory=dict)
    title: Text = "Adversarial training"

    @property
    def reads_sfa(self) -> bool:
        """Whether an attack reads its gradients with SFA."""
        return any("sfa" in attack.readings for attack in self.attacks.values())

    @property
    def generators(self) -> dict[str, Any]:
        """Settings of SFA's generators, as cells hold them."""
        usual = {item.name: item.default for item in fields(StartGenerators) if item.name in _GENERATORS}
        return {**usual, **self.sfa}

    def recipes(self) -> dict[str, dict[str, Any]]:
        """Method -> its plain recipe; the first is that of the starting point.

        A method with an adversarial objective learns the loss of the starting point, see `with_base`.

        Raises:
            SettingError: one is no recipe, or its objective cannot be made.
        """
        start = self._recipe(self.start, at=("start",))
        methods = {
            name: self._recipe(change or {}, at=("methods", name), start=start) for name, change in self.methods.items()
        }
        return {START: start.in_ids()} | {name: recipe.in_ids() for name, recipe in methods.items()}

    def _recipe(self, change: Mapping[str, Any], *, at: Place, start: Recipe | None = None) -> Recipe:
        try:
            base = read_recipe(self.recipe).plain()
        except FacewardenError as error:
            raise misplaced(error, (), at=("recipe",)) from error
        if "objective" in change:  # settings of another objective mean nothing to this one
            base["objective_settings"] = {}
        values, written = merged(base, change), [(at, change)]
        recipe = checked_recipe(values, at=at, written=written)
        if "objective" not in change or start is None:
            return recipe
        values["objective_settings"] = with_base(recipe.objective, recipe.objective_settings, start=start.plain())
        return checked_recipe(values, at=at, written=written)


def plan_of(settings: Mapping[str, Any]) -> AdversarialPlan:
    """Check a plan's settings; `AdversarialPlan` says what they are.

    Raises:
        SettingError: a setting cannot be used.
    """
    plan = read_settings(AdversarialPlan, settings)
    check_attacks(plan.attacks, at=("attacks",))
    if plan.transfer is not None:
        check_attacks({"transfer": plan.transfer}, at=())
    if START in plan.methods:
        at = ("methods", START)
        raise SettingError(f"methods.{START} is the name of what all methods start from", hint="another name", at=at)
    trained = {f"{method}-{seed}" for method in (START, *plan.methods) for seed in plan.seeds}
    for name in plan.others:
        if name in trained:
            raise SettingError(
                f"others.{name} is the name of a detector that is trained here",
                hint="another name",
                at=("others", name),
            )
    return plan
