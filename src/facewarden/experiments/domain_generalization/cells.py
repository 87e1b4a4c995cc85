"""The cells of a plan of kind `presentation`: streams kept beforehand, settings tried on a fold, and the trainings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from facewarden.experiments.domain_generalization.kept_streams import can_keep, lower_model
from facewarden.experiments.domain_generalization.settings import PresentationPlan, TrainedMethod
from facewarden.experiments.engine.kind import PlanCell
from facewarden.training.recipe import Recipe
from facewarden.training.tokens.sensor_views import VIEWS

STREAMS = "streams"
KEPT_OF_MAIN = ("seed", "every_epoch", "missing", "degraded", "keep")
"""Settings of a tuned training that are its own, not those of the fold that chose its recipe."""

_KIND, _LOWER = "presentation", "mmdg"  # any detector with `first_block` has the same streams below it
_SEEDED = "fresh"


def plan_cells(plan: PresentationPlan) -> list[PlanCell]:
    """One cell per method, protocol and seed, behind those that it needs; parts that need the same cell share it."""
    distinct: dict[str, PlanCell] = {}
    for part in plan.parts:
        for protocol in part.protocols:
            for seed in part.seeds:
                for name in part.methods:
                    for cell in _with_needs(plan, plan.methods[name], protocol, seed):
                        distinct[cell.name] = cell
    return _distinct(list(distinct.values()))


def cell_name(method: str, protocol: str, seed: int) -> str:
    """The display name of a cell."""
    return f"{method} / {protocol} / seed {seed}"


def cell_settings(plan: PresentationPlan, method: TrainedMethod, protocol: str, seed: int) -> dict[str, Any]:
    """Everything that decides the numbers of one training.

    Args:
        plan, method: of the cell.
        protocol, seed: of the cell.
    """
    recipe = {name: method.recipe.plain()[name] for name in ("entry", "model", "objective", "objective_settings")}
    folds = {
        "folds": [
            {"settings": cell.settings, "needs": [need.settings for need in needs]}
            for cell, needs in _folds(plan, method, protocol)
        ],
        "changes": [dict(one.change) for one in method.candidates],
        "figure": plan.tuning.figure,
    }
    return {
        "recipe": {**recipe, "training": method.recipe.plain()["training"], "summary": ""},
        "start": method.start,  # a trunk that was distilled anew is another one under the same name
        "protocol": protocol,
        "seed": seed,
        "data": plan.data,
        "whole_target": plan.whole_target,
        "every_epoch": plan.every_epoch,
        "missing": plan.missing,
        "shuffle": method.shuffle,
        "only": list(method.only),
        **({"degraded": True} if plan.degraded else {}),  # without it cells keep their ids
        **(folds if method.candidates else {}),
        **_balance(plan),
        **({"keep": True} if plan.keeps(method.name, protocol) else {}),
        **({"activations": plan.activations} if plan.activations != "none" and can_keep(method.recipe) else {}),
    }


def _balance(plan: PresentationPlan) -> dict[str, Any]:
    """What a cell does for the question of balance: probes, and the cue where there is one."""
    if plan.balance is None:
        return {}
    return {"probes": True, **({"cue": [plan.balance.sensor, plan.balance.cue]} if plan.balance.cue else {})}


def fold_keys(folds: Sequence[Mapping[str, Any]], *, code: int, precision: str | None) -> list[str]:
    """Ids of the cells of a fold, as the executor has them.

    Args:
        folds: of a cell's settings.
        code: of the kind.
        precision: that was asked for instead of the plan's.
    """

    def key(settings: Mapping[str, Any], needs: Sequence[str] = ()) -> str:
        return PlanCell("", settings).key(_KIND, needs=needs, code=code, precision=precision)

    return [key(one["settings"], [key(need) for need in one["needs"]]) for one in folds]


def stream_cells(plan: PresentationPlan, recipe: Recipe, start: str | None, seed: int) -> list[PlanCell]:
    """The cells that compute the streams of a recipe's trunk, one for each view; none where nothing is kept.

    Args:
        plan: that asks for them or not.
        recipe: of a training.
        start: which weights its trunk starts from; fresh ones are others for every seed.
        seed: of the training.
    """
    if plan.activations == "none" or not can_keep(recipe):
        return []
    model, own = lower_model(recipe), seed if start == _SEEDED else 0
    protocols = sorted({name for part in plan.parts for name in part.protocols})
    common = {
        "do": STREAMS, "recipe": {"entry": _LOWER, "model": model, "summary": ""}, "start": start, "seed": own,
        "data": plan.data, "whole_target": plan.whole_target, "protocols": protocols, "activations": plan.activations,
    }  # fmt: skip
    about = f"{model.get('trunk', 'trunk')} below block {model['first_block']}"
    return [
        PlanCell(f"streams of {about} / view {view} / seed {own}", {**common, "view": view}) for view in range(VIEWS)
    ]


def _with_needs(plan: PresentationPlan, method: TrainedMethod, protocol: str, seed: int) -> list[PlanCell]:
    """A training and the cells that it needs, these first."""
    found: list[PlanCell] = []
    needs: list[PlanCell] = []
    for cell, streams in _folds(plan, method, protocol):
        found += [*streams, replace(cell, needs=tuple(one.name for one in streams))]
        needs.append(cell)
    tried = [(one.recipe, one.start) for one in method.candidates] or [(method.recipe, method.start)]
    for recipe, start in tried:
        streams = stream_cells(plan, recipe, start, seed)
        found += streams
        needs += streams
    settings = cell_settings(plan, method, protocol, seed)
    names = tuple(dict.fromkeys(one.name for one in needs))
    return [*found, PlanCell(cell_name(method.name, protocol, seed), settings, names)]


def _folds(plan: PresentationPlan, method: TrainedMethod, protocol: str) -> list[tuple[PlanCell, list[PlanCell]]]:
    """The trainings among which a method's settings are chosen, each with the cells of the streams that it needs."""
    found = []
    for number, one in enumerate(method.candidates, 1):
        tried = replace(method, recipe=one.recipe, start=one.start, candidates=())
        settings = cell_settings(plan, tried, protocol, plan.tuning.seed)
        settings = {key: value for key, value in settings.items() if key not in ("degraded", "keep")}
        settings |= {"every_epoch": False, "missing": False, "fold": plan.tuning.sites}
        cell = PlanCell(f"{method.name} / {protocol} / setting {number}", settings)
        found.append((cell, stream_cells(plan, one.recipe, one.start, plan.tuning.seed)))
    return found


def _distinct(cells: Sequence[PlanCell]) -> list[PlanCell]:
    """Merge equal cells: two methods of one recipe are one cell."""
    distinct: dict[str, PlanCell] = {}
    name_of: dict[str, str] = {}
    for cell in cells:
        first = distinct.setdefault(cell.key(_KIND), cell)
        name_of[cell.name] = first.name
    return [
        replace(cell, needs=tuple(dict.fromkeys(name_of[need] for need in cell.needs))) for cell in distinct.values()
    ]
