"""Cloaks against trackers that purify: people, purifiers, trackers and evaluation recognizers."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Any

from facewarden.core.resolve import resolve_recognizer
from facewarden.core.settings import SettingError
from facewarden.experiments.cloaking.array_store import Store
from facewarden.experiments.cloaking.cache import ExperimentCache
from facewarden.experiments.cloaking.cost_tables import cost_sentences, cost_table
from facewarden.experiments.cloaking.figures import budget_figure, protection_figure
from facewarden.experiments.cloaking.finetuned_tracker import FineTuning
from facewarden.experiments.cloaking.galleries.cell import GalleryRow, gallery_rows
from facewarden.experiments.cloaking.galleries.table import gallery_table
from facewarden.experiments.cloaking.headlines import headline_sentences, headline_table, headlines
from facewarden.experiments.cloaking.measure import TRAINED, CloakingResult, measure
from facewarden.experiments.cloaking.population import load_crowd
from facewarden.experiments.cloaking.purifier_cost import cost_of
from facewarden.experiments.cloaking.results_grid import NONE, CloakingGrid
from facewarden.experiments.cloaking.settings import OLD_KEYS, CloakingPlan, cloak_of, plan_of
from facewarden.experiments.cloaking.tables import cells_table, goal_table
from facewarden.experiments.engine.inputs import model_inputs, photos_inputs
from facewarden.experiments.engine.kind import CellResult, PlanCell, PlanKind, Summary, shared_folder
from facewarden.experiments.engine.plan_settings import check_cell_count
from facewarden.reporting.document import Figure, Table

_COMMON = ("set", "photos", "distractors", "aligner")
"""Settings of a plan that decide whose faces every cell is about."""
_SEALED = ("without_sealed", "only_sealed")


class Cloaking(PlanKind):
    """The grid of cloaks, purifiers, trackers and evaluation recognizers, in tables of a plan.

    `facewarden.experiments.cloaking.settings.CloakingPlan` is its settings.
    """

    code = 2  # a cell holds intervals of shares
    old_keys = OLD_KEYS

    def prepare(self, settings: Mapping[str, Any], *, root: Path) -> None:
        """Align the population's faces once."""
        _lab_of(_common(plan_of(settings)), root / "shared")

    def inputs(self, settings: Mapping[str, Any]) -> Mapping[str, str]:
        """The photos and all recognizers; ids of cells hold what cloaks and purifiers are."""
        plan = plan_of(settings)
        of_tables = (one for table in plan.crossed for one in table.recognizers or ())
        surrogates = (one for cloak in plan.recipes.values() for one in cloak.surrogates)
        models = {spec: spec for spec in (*plan.recognizers, *of_tables, *surrogates)}
        return {**photos_inputs((_expanded(plan.set),)), **model_inputs(models, resolve_recognizer)}

    def cells(self, settings: Mapping[str, Any], *, root: Path) -> Sequence[PlanCell]:
        """One cell for every cloak and purifier of a table of galleries, and tracker of a table; and one per cost."""
        plan = plan_of(settings)
        counts = [len(table.cloaks) * len(table.purifiers) * len(table.trackers) for table in plan.tables]
        counts += [len(gallery.cloaks) * len(gallery.purifiers) for gallery in plan.galleries]
        check_cell_count(sum(counts), at=("tables",))
        known, _ = plan.known()
        common = _common(plan)
        cells = []
        for gallery in plan.galleries:
            for cloak, purifier in product(gallery.cloaks, gallery.purifiers):
                if purifier not in known or cloak not in known:
                    continue
                values = {
                    "cloak": {"name": cloak, **plan.cloaks[cloak]},
                    "purifier": [purifier, plan.all_purifiers[purifier], known[purifier]],
                    "through": known[cloak],
                    "gallery": gallery.title,
                    "of_scene": gallery.of_scene(),
                    "seeds": gallery.seeds or plan.seeds,
                    "recognizers": gallery.recognizers or plan.recognizers,
                    "users": gallery.users or plan.users,
                    "skip_people": plan.skipped(gallery),
                    **_mask(plan, cloak),
                    **common,
                }
                cells.append(PlanCell(f"{gallery.title} / {cloak} / {purifier}", values))
        for table in plan.tables:
            for cloak, purifier, tracker in product(table.cloaks, table.purifiers, table.trackers):
                if purifier not in known or cloak not in known:
                    continue
                values = {
                    "cloak": {"name": cloak, **plan.cloaks[cloak]},
                    "purifier": [purifier, plan.all_purifiers[purifier], known[purifier]],
                    "through": known[cloak],
                    "tracker": tracker,
                    "table": table.title,
                    "probes": table.probes,
                    "seeds": table.seeds or plan.seeds,
                    "judges": table.recognizers or plan.recognizers,  # old names: ids of finished cells hold them
                    "users": table.users or plan.users,
                    "passed_over": plan.skipped(table),
                    "tuning": table.tuning if tracker in TRAINED else {},
                    **_mask(plan, cloak),
                    **common,
                }
                cells.append(PlanCell(f"{table.title} / {cloak} / {purifier} / {tracker}", values))
        for name in plan.cost:
            if name in known:
                values = {"cost": [name, plan.all_purifiers[name], known[name]], "judges": plan.recognizers, **common}
                values["rounds"] = plan.rounds
                cells.append(PlanCell(f"cost / {name}", values))
        return cells

    def run(self, cell: PlanCell, *, folder: Path) -> dict[str, Any]:
        """Measure a cell; the first cell that needs a shared result computes it."""
        cell_settings = cell.settings
        lab = _lab_of(cell_settings, shared_folder(folder))
        if "cost" in cell_settings:
            return {
                "cost": cost_of(
                    lab, cell_settings["cost"][1], recognizers=cell_settings["judges"], rounds=cell_settings["rounds"]
                )
            }
        name, spec, _ = cell_settings["purifier"]
        values = dict(cell_settings["cloak"])
        cloak = values.pop("name")
        measured_on = {"simulated": lab.crowd.faces.simulated, "skipped": dict(lab.crowd.faces.skipped)}
        if "gallery" in cell_settings:
            rows = gallery_rows(
                lab,
                cloak_of(cloak, values),
                purifier=spec,
                scene=cell_settings["of_scene"],
                recognizers=cell_settings["recognizers"],
                users=cell_settings["users"],
                skip_people=cell_settings["skip_people"],
                seeds=cell_settings["seeds"],
            )
            return {"rows": [replace(row, cloak=cloak, purifier=name).as_json() for row in rows], **measured_on}
        cells = measure(
            lab,
            cloak_of(cloak, values),
            purifier=spec,
            tracker=cell_settings["tracker"],
            recognizers=cell_settings["judges"],
            attackers=cell_settings["users"],
            skip_people=cell_settings["passed_over"],
            seeds=cell_settings["seeds"],
            probes=cell_settings["probes"],
            tuning=FineTuning(**cell_settings["tuning"]),
        )
        named = [replace(one, cloak=cloak, purifier=name).as_json() for one in cells]
        return {"cells": named, **measured_on}

    def summarize(self, settings: Mapping[str, Any], results: Sequence[CellResult]) -> Summary:
        """Goals, headlines, every cell, costs, and two figures."""
        plan = plan_of(settings)
        tables: dict[str, list[CloakingResult]] = {}
        costs: dict[str, Mapping[str, Any]] = {}
        called: dict[str, str] = {}
        galleries: dict[str, list[GalleryRow]] = {}
        for result in results:
            cell_settings = result.cell.settings
            if "gallery" in cell_settings:
                rows = [GalleryRow.from_json(one) for one in result.value["rows"]]
                galleries.setdefault(cell_settings["gallery"], []).extend(rows)
            elif "cost" in cell_settings:
                costs[cell_settings["cost"][0]] = _cost_of_today(result.value["cost"])
            else:
                measured = [CloakingResult.from_json(one) for one in result.value["cells"]]
                tables.setdefault(cell_settings["table"], []).extend(measured)
                if len(measured) == len(cell_settings["judges"]):  # some recognizers have nothing to train
                    called |= {
                        spec: one.recognizer for spec, one in zip(cell_settings["judges"], measured, strict=True)
                    }
        grid = CloakingGrid(tables)
        names = [name for name in plan.all_purifiers if any(cell.purifier == name for cell in grid.all())]
        shown: list[Table] = []
        sentences: list[str] = []
        figures: list[Figure | None] = []
        ours, baselines = plan.ours, plan.compared(names)
        if plan.goals:
            shown.append(goal_table(grid, plan.goals, candidate=ours, baselines=baselines))
        if plan.headline and tables:
            chosen = [n for n in names if n in (NONE, ours) or n in baselines]
            for number, wanted in enumerate(plan.headline):
                most, title = wanted.at_most, wanted.title
                rates = headlines(
                    grid,
                    purifiers=chosen,
                    cloaks=wanted.cloaks,
                    trackers=wanted.trackers,
                    candidate=ours,
                    recognizers=[called.get(spec, spec) for spec in wanted.recognizers or plan.recognizers],
                )
                shown.append(headline_table(title, rates, purifiers=chosen, limit=most, candidate=ours))
                said = headline_sentences(rates, candidate=ours, baselines=baselines, limit=most)
                sentences += [f"{title}. {one}" for one in said]
                if number == 0:
                    figures.append(protection_figure(rates, purifiers=chosen))
        figures += _budgets(grid, plan, names, recognizers=[called.get(spec, spec) for spec in plan.recognizers])
        if costs:
            shown.append(cost_table(costs))
            sentences += cost_sentences(grid, costs, candidate=ours)
        shown += [cells_table(title, cells, grid) for title, cells in tables.items()]
        fpir = {gallery.title: gallery.fpir for gallery in plan.galleries}
        for title, rows in galleries.items():
            shown.append(gallery_table(title, rows, fpir=fpir[title], strangers=plan.distractors // 2))
        used = {name for table in plan.crossed for name in (*table.cloaks, *table.purifiers)}
        used.update(plan.cost)
        sentences += [f"Left out: {name}: {why}." for name, why in plan.known()[1].items() if name in used]
        return Summary(
            f"Cloaking on {name_of_set(plan.set)}",
            tuple(sentences),
            tuple(shown),
            tuple(figure for figure in figures if figure is not None),
            simulated=any(result.value.get("simulated", False) for result in results),
            data={"cells": [cell.as_json() for cell in grid.all()], "costs": costs, **_data_of(galleries)},
        )


def name_of_set(spec: str) -> str:
    """Name of a set in reports: its reader or the folder's name, never its path on this machine."""
    head, colon, _ = spec.partition(":")
    return head if colon else Path(spec).name


def _cost_of_today(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """A cost as cells hold it; those of version 0.1 say `judges`."""
    return {"recognizers" if name == "judges" else name: value for name, value in values.items()}


def _data_of(galleries: Mapping[str, Sequence[GalleryRow]]) -> dict[str, Any]:
    if not galleries:
        return {}
    return {"galleries": {title: [row.as_json() for row in rows] for title, rows in galleries.items()}}


def _common(plan: CloakingPlan) -> dict[str, Any]:
    """What every cell holds; of the sealed people only what differs from the default, so that older ids stay."""
    sealed = {name: True for name in _SEALED if getattr(plan, name)}
    return {name: getattr(plan, name) for name in _COMMON} | sealed


def _mask(plan: CloakingPlan, cloak: str) -> dict[str, Any]:
    """Of cells of one mask a person: probes do not make it; where they did, ids of cells were other ones."""
    return {"mask_of": "gallery"} if cloak_of(cloak, plan.cloaks[cloak]).one_mask else {}


def _expanded(spec: str) -> str:
    """Expand environment variables in a set's path, so that a plan contains no machine path."""
    expanded = os.path.expandvars(spec)
    if "$" in expanded:
        raise SettingError(f"{spec}: the variable is not set", hint="export it, or write the path", at=("set",))
    return expanded


def _lab_of(settings: Mapping[str, Any], shared: Path) -> ExperimentCache:
    common = (settings[name] for name in _COMMON)
    return _lab(*common, shared, **{name: settings.get(name, False) for name in _SEALED})


@lru_cache(maxsize=2)
def _lab(
    dataset: str, photos: int, distractors: int, aligner: str, shared: Path, *, without_sealed: bool, only_sealed: bool
) -> ExperimentCache:
    crowd = load_crowd(
        _expanded(dataset), people=10**6, photos=photos, distractors=distractors, store=Store(shared), aligner=aligner,
        without_sealed=without_sealed,
    )  # fmt: skip
    return ExperimentCache(replace(crowd, only_sealed=only_sealed), shared)


def _budgets(
    grid: CloakingGrid, plan: CloakingPlan, names: Sequence[str], *, recognizers: Sequence[str]
) -> list[Figure | None]:
    """Success against eps, one figure per evaluation recognizer, for cloaks that differ only in level."""
    cloaks = plan.recipes
    wanted = plan.headline[0].cloaks if plan.headline else list(cloaks)
    numeric = [name for name in wanted if name in cloaks and cloaks[name].level.replace(".", "").isdigit()]
    if not numeric:
        return []
    like = replace(cloaks[numeric[0]], level="8")
    alike = {name: recipe.eps for name, recipe in cloaks.items() if replace(recipe, level="8") == like}
    return [budget_figure(grid, alike, purifiers=names, recognizer=recognizer) for recognizer in recognizers]


entry = Cloaking
