"""MMDG's U against the true error of each depth patch, and what its gate does when a region of a sensor is damaged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from facewarden.core.settings import SettingError, read_settings
from facewarden.data.transfer import transfer_protocol
from facewarden.experiments.domain_generalization.captures import prepared_captures
from facewarden.experiments.domain_generalization.cell import audit_name
from facewarden.experiments.domain_generalization.crop_store import make_store, view_of
from facewarden.experiments.domain_generalization.settings import known_folder
from facewarden.experiments.domain_generalization.split_checks import check_measurable, write_audit
from facewarden.experiments.domain_generalization.uncertainty.cell import run_uncertainty_cell
from facewarden.experiments.domain_generalization.uncertainty.settings import UncertaintySettings
from facewarden.experiments.domain_generalization.uncertainty.summary import GATED, UNGATED, summarize_uncertainty
from facewarden.experiments.domain_generalization.uncertainty.truth import has_truth
from facewarden.experiments.engine.kind import CellResult, PlanCell, PlanKind, Summary
from facewarden.experiments.engine.recipe_changes import checked_recipe
from facewarden.training.detector import trainable_class, untrained_detector
from facewarden.training.recipe import Recipe, read_recipe
from facewarden.training.recipe_files import merged


class UncertaintyKind(PlanKind):
    """MMDG is trained with its gate and without it; each training is one cell that measures too.

    `facewarden.experiments.domain_generalization.uncertainty.settings.UncertaintySettings` is its settings.
    """

    def prepare(self, settings: Mapping[str, Any], *, root: Path) -> None:
        """Simulate the captures with their maps and crop them once."""
        plan = read_settings(UncertaintySettings, settings)
        folder = known_folder(root, plan.data)
        manifest = prepared_captures(plan.data, folder)
        if not any(has_truth(sample) for sample in manifest):
            hint = "data: {simulate: {version: 2, maps: true}}"
            raise SettingError("the captures have no exact depth", hint=hint, at=("data",))
        splits = transfer_protocol(plan.protocol, whole_target=True).assign(manifest)
        check_measurable(plan.protocol, splits)
        write_audit(folder / audit_name(plan.protocol, {}), splits, manifest)
        recipe = _recipe(plan, gated=True)
        model = untrained_detector(recipe, seed=0)
        view = view_of(model, margin=recipe.training.margin)
        make_store(manifest, model, view=view, folder=folder / f"crops-{view.key}")

    def cells(self, settings: Mapping[str, Any], *, root: Path) -> Sequence[PlanCell]:
        """One cell for each seed, with the gate and without it."""
        plan = read_settings(UncertaintySettings, settings)
        common = {
            "data": plan.data, "protocol": transfer_protocol(plan.protocol).name, "worst": plan.worst,
            "region": plan.region, "damages": list(plan.damages), "sensors": list(plan.sensors), "most": plan.most,
        }  # fmt: skip
        cells = []
        for seed in plan.seeds:
            for name, gated in ((GATED, True), (UNGATED, False)):
                recipe = _recipe(plan, gated=gated)
                start = trainable_class(recipe.entry).start(recipe.model)
                own = {"recipe": recipe.plain(), "start": start, "seed": seed}
                cells.append(PlanCell(f"{name} / seed {seed}", {**common, **own}))
        return cells

    def run(self, cell: PlanCell, *, folder: Path) -> dict[str, Any]:
        """Train, then measure patches and damage."""
        data = known_folder(folder.parent.parent, cell.settings["data"])
        return run_uncertainty_cell(cell.settings, data=data, folder=folder)

    def summarize(self, settings: Mapping[str, Any], results: Sequence[CellResult]) -> Summary:
        """Areas of U and of its alternatives; what damage moves."""
        plan = read_settings(UncertaintySettings, settings)
        by_variant: dict[str, dict[int, Mapping[str, Any]]] = {}
        for result in results:
            variant = result.cell.name.partition(" / ")[0]
            by_variant.setdefault(variant, {})[int(result.cell.settings["seed"])] = result.value
        return summarize_uncertainty(plan.title, by_variant, worst=plan.worst)


def _recipe(plan: UncertaintySettings, *, gated: bool) -> Recipe:
    whole = merged(read_recipe(plan.recipe).plain(), plan.changes)
    whole = merged(whole, {"model": {"gated": gated, "tiling": "batch"}})
    recipe = checked_recipe(whole, at=("changes",))
    if recipe.entry != "mmdg":
        raise SettingError(f"{recipe.entry} has no U", hint="recipe: mmdg", at=("recipe",))
    return recipe


entry = UncertaintyKind
