"""A trigger in the training set: features of one spoof hidden in bona fide images, two defenses and a control."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from itertools import product
from pathlib import Path
from typing import Any

from facewarden.core.settings import SettingError
from facewarden.data.manifest import Manifest
from facewarden.experiments.engine.inputs import captures_inputs
from facewarden.experiments.engine.kind import CellResult, PlanCell, PlanKind, Summary
from facewarden.experiments.engine.plan_settings import check_cell_count
from facewarden.experiments.poisoned_training.cells import train_cell
from facewarden.experiments.poisoned_training.settings import plan_of
from facewarden.experiments.poisoned_training.summary import summarize
from facewarden.training.poisoning.trigger import TrainingTrigger


class PoisonedTraining(PlanKind):
    """Clean, poisoned and defended trainings of one recipe: success of the trigger spoof against clean HTER.

    The trigger is the setting `training_trigger` of the plan, no attack of the registry: it changes training images,
    not what is shown to the detector. `facewarden.experiments.poisoned_training.settings.PoisonedPlan` is its settings.
    """

    def prepare(self, settings: Mapping[str, Any], *, root: Path) -> None:
        """Check that the captures exist and that train and test have the species of the trigger."""
        plan = plan_of(settings)
        if not Path(plan.captures).exists():
            raise SettingError(f"{plan.captures}: no such captures", hint="facewarden simulate", at=("captures",))
        manifest, wanted = Manifest.read(Path(plan.captures)), plan.training_trigger.species
        for split in ("train", "test"):
            known = sorted({row.species for row in manifest.where(split=split) if row.label == 0})
            if wanted not in known:
                raise SettingError(
                    f"training_trigger.species is {wanted!r}, of which {split} has no capture",
                    hint=f"one of: {', '.join(known)}", at=("training_trigger", "species"),
                )  # fmt: skip

    def inputs(self, settings: Mapping[str, Any]) -> Mapping[str, str]:
        """The captures that every detector learns from."""
        return captures_inputs((plan_of(settings).captures,))

    def cells(self, settings: Mapping[str, Any], *, root: Path) -> Sequence[PlanCell]:
        """For each seed and rate an undefended training, and one for each defense; a rate of 0 is the clean one."""
        plan = plan_of(settings)
        trigger = plan.training_trigger
        rates = sorted({0.0, *trigger.rates})
        check_cell_count(len(plan.seeds) * len(rates) * (1 + len(plan.defenses)), at=("seeds",))
        common = {
            "captures": plan.captures, "recipe": plan.recipe_settings(),
            "trigger": {field.name: getattr(trigger, field.name) for field in fields(TrainingTrigger)},
        }  # fmt: skip
        made = []
        for seed, rate in product(plan.seeds, rates):
            base = {**common, "seed": seed, "rate": rate}
            undefended = _name(rate, "none", seed)
            clean = () if rate == 0 else (_name(0.0, "none", seed),)
            made.append(PlanCell(undefended, {**base, "defense": "", "remove": 0.0}, clean))
            for defense in plan.defenses:
                cell = {**base, "defense": defense, "remove": plan.remove}
                made.append(PlanCell(_name(rate, defense, seed), cell, (*clean, undefended)))
        return made

    def run(self, cell: PlanCell, *, folder: Path) -> dict[str, Any]:
        """Train and measure."""
        return train_cell(cell.settings, folder)

    def summarize(self, settings: Mapping[str, Any], results: Sequence[CellResult]) -> Summary:
        """Tables over seeds with paired differences, and what they say."""
        return summarize(plan_of(settings), results)


def _name(rate: float, defense: str, seed: int) -> str:
    return f"{rate:g} / {defense} / seed {seed}"


entry = PoisonedTraining
