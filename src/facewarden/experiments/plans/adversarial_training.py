"""Adversarial training: clean errors, and success of attacks that were not used in training, by seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from facewarden.core.errors import FacewardenError
from facewarden.core.resolve import resolve_detector
from facewarden.core.roles import Detector
from facewarden.core.settings import SettingError
from facewarden.experiments.adversarial_training.settings import NOT_TRAINED, START, AdversarialPlan, plan_of
from facewarden.experiments.adversarial_training.summary import summarize
from facewarden.experiments.adversarial_training.training import train_cell
from facewarden.experiments.engine.heads import check_heads, placed
from facewarden.experiments.engine.inputs import captures_inputs, model_inputs
from facewarden.experiments.engine.kind import CellResult, PlanCell, PlanKind, Summary
from facewarden.experiments.engine.plan_settings import check_cell_count
from facewarden.experiments.vulnerability.cells import WORK
from facewarden.training.detector import untrained_detector
from facewarden.training.recipe import parse_recipe


class AdversarialTraining(PlanKind):
    """Methods that continue from the same normally trained detector, at equal gradients, on several seeds.

    `facewarden.experiments.adversarial_training.settings.AdversarialPlan` is its settings.
    """

    old_keys = MappingProxyType({"start.stored": "weights_precision", "methods.*.stored": "weights_precision"})

    def prepare(self, settings: Mapping[str, Any], *, root: Path) -> None:
        """Check that the captures and the other detectors exist and that the detectors have the named heads."""
        plan = plan_of(settings)
        if not Path(plan.captures).exists():
            raise SettingError(f"{plan.captures}: no such captures", hint="facewarden simulate", at=("captures",))
        start = parse_recipe(plan.recipes()[START], source="the plan")
        attacked = []
        for name, attack in plan.attacks.items():
            attacked += placed(attack.heads, "attacks", name, "heads")
        wanted = list(attacked)
        for name, change in plan.methods.items():
            own = (change or {}).get("objective_settings", {})
            wanted += placed(own.get("heads"), "methods", name, "objective_settings", "heads")
        others = _others(plan)
        if wanted:
            model = untrained_detector(start, seed=0)
            check_heads({start.entry: model}, wanted)
            check_heads(others, attacked)

    def inputs(self, settings: Mapping[str, Any]) -> Mapping[str, str]:
        """The captures that every detector learns from and is attacked on, and the detectors that are not trained."""
        plan = plan_of(settings)
        return {**captures_inputs((plan.captures,)), **model_inputs(plan.others, resolve_detector)}

    def cells(self, settings: Mapping[str, Any], *, root: Path) -> Sequence[PlanCell]:
        """One cell for each training, and for what is measured of each and of the other detectors."""
        plan = plan_of(settings)
        heads = sum(len(attack.heads or ("live",)) for attack in plan.attacks.values())
        trained = len(plan.seeds) * (len(plan.methods) + 1)
        check_cell_count((trained + len(plan.others)) * (heads + 2), at=("seeds",))
        recipes = plan.recipes()
        common = {"captures": plan.captures, "samples": plan.samples, "modalities": ["rgb"]}
        made: list[PlanCell] = []
        for seed in plan.seeds:
            made += _of_seed(plan, common, recipes, seed=seed)
        for name, spec in plan.others.items():
            place = {
                **common,
                "seed": plan.seeds[0],
                "model": name,
                "method_name": f"{name}{NOT_TRAINED}",
                "spec": spec,
            }
            made.append(PlanCell(f"clean / {name}", {**place, "do": "clean"}))
            made += _attacks(plan, place)
        made += _transfer(plan, common, list(recipes))
        return made

    def run(self, cell: PlanCell, *, folder: Path) -> dict[str, Any]:
        """Train, or measure."""
        work = train_cell if cell.settings["do"] == "train" else WORK[cell.settings["do"]]
        return work(cell.settings, folder)

    def summarize(self, settings: Mapping[str, Any], results: Sequence[CellResult]) -> Summary:
        """Tables by method, over seeds."""
        return summarize(settings, results)


def _of_seed(
    plan: AdversarialPlan, common: Mapping[str, Any], recipes: Mapping[str, dict[str, Any]], *, seed: int
) -> list[PlanCell]:
    made: list[PlanCell] = []
    for method, recipe in recipes.items():
        name = f"{method}-{seed}"
        place = {**common, "seed": seed, "model": name, "method_name": method, "spec": f"shared:models/{name}"}
        start = "" if method == START else f"{START}-{seed}"
        needs = (f"train / {start}",) if start else ()
        made.append(PlanCell(f"train / {name}", {**place, "do": "train", "recipe": recipe, "start": start}, needs))
        made.append(PlanCell(f"clean / {name}", {**place, "do": "clean"}, (f"train / {name}",)))
        if method == START and plan.reads_sfa:
            settings_of = {**place, **plan.generators, "tag": name, "do": "generators"}
            made.append(PlanCell(f"generators / {name}", settings_of, (f"train / {name}",)))
        made += _attacks(plan, place)
    return made


def _attacks(plan: AdversarialPlan, place: Mapping[str, Any]) -> list[PlanCell]:
    """Every attack on one detector; SFA's generators are those of the starting point of its seed."""
    made: list[PlanCell] = []
    start = f"{START}-{place['seed']}"
    after = (f"clean / {place['model']}", *((f"generators / {start}",) if plan.reads_sfa else ()))
    for called, attack in plan.attacks.items():
        readings = {reading: {"kind": reading, "tag": start} for reading in attack.readings}
        for head in attack.heads or ("live",):
            cell = {**place, "do": "attack", "head": head, "attack": called, **attack.in_cell(called)}
            made.append(PlanCell(f"{called} / {place['model']} / {head}", {**cell, "readings": readings}, after))
    return made


def _others(plan: AdversarialPlan) -> dict[str, Detector]:
    found = {}
    for name, spec in plan.others.items():
        try:
            found[name] = resolve_detector(spec)
        except FacewardenError as error:
            raise SettingError(error.message, hint=error.hint, at=("others", name)) from error
    return found


def _transfer(plan: AdversarialPlan, common: Mapping[str, Any], methods: Sequence[str]) -> list[PlanCell]:
    """Attacks made on the starting point of the next seed, for every method's detector of a seed."""
    attack, seeds = plan.transfer, plan.seeds
    if attack is None or len(seeds) < 2:
        return []
    cells = []
    for place, seed in enumerate(seeds):
        other = f"{START}-{seeds[(place + 1) % len(seeds)]}"
        victims = {f"{method}-{seed}": f"shared:models/{method}-{seed}" for method in methods}
        cell = {**common, "seed": seed, "do": "transfer", "model": other, "spec": f"shared:models/{other}",
                "head": "live", "victims": victims, **attack.in_cell("transfer")}  # fmt: skip
        needs = tuple(f"clean / {name}" for name in dict.fromkeys((other, *victims)))
        cells.append(PlanCell(f"transfer / {other} -> seed {seed}", cell, needs))
    return cells


entry = AdversarialTraining
