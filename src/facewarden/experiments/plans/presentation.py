"""Anti-spoofing methods on unseen domains: recipes by protocols by seeds, under source-dev and community rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from facewarden.core.compute.computing import placement
from facewarden.core.errors import FacewardenError
from facewarden.core.run import DONE
from facewarden.core.settings import SettingError
from facewarden.data.transfer import Splits, transfer_protocol
from facewarden.experiments.domain_generalization.budget import check_budget
from facewarden.experiments.domain_generalization.captures import prepared_captures
from facewarden.experiments.domain_generalization.cell import audit_name, run_transfer_cell
from facewarden.experiments.domain_generalization.cells import (
    KEPT_OF_MAIN,
    STREAMS,
    cell_settings,
    fold_keys,
    plan_cells,
)
from facewarden.experiments.domain_generalization.crop_store import make_store, view_of
from facewarden.experiments.domain_generalization.estimate import estimate_plan
from facewarden.experiments.domain_generalization.settings import (
    known_folder,
    plan_of,
)
from facewarden.experiments.domain_generalization.split_checks import check_measurable, checked_fold, write_audit
from facewarden.experiments.domain_generalization.stream_cell import run_stream_cell
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
        check_budget(plan)
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
            write_audit(folder / audit_name(name, {}), splits, manifest)
            if name in tuned:
                fold = checked_fold(name, splits, sites=plan.tuning.sites)
                write_audit(folder / audit_name(name, {"fold": plan.tuning.sites}), fold, manifest)
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
        return plan_cells(plan)

    def estimate(self, settings: Mapping[str, Any], *, root: Path) -> PlanEstimate:
        """Time one step of every method on this device, and count the samples of every protocol."""
        return estimate_plan(plan_of(settings), self.cells(settings, root=root), root=root)

    def run(self, cell: PlanCell, *, folder: Path) -> dict[str, Any]:
        """Train by the recipe on the protocol's sources, score the sources' dev and the target."""
        data = known_folder(folder.parent.parent, cell.settings["data"])
        if cell.settings.get("do") == STREAMS:
            return run_stream_cell(cell.settings, data=data)
        settings = dict(cell.settings)
        folds = settings.pop("folds", None)
        if folds is None:
            return run_transfer_cell(settings, data=data, folder=folder)
        keys = fold_keys(folds, code=self.code, precision=placement().precision)
        record = chosen(read_results([folder.parent / key for key in keys], DONE), settings.pop("changes"),
                        figure=settings.pop("figure"))  # fmt: skip
        settings |= folds[record["chosen"]]["settings"] | {
            key: settings[key] for key in KEPT_OF_MAIN if key in settings
        }
        settings.pop("fold")
        return {**run_transfer_cell(settings, data=data, folder=folder), "tuned": record}

    def summarize(self, settings: Mapping[str, Any], results: Sequence[CellResult]) -> Summary:
        """Tables by part, with the name of each rule and a mark on figures that use the target's labels."""
        by_key = {result.cell.key("presentation"): result.value for result in results}
        plan = plan_of(settings)

        def find(method: str, protocol: str, seed: int) -> Mapping[str, Any] | None:
            cell = PlanCell("", cell_settings(plan, plan.methods[method], protocol, seed))
            return by_key.get(cell.key("presentation"))

        return summarize_transfer(plan, find)


entry = PresentationKind
