"""In which regime SFA raises success: senses of the published claim fixed beforehand, with ceilings and controls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from facewarden.core.resolve import resolve_detector
from facewarden.core.settings import SettingError
from facewarden.experiments.engine.heads import check_heads, placed
from facewarden.experiments.engine.inputs import captures_inputs, model_inputs
from facewarden.experiments.engine.kind import CellResult, PlanCell, PlanKind, Summary
from facewarden.experiments.engine.plan_settings import check_cell_count
from facewarden.experiments.sfa_senses.cells import WORK
from facewarden.experiments.sfa_senses.settings import MAIN, PLAIN, Arm, SensesPlan, plan_of
from facewarden.experiments.sfa_senses.summary import summarize
from facewarden.experiments.vulnerability.inputs import same_view


class SfaSenses(PlanKind):
    """Attacks through the heads of accurate detectors, plain, with SFA and with what could explain its effect.

    The senses in which SFA may raise success are settings of the plan, so that they are written before it runs.
    `facewarden.experiments.sfa_senses.settings.SensesPlan` is its settings; `sfa_senses.yaml` in the package is one.

    Source: Yang et al., Exposing Fine-Grained Adversarial Vulnerability of Face Anti-Spoofing Models (2023).
    """

    def prepare(self, settings: Mapping[str, Any], *, root: Path) -> None:
        """Check that the captures exist, and that the models have the heads and crop alike."""
        plan = plan_of(settings)
        if not Path(plan.captures).exists():
            raise SettingError(f"{plan.captures}: no such captures", hint="facewarden simulate", at=("captures",))
        models = {name: resolve_detector(spec) for name, spec in plan.models.items()}
        check_heads(models, placed(plan.heads, "heads"))
        if not same_view(list(models.values())):
            raise SettingError(
                f"{', '.join(models)} do not crop alike, so that one gray level is not the same change for all of them",
                hint="multitask detectors of one size",
                at=("models",),
            )

    def inputs(self, settings: Mapping[str, Any]) -> Mapping[str, str]:
        """The captures and the detectors."""
        plan = plan_of(settings)
        return {**captures_inputs((plan.captures,)), **model_inputs(plan.models, resolve_detector)}

    def cells(self, settings: Mapping[str, Any], *, root: Path) -> Sequence[PlanCell]:
        """Model by model: clean scores, generators, one cell for each head with `plain` and `sfa`, then the other arms.

        What the main sense needs comes first, so that a run that ends early answers it for the first models.
        """
        plan = plan_of(settings)
        check_cell_count(3 * len(plan.models) * (len(plan.heads) + 1) * max(1, len(plan.arms)), at=("arms",))
        common = {"captures": plan.captures, "samples": plan.samples, "seed": plan.seed, "pixels": "crop"}
        places = {name: {**common, "model": name, "spec": spec} for name, spec in plan.models.items()}
        made: dict[str, PlanCell] = {}
        for name, place in places.items():
            made[f"clean / {name}"] = PlanCell(f"clean / {name}", {**place, "do": "clean"})
            _add_attacks(plan, places, made, model=name, arms=(PLAIN, MAIN), group="main")
        if plan.transfer is not None and len(places) > 1:
            for head in plan.transfer.heads:
                for name, place in places.items():
                    _add_transfer(plan, places, made, place=place, model=name, head=head)
        for group, others in (("controls", False), ("another network", True)):
            rest = tuple(
                name for name, arm in plan.arms.items() if name not in (PLAIN, MAIN) and (arm.read == "other") == others
            )
            for number, name in enumerate(places):
                arms = tuple(arm for arm in rest if number < (plan.arms[arm].models or len(places)))
                _add_attacks(plan, places, made, model=name, arms=arms, group=group)
        return list(made.values())

    def run(self, cell: PlanCell, *, folder: Path) -> dict[str, Any]:
        """Run one cell of the plan."""
        return WORK[cell.settings["do"]](cell.settings, folder)

    def summarize(self, settings: Mapping[str, Any], results: Sequence[CellResult]) -> Summary:
        """Tables of the senses, the controls, the regimes and the generators."""
        return summarize(plan_of(settings), results)


def _add_attacks(
    plan: SensesPlan,
    places: Mapping[str, Mapping[str, Any]],
    made: dict[str, PlanCell],
    *,
    model: str,
    arms: Sequence[str],
    group: str,
) -> None:
    """The cells that attack one model through each head by some arms, after the generators that they need."""
    usual = plan.heads if group == "main" else plan.auxiliary
    for head in plan.heads:
        settings: dict[str, Any] = {}
        needs = [f"clean / {model}"]
        for name in arms:
            arm = plan.arms[name]
            if head not in (arm.heads or usual):
                continue
            settings[name] = _arm(plan, arm)
            if arm.read != "image":
                cell = _generators(plan, arm, places[_of(plan, arm, model)], head=head)
                made.setdefault(cell.name, cell)
                needs.append(cell.name)
                settings[name]["tag"] = cell.settings["tag"]
        if settings:
            cell_name = f"{group} / {model} / {head}"
            inside = {**places[model], "do": "attack", "head": head, "arms": settings}
            made[cell_name] = PlanCell(cell_name, inside, tuple(dict.fromkeys(needs)))


def _arm(plan: SensesPlan, arm: Arm) -> dict[str, Any]:
    """An arm as cells hold it: what decides its numbers, without what has the usual value."""
    optional = ("halvings", "starts", "method", "set", "samples")
    kept: dict[str, Any] = {name: value for name in optional if (value := getattr(arm, name))}
    return {"read": arm.read, "form": arm.form, "eps": list(arm.eps or plan.eps), **kept}


def _of(plan: SensesPlan, arm: Arm, model: str) -> str:
    """The model whose generators an arm uses: the attacked one, or the next of the plan's."""
    if arm.read != "other":
        return model
    following = dict(pairwise([*plan.models, next(iter(plan.models))]))
    return following[model]


def _generators(plan: SensesPlan, arm: Arm, place: Mapping[str, Any], *, head: str) -> PlanCell:
    """The cell that trains the generators of an arm; arms with the same ones share it."""
    wanted = {**plan.sfa, **arm.generators}
    marks = [f"{name} {value}" for name, value in arm.generators.items()]
    if arm.attacked_head and head != "live":
        wanted["heads"] = [head]
        marks.append(head)
    tag = "-".join([place["model"], *marks]).replace(" ", "_").replace("/", "_")
    settings = {**{name: place[name] for name in ("captures", "seed", "model", "spec")},
                "do": "generators", "generators": wanted, "tag": tag}  # fmt: skip
    return PlanCell(f"generators / {tag}", settings)


def _add_transfer(
    plan: SensesPlan,
    places: Mapping[str, Mapping[str, Any]],
    made: dict[str, PlanCell],
    *,
    place: Mapping[str, Any],
    model: str,
    head: str,
) -> None:
    """One model against all the others."""
    assert plan.transfer is not None
    cell = _generators(plan, plan.arms[MAIN], place, head=head)
    arms = {name: _arm(plan, plan.arms[name]) for name in (PLAIN, MAIN)}
    arms[MAIN]["tag"] = cell.settings["tag"]
    victims = {name: spec for name, spec in plan.models.items() if name != model}
    settings = {**place, "do": "transfer", "head": head, "arms": arms, "victims": victims,
                "eps": list(plan.transfer.eps)}  # fmt: skip
    needs = (cell.name, *(f"clean / {name}" for name in places))
    name = f"transfer / {model} / {head}"
    made[name] = PlanCell(name, settings, needs)


entry = SfaSenses
