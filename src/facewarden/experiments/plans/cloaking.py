"""Cloaks against trackers that purify: people, purifiers, trackers and evaluation recognizers."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from facewarden.core.errors import FacewardenError
from facewarden.core.resolve import resolve_purifier
from facewarden.experiments.cloaking.array_store import Store
from facewarden.experiments.cloaking.cache import ExperimentCache
from facewarden.experiments.cloaking.cloak_recipe import CloakRecipe, identity_of
from facewarden.experiments.cloaking.figures import budget_figure, protection_figure
from facewarden.experiments.cloaking.finetuned_tracker import FineTuning
from facewarden.experiments.cloaking.measure import TRACKERS, TRAINED, CloakingResult, measure
from facewarden.experiments.cloaking.population import load_crowd
from facewarden.experiments.cloaking.purifier_cost import cost_of
from facewarden.experiments.cloaking.results_grid import NONE, CloakingGrid
from facewarden.experiments.cloaking.tables import (
    Goal,
    cells_table,
    cost_sentences,
    cost_table,
    goal_table,
    headline_sentences,
    headline_table,
    headlines,
)
from facewarden.experiments.engine.kind import (
    CellResult,
    PlanCell,
    PlanKind,
    SettingError,
    Summary,
    check_keys,
    shared_folder,
)
from facewarden.reporting.document import Figure, Table

_KEYS = (
    "set", "photos", "distractors", "aligner", "users", "skip_people", "passed_over", "seeds", "judges", "cloaks",
    "purifiers",
    "candidate", "baselines", "tables", "goals", "headline", "cost", "skip_missing", "rounds",
)  # fmt: skip
_TABLE = (
    "title", "cloaks", "purifiers", "trackers", "probes", "seeds", "judges", "users", "skip_people", "passed_over",
    "tuning",
)  # fmt: skip
_HEADLINE = ("title", "cloaks", "trackers", "at_most", "judges")
_RECIPE = tuple(field.name for field in fields(CloakRecipe))


@dataclass(frozen=True)
class _Plan:
    settings: Mapping[str, Any]

    @property
    def cloaks(self) -> dict[str, CloakRecipe]:
        return {name: _cloak(name, values) for name, values in self.settings["cloaks"].items()}

    @property
    def purifiers(self) -> dict[str, str]:
        return {NONE: "identity", **self.settings["purifiers"]}

    @property
    def candidate(self) -> str:
        return str(self.settings.get("candidate", "puface"))

    @property
    def baselines(self) -> list[str]:
        return list(self.settings.get("baselines", [n for n in self.purifiers if n not in (NONE, self.candidate)]))

    @property
    def judges(self) -> list[str]:
        return list(self.settings["judges"])

    def known(self) -> tuple[dict[str, Any], dict[str, str]]:
        """Identity of every purifier and cloak that the plan names, and the missing ones with the reason."""
        recipes: dict[str, Any] = {}
        missing: dict[str, str] = {}
        wanted: dict[str, tuple[str, list[str]]] = {
            name: ("cloaks", list(c.through)) for name, c in self.cloaks.items()
        }
        wanted |= {name: ("purifiers", [spec]) for name, spec in self.purifiers.items()}
        for name, (where, specs) in wanted.items():
            try:
                recipes[name] = [identity_of(resolve_purifier(spec)) for spec in specs]
            except FacewardenError as error:
                if not self.settings.get("skip_missing", False):
                    raise SettingError(error.message, hint=error.hint, at=(where, name)) from error
                missing[name] = error.message
        return recipes, missing


class Cloaking(PlanKind):
    """The grid of cloaks, purifiers, trackers and evaluation recognizers, in tables of a plan.

    Settings: `set` (photos), `photos` a person, `distractors`, `users` who cloak in turn, `skip_people` (how many
    people before them are excluded, because they were used for model selection), `seeds` of the splits, `judges`;
    `cloaks`: name -> {attack, level, surrogates, and what else `CloakRecipe` has}; `purifiers`: name -> what
    `--purifier` takes, with settings as JSON behind it where needed ("none" is always there); `candidate` and
    `baselines` by these names; `tables`: a list of {title, cloaks, purifiers, trackers}, each with its own `probes`,
    `seeds`, `judges`, `users`, `skip_people` or `tuning` where they differ; `goals`: {cloak, judges, at_most};
    `headline`: a list of {title, cloaks, trackers, at_most}, the first of which is drawn, each over the plan's `judges`
    unless it has its own; `cost`: purifiers whose cost
    is measured, with `rounds` of the bootstrap; `skip_missing`: leave out purifiers whose weights are not there.
    """

    code = 2  # a cell holds intervals of shares

    def prepare(self, settings: Mapping[str, Any], *, root: Path) -> None:
        """Align the population's faces once."""
        _lab(*(_common(settings).values()), root / "shared")

    def cells(self, settings: Mapping[str, Any], *, root: Path) -> Sequence[PlanCell]:
        """One cell for every cloak, purifier and tracker of a table, with all recognizers; and one per cost."""
        check_keys(settings, _KEYS, required=("set", "judges", "cloaks", "purifiers", "tables"))
        plan = _Plan(settings)
        cloaks, (known, _) = plan.cloaks, plan.known()
        common = _common(settings)
        listed = []
        for place, table in enumerate(settings["tables"]):
            for cloak, purifier, tracker in _combinations(table, place, cloaks, plan):
                if purifier not in known or cloak not in known:
                    continue
                values = {
                    "cloak": {"name": cloak, **settings["cloaks"][cloak]},
                    "purifier": [purifier, plan.purifiers[purifier], known[purifier]],
                    "through": known[cloak],
                    "tracker": tracker,
                    "table": table["title"],
                    "probes": table.get("probes", "raw"),
                    "seeds": table.get("seeds", settings.get("seeds", [0, 1, 2])),
                    "judges": table.get("judges", plan.judges),
                    "users": table.get("users", settings.get("users", 40)),
                    "passed_over": _skip_people(table, settings),  # the old name: ids of finished cells hold it
                    "tuning": table.get("tuning", {}) if tracker in TRAINED else {},
                    **common,
                }
                listed.append(PlanCell(f"{table['title']} / {cloak} / {purifier} / {tracker}", values))
        for place, wanted in enumerate(settings.get("headline", ())):
            check_keys(wanted, _HEADLINE, required=_HEADLINE[:4], at=("headline", place))
        for name in settings.get("cost", ()):
            if name not in plan.purifiers:
                raise SettingError(f"no purifier {name!r}", hint=", ".join(plan.purifiers), at=("cost",))
            if name in known:
                values = {"cost": [name, plan.purifiers[name], known[name]], "judges": plan.judges, **common}
                values["rounds"] = settings.get("rounds", 200)
                listed.append(PlanCell(f"cost / {name}", values))
        return listed

    def run(self, cell: PlanCell, *, folder: Path) -> dict[str, Any]:
        """Measure a cell; the first cell that needs a shared result computes it."""
        cell_settings = cell.settings
        lab = _lab(*(_common(cell_settings).values()), shared_folder(folder))
        if "cost" in cell_settings:
            return {
                "cost": cost_of(
                    lab, cell_settings["cost"][1], judges=cell_settings["judges"], rounds=cell_settings["rounds"]
                )
            }
        name, spec, _ = cell_settings["purifier"]
        values = dict(cell_settings["cloak"])
        cloak = values.pop("name")
        cells = measure(
            lab,
            _cloak(cloak, values),
            purifier=spec,
            tracker=cell_settings["tracker"],
            judges=cell_settings["judges"],
            attackers=cell_settings["users"],
            skip_people=cell_settings["passed_over"],
            seeds=cell_settings["seeds"],
            probes=cell_settings["probes"],
            tuning=FineTuning(**cell_settings["tuning"]),
        )
        named = [replace(one, cloak=cloak, purifier=name).as_json() for one in cells]
        return {"cells": named, "simulated": lab.crowd.faces.simulated, "skipped": dict(lab.crowd.faces.skipped)}

    def summarize(self, settings: Mapping[str, Any], results: Sequence[CellResult]) -> Summary:
        """Goals, headlines, every cell, costs, and two figures."""
        plan = _Plan(settings)
        tables: dict[str, list[CloakingResult]] = {}
        costs: dict[str, Mapping[str, Any]] = {}
        called: dict[str, str] = {}
        for result in results:
            cell_settings = result.cell.settings
            if "cost" in cell_settings:
                costs[cell_settings["cost"][0]] = result.value["cost"]
            else:
                measured = [CloakingResult.from_json(one) for one in result.value["cells"]]
                tables.setdefault(cell_settings["table"], []).extend(measured)
                if len(measured) == len(cell_settings["judges"]):  # some judges have nothing to train
                    called |= {spec: one.judge for spec, one in zip(cell_settings["judges"], measured, strict=True)}
        grid = CloakingGrid(tables)
        names = [name for name in plan.purifiers if any(cell.purifier == name for cell in grid.all())]
        shown: list[Table] = []
        sentences: list[str] = []
        figures: list[Figure | None] = []
        ours, baselines = plan.candidate, [name for name in plan.baselines if name in names]
        goals = [Goal(g["cloak"], tuple(g["judges"]), float(g["at_most"])) for g in settings.get("goals", ())]
        if goals:
            shown.append(goal_table(grid, goals, candidate=ours, baselines=baselines))
        if "headline" in settings and tables:
            chosen = [n for n in names if n in (NONE, ours) or n in baselines]
            for number, wanted in enumerate(settings["headline"]):
                most, title = float(wanted["at_most"]), str(wanted["title"])
                rates = headlines(
                    grid,
                    purifiers=chosen,
                    cloaks=wanted["cloaks"],
                    trackers=wanted["trackers"],
                    candidate=ours,
                    judges=[called.get(spec, spec) for spec in wanted.get("judges", plan.judges)],
                )
                shown.append(headline_table(title, rates, purifiers=chosen, limit=most, candidate=ours))
                said = headline_sentences(rates, candidate=ours, baselines=baselines, limit=most)
                sentences += [f"{title}. {one}" for one in said]
                if number == 0:
                    figures.append(protection_figure(rates, purifiers=chosen))
        figures += _budgets(grid, plan, names, judges=[called.get(spec, spec) for spec in plan.judges])
        if costs:
            shown.append(cost_table(costs))
            sentences += cost_sentences(grid, costs, candidate=ours)
        shown += [cells_table(title, cells, grid) for title, cells in tables.items()]
        used = {name for table in settings["tables"] for name in (*table["cloaks"], *table["purifiers"])}
        used.update(settings.get("cost", ()))
        sentences += [f"Left out: {name}: {why}." for name, why in plan.known()[1].items() if name in used]
        return Summary(
            f"Cloaking on {name_of_set(settings['set'])}",
            tuple(sentences),
            tuple(shown),
            tuple(figure for figure in figures if figure is not None),
            simulated=any(result.value.get("simulated", False) for result in results),
            data={"cells": [cell.as_json() for cell in grid.all()], "costs": costs},
        )


def name_of_set(spec: str) -> str:
    """Name of a set in reports: its reader or the folder's name, never its path on this machine."""
    head, colon, _ = spec.partition(":")
    return head if colon else Path(spec).name


def _common(settings: Mapping[str, Any]) -> dict[str, Any]:
    usual = {"photos": 10, "distractors": 300, "aligner": "yunet"}
    return {"set": settings["set"], **{key: settings.get(key, value) for key, value in usual.items()}}


def _expanded(spec: str) -> str:
    """Expand environment variables in a set's path, so that a plan contains no machine path."""
    expanded = os.path.expandvars(spec)
    if "$" in expanded:
        raise SettingError(f"{spec}: the variable is not set", hint="export it, or write the path", at=("set",))
    return expanded


@lru_cache(maxsize=2)
def _lab(dataset: str, photos: int, distractors: int, aligner: str, shared: Path) -> ExperimentCache:
    sizes = {"people": 10**6, "photos": photos, "distractors": distractors}
    crowd = load_crowd(_expanded(dataset), **sizes, store=Store(shared), aligner=aligner)
    return ExperimentCache(crowd, shared)


def _cloak(name: str, values: Mapping[str, Any]) -> CloakRecipe:
    check_keys(values, _RECIPE, required=("attack", "level", "surrogates"), at=("cloaks", name))
    listed = {key: tuple(values[key]) for key in ("surrogates", "through", "after") if key in values}
    recipe = CloakRecipe(**{**values, **listed, "level": str(values["level"])})
    try:
        recipe.eps  # noqa: B018 - refuses an unknown attack or level
    except FacewardenError as error:
        raise SettingError(error.message, hint=error.hint, at=("cloaks", name)) from error
    return recipe


def _skip_people(table: Mapping[str, Any], settings: Mapping[str, Any]) -> int:
    """The setting of the table, else of the plan; plans of version 0.1 call it `passed_over`."""
    named = (place[key] for place in (table, settings) for key in ("skip_people", "passed_over") if key in place)
    return int(next(named, 0))


def _combinations(
    table: Mapping[str, Any], place: int, cloaks: Mapping[str, CloakRecipe], plan: _Plan
) -> Iterator[tuple[str, str, str]]:
    at = ("tables", place)
    check_keys(table, _TABLE, required=("title", "cloaks", "purifiers", "trackers"), at=at)
    for what, known in (("cloaks", cloaks), ("purifiers", plan.purifiers), ("trackers", [*TRACKERS, *TRAINED])):
        for name in table[what]:
            if name not in known:
                raise SettingError(f"no {what[:-1]} {name!r}", hint=f"there are {', '.join(known)}", at=(*at, what))
    if table.get("probes", "raw") not in ("raw", "purified"):
        raise SettingError(f"probes {table['probes']!r}", hint="raw or purified", at=(*at, "probes"))
    for cloak in table["cloaks"]:
        for purifier in table["purifiers"]:
            for tracker in table["trackers"]:
                yield cloak, purifier, tracker


def _budgets(grid: CloakingGrid, plan: _Plan, names: Sequence[str], *, judges: Sequence[str]) -> list[Figure | None]:
    """Success against eps, one figure per evaluation recognizer, for cloaks that differ only in level."""
    cloaks = plan.cloaks
    first: Mapping[str, Any] = next(iter(plan.settings.get("headline", [])), {})
    wanted = first.get("cloaks", list(cloaks))
    numeric = [name for name in wanted if name in cloaks and cloaks[name].level.replace(".", "").isdigit()]
    if not numeric:
        return []
    like = replace(cloaks[numeric[0]], level="8")
    alike = {name: recipe.eps for name, recipe in cloaks.items() if replace(recipe, level="8") == like}
    return [budget_figure(grid, alike, purifiers=names, judge=judge) for judge in judges]


entry = Cloaking
