"""Anti-spoofing methods on unseen domains: recipes by protocols by seeds, under source-dev and community rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from facewarden.core.compute.computing import placement
from facewarden.core.errors import FacewardenError
from facewarden.core.files import write_json
from facewarden.core.labels import ATTACK, BONA_FIDE
from facewarden.core.run import DONE
from facewarden.core.settings import SettingError
from facewarden.data.manifest import Manifest
from facewarden.data.protocols.parts.source_fold import source_fold
from facewarden.data.transfer import Splits, audit_splits, transfer_protocol
from facewarden.experiments.domain_generalization.captures import prepared_captures
from facewarden.experiments.domain_generalization.cell import audit_name, run_transfer_cell
from facewarden.experiments.domain_generalization.crop_store import make_store, view_of
from facewarden.experiments.domain_generalization.estimate import estimate_plan
from facewarden.experiments.domain_generalization.settings import (
    PresentationPlan,
    TrainedMethod,
    known_folder,
    plan_of,
)
from facewarden.experiments.domain_generalization.summary import summarize_transfer
from facewarden.experiments.domain_generalization.tuning import chosen, read_results
from facewarden.experiments.engine.estimate import PlanEstimate
from facewarden.experiments.engine.inputs import captures_inputs, photos_inputs
from facewarden.experiments.engine.kind import CellResult, PlanCell, PlanKind, Summary
from facewarden.experiments.engine.plan_settings import check_cell_count
from facewarden.training.detector import untrained_detector


class PresentationKind(PlanKind):
    """Methods are training recipes; protocols split published or simulated sets; every cell trains and scores once.

    `facewarden.experiments.domain_generalization.written.PresentationSettings` is its settings.
    """

    code = 2  # a cell holds the scores of dev without each sensor, and thresholds are set on them

    def prepare(self, settings: Mapping[str, Any], *, root: Path) -> None:
        """Simulate or open the captures, check and audit every protocol, crop every view that a method needs, once."""
        plan = plan_of(settings)
        folder = known_folder(root, plan.data)
        manifest = prepared_captures(plan.data, folder)
        protocols = sorted({name for part in plan.parts for name in part.protocols})
        tuned = {
            p for part in plan.parts for p in part.protocols if any(plan.methods[m].candidates for m in part.methods)
        }
        splits_of: dict[str, Splits] = {}
        for name in protocols:
            try:
                splits = transfer_protocol(name, whole_target=plan.whole_target).assign(manifest)
            except FacewardenError as error:
                raise SettingError(f"protocol {name}: {error.message}", hint=error.hint, at=("data",)) from error
            check_measurable(name, splits)
            splits_of[name] = splits
            _write_audit(folder / audit_name(name, {}), splits, manifest)
            if name in tuned:
                fold = _fold(name, splits, sites=plan.tuning.sites)
                _write_audit(folder / audit_name(name, {"fold": plan.tuning.sites}), fold, manifest)
        used = {name for part in plan.parts for name in part.methods}
        for recipe in [one for name in sorted(used) for one in plan.methods[name].recipes]:
            model = untrained_detector(recipe, seed=0)
            view = view_of(model, margin=recipe.training.margin)
            store = make_store(manifest, model, view=view, folder=folder / f"crops-{view.key}")
            for name, whole in splits_of.items():  # captures that cannot be read may have been all of a class
                check_measurable(name, {split: store.readable(rows) for split, rows in whole.items()})

    def inputs(self, settings: Mapping[str, Any]) -> Mapping[str, str]:
        """The captures, or the photos from which they are simulated."""
        data = plan_of(settings).data
        faces = (data.get("simulate") or {}).get("faces")
        return {**captures_inputs(data.get("captures") or ()), **photos_inputs(() if faces is None else (faces,))}

    def cells(self, settings: Mapping[str, Any], *, root: Path) -> Sequence[PlanCell]:
        """One cell per method, protocol and seed; parts that need the same cell share it."""
        plan = plan_of(settings)
        counts = (len(part.protocols) * len(part.seeds) * len(part.methods) for part in plan.parts)
        check_cell_count(sum(counts), at=("parts",))
        distinct: dict[str, PlanCell] = {}
        for part in plan.parts:
            for protocol in part.protocols:
                for seed in part.seeds:
                    for name in part.methods:
                        method, settings = plan.methods[name], _settings(plan, plan.methods[name], protocol, seed)
                        for cell in _fold_cells(plan, method, protocol):
                            distinct[cell.name] = cell
                        needs = [cell.name for cell in _fold_cells(plan, method, protocol)]
                        cell = PlanCell(cell_name(name, protocol, seed), settings, tuple(needs))
                        distinct[cell.name] = cell
        return _distinct(list(distinct.values()))

    def estimate(self, settings: Mapping[str, Any], *, root: Path) -> PlanEstimate:
        """Time one step of every method on this device, and count the samples of every protocol."""
        return estimate_plan(plan_of(settings), self.cells(settings, root=root), root=root)

    def run(self, cell: PlanCell, *, folder: Path) -> dict[str, Any]:
        """Train by the recipe on the protocol's sources, score the sources' dev and the target."""
        data = known_folder(folder.parent.parent, cell.settings["data"])
        settings = dict(cell.settings)
        folds = settings.pop("folds", None)
        if folds is None:
            return run_transfer_cell(settings, data=data, folder=folder)
        keys = [PlanCell("", one).key("presentation", code=self.code, precision=placement().precision) for one in folds]
        results = read_results([folder.parent / key for key in keys], DONE)
        record = chosen(results, settings.pop("changes"), figure=settings.pop("figure"))
        settings["recipe"] = folds[record["chosen"]]["recipe"]
        return {**run_transfer_cell(settings, data=data, folder=folder), "tuned": record}

    def summarize(self, settings: Mapping[str, Any], results: Sequence[CellResult]) -> Summary:
        """Tables by part, with the name of each rule and a mark on figures that use the target's labels."""
        by_key = {result.cell.key("presentation"): result.value for result in results}
        plan = plan_of(settings)

        def find(method: str, protocol: str, seed: int) -> Mapping[str, Any] | None:
            cell = PlanCell("", _settings(plan, plan.methods[method], protocol, seed))
            return by_key.get(cell.key("presentation"))

        return summarize_transfer(plan, find)


def _write_audit(path: Path, splits: Splits, manifest: Manifest) -> None:
    if path.is_file():
        return
    audit = audit_splits(splits, root=manifest.root)
    subjects = [[*key, count] for key, count in sorted(audit.subjects.items())]
    summary = {"rows": audit.rows(), "subjects": subjects, "sentences": audit.sentences()}
    write_json(path, {**summary, "notes": list(manifest.notes)})


def _fold(name: str, splits: Splits, *, sites: int) -> Splits:
    try:
        fold = source_fold(splits, sites=sites)
    except FacewardenError as error:
        raise SettingError(f"the fold of {name}: {error.message}", hint=error.hint, at=("tuning",)) from error
    check_measurable(f"{name}, held-out sources", fold)
    return fold


def check_measurable(protocol: str, splits: Splits) -> None:
    """Refuse, before training, protocols whose results could not be measured.

    Args:
        protocol: named in the error.
        splits: of the protocol.

    Raises:
        SettingError: all sources' dev, or one target domain, lacks a class.
    """
    groups = {"dev of the sources": list(splits["dev"])}
    for sample in splits["test"]:
        groups.setdefault(f"target {sample.domain}", []).append(sample)
    for where, rows in groups.items():
        labels = {sample.label for sample in rows}
        lacking = [word for label, word in ((BONA_FIDE, "bona fide"), (ATTACK, "attack")) if label not in labels]
        if lacking:
            raise SettingError(
                f"protocol {protocol}: {where} has no {' and no '.join(lacking)} presentation that can be read, "
                f"of {len(rows)} captures",
                hint="give its other class, or leave the protocol out; facewarden data check counts them",
                at=("data",),
            )


def cell_name(method: str, protocol: str, seed: int) -> str:
    """The display name of a cell."""
    return f"{method} / {protocol} / seed {seed}"


def _fold_cells(plan: PresentationPlan, method: TrainedMethod, protocol: str) -> list[PlanCell]:
    """The trainings among which a method's settings are chosen, one for each."""
    found = []
    for number, one in enumerate(method.candidates, 1):
        name = f"{method.name} / {protocol} / setting {number}"
        tried = replace(method, recipe=one.recipe, start=one.start, candidates=())
        settings = _settings(plan, tried, protocol, plan.tuning.seed)
        settings = {key: value for key, value in settings.items() if key not in ("degraded", "keep")}
        found.append(PlanCell(name, {**settings, "every_epoch": False, "missing": False, "fold": plan.tuning.sites}))
    return found


def _settings(plan: PresentationPlan, method: TrainedMethod, protocol: str, seed: int) -> dict[str, Any]:
    recipe = {name: method.recipe.plain()[name] for name in ("entry", "model", "objective", "objective_settings")}
    folds = {
        "folds": [cell.settings for cell in _fold_cells(plan, method, protocol)],
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
        **({"keep": True} if plan.keeps(method.name, protocol) else {}),
    }


def _distinct(cells: Sequence[PlanCell]) -> list[PlanCell]:
    """Merge equal cells: two methods of one recipe are one cell."""
    distinct: dict[str, PlanCell] = {}
    name_of: dict[str, str] = {}
    for cell in cells:
        first = distinct.setdefault(cell.key("presentation"), cell)
        name_of[cell.name] = first.name
    return [
        replace(cell, needs=tuple(dict.fromkeys(name_of[need] for need in cell.needs))) for cell in distinct.values()
    ]


entry = PresentationKind
