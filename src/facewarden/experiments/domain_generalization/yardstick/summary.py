"""Summary of a yardstick: floors, ceilings, gaps, the verdict of every rule, and each species by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from facewarden.data.protocols.parts.halves import halves
from facewarden.experiments.domain_generalization.labels import in_percent
from facewarden.experiments.domain_generalization.yardstick.figures import (
    MAIN,
    ScoredRows,
    area,
    better,
    group_areas,
    specialist_areas,
    thresholds,
)
from facewarden.experiments.domain_generalization.yardstick.fits import ALL
from facewarden.experiments.domain_generalization.yardstick.inside import ONE_LINE
from facewarden.experiments.domain_generalization.yardstick.rules import APART, FLOORS, RANKED, RANKING, WEIGHTS
from facewarden.experiments.domain_generalization.yardstick.verdict import GroupGap, Verdict, gaps, verdicts
from facewarden.experiments.engine.kind import Summary
from facewarden.metrics.transfer import Replicated
from facewarden.reporting.document import Table

CEILINGS = {
    "trunk_both": "frozen features, in-domain", "true_maps": "the simulator's true maps, in-domain",
    ONE_LINE: "frozen features, in-domain, one line for all domains",
}  # fmt: skip
_GROUPS = (*WEIGHTS, MAIN)
_NOTE = (
    "AUC % [95 % interval over domains and people], mean over the domains that have enough of a group; the better of "
    "the fit on all species and the one on the group alone."
)


@dataclass(frozen=True, eq=False)
class Found:
    """Results of the cells.

    Attributes:
        tested: the captures.
        crossed: floor -> fit -> scores of unseen domains.
        inside: ceiling -> fit -> scores in-domain.
        simulated: whether any capture is.
    """

    tested: ScoredRows
    crossed: Mapping[str, Mapping[str, NDArray[np.float64]]]
    inside: Mapping[str, Mapping[str, NDArray[np.float64]]]
    simulated: bool


def summarize_yardstick(title: str, found: Found) -> Summary:
    """Tables, sentences and figures of what the cells gave.

    Args:
        title: of the plan.
        found: their results.
    """
    tested = found.tested
    general = {name: group_areas(tested, fits[ALL]) for name, fits in found.crossed.items() if ALL in fits}
    floors = {
        name: better(general.get(name, {}), specialist_areas(tested, fits)) for name, fits in found.crossed.items()
    }
    alone = {name: specialist_areas(tested, fits) for name, fits in found.inside.items()}
    whole = {name: group_areas(tested, fits[ALL]) for name, fits in found.inside.items() if ALL in fits}
    special = {name: better(whole.get(name, {}), areas) for name, areas in alone.items()}
    by_group = gaps(floors, special.get("trunk_both", {}))
    linear = sum(name in FLOORS for name in floors)
    said = verdicts(by_group, crossed=general.get("trunk_both", {}), inside=whole.get("trunk_both", {}), floors=linear)
    correlation, methods = _ranking(found)
    said.append(
        Verdict(
            f"the ranking of {RANKED} trained methods on half of the domains predicts the other ({RANKING} or more)",
            None,
            f"no trained method measured yet; the rankings of the floors correlate by {correlation:.2f} ({methods})",
        )
    )
    tables = [
        _verdict_table(said, simulated=found.simulated),
        _gap_table(by_group, simulated=found.simulated),
        _areas_table("Floors on unseen domains", floors, simulated=found.simulated, note=_NOTE),
        _areas_table(
            "Ceilings", {CEILINGS[name]: areas for name, areas in special.items()},
            simulated=found.simulated, note=f"People of the tested domains fit, others of them are tested. {_NOTE}",
        ),
        _areas_table(
            "In-domain, each group by its own fit", {CEILINGS[name]: areas for name, areas in alone.items()},
            simulated=found.simulated, note="The same people as above.",
        ),
        _areas_table(
            "In-domain, fitted on all species", {CEILINGS[name]: areas for name, areas in whole.items()},
            simulated=found.simulated, note="The same people as above.",
        ),
        _threshold_table(found),
        _species_table(found),
    ]  # fmt: skip
    return Summary(
        title=title,
        sentences=tuple(f"Rule {place}: {one.word}: {one.rule} ({one.detail})." for place, one in enumerate(said, 1)),
        tables=tuple(table for table in tables if table.rows),
        simulated=found.simulated,
        data={
            "verdicts": [one.plain() for one in said],
            "captures": int(tested.label.size),
            "domains": sorted(set(tested.domain.tolist())),
            "floors": _plain(floors),
            "floors_all_species": _plain(general),
            "ceilings": _plain(special),
            "in_domain_group_alone": _plain(alone),
            "in_domain_all_species": _plain(whole),
        },
    )


def _ranking(found: Found) -> tuple[float, int]:
    """Spearman correlation of the floors' main means on one half of the domains and on the other."""
    sides = halves(found.tested.domain.tolist())
    table = []
    for fits in found.crossed.values():
        means = [group_areas(found.tested, fits[ALL], domains=side).get(MAIN) for side in sides] if ALL in fits else []
        if len(means) == 2 and means[0] is not None and means[1] is not None:
            table.append((means[0].value, means[1].value))
    if len(table) < 3:
        return float("nan"), len(table)
    one, other = zip(*table, strict=True)
    return float(spearmanr(one, other).statistic), len(table)


def _cell(found: Replicated | None) -> str | None:
    return None if found is None else in_percent(found.interval())


def _verdict_table(said: Sequence[Verdict], *, simulated: bool) -> Table:
    rows = tuple((place, one.rule, one.word, one.detail) for place, one in enumerate(said, 1))
    return Table("Is it a yardstick", ("rule", "what it asks", "verdict", "figures"), rows, simulated=simulated)


def _gap_table(by_group: Mapping[str, GroupGap], *, simulated: bool) -> Table:
    rows = []
    for name, one in by_group.items():
        gap = in_percent(one.gap.interval(proportion=False))
        marks = ("pass" if one.wide else "FAIL", "pass" if one.high else "FAIL")
        rows.append((name, one.floor, _cell(one.best), _cell(one.ceiling), gap, *marks, one.best.n))
    columns = ("group", "best floor", "its AUC %", "ceiling AUC %", "gap, points", "rule 1", "rule 2", "captures")
    return Table("Floor to ceiling", columns, tuple(rows), note=_NOTE, simulated=simulated)


def _areas_table(title: str, areas: Mapping[str, Mapping[str, Replicated]], *, simulated: bool, note: str) -> Table:
    rows = tuple((name, *(_cell(one.get(group)) for group in _GROUPS)) for name, one in areas.items() if one)
    return Table(title, ("", *_GROUPS), rows, note=note, simulated=simulated)


def _threshold_table(found: Found) -> Table:
    rows = []
    for name, fits in found.crossed.items():
        measured = thresholds(found.tested, fits[ALL]) if ALL in fits else {}
        if measured:
            regret = in_percent(measured["regret"].interval(proportion=False))
            rows.append((name, _cell(measured["hter"]), regret))
    return Table(
        "Thresholds of the floors on unseen domains, all species", ("", "HTER %", "threshold regret, points"),
        tuple(rows), note="Regret: HTER less its value at the target's own EER.", simulated=found.simulated,
    )  # fmt: skip


def _species_table(found: Found) -> Table:
    tested = found.tested
    rows = []
    for species in tested.species_present():
        attacks = tested.attacks(lambda name, s=species: name == s)  # type: ignore[misc]
        known = {
            name: one
            for name, fits in found.crossed.items()
            if name in FLOORS and ALL in fits and (one := area(tested, fits[ALL], attacks=attacks)) is not None
        }
        if not known:
            continue
        best = max(known, key=lambda name: known[name].value)
        fits = found.inside.get("trunk_both", {})
        top = area(tested, fits[ALL], attacks=attacks) if ALL in fits else None
        mark = "apart" if species in APART else ""
        rows.append((species, mark, best, _cell(known[best]), _cell(top), int(attacks.sum())))
    columns = ("species", "", "best floor", "its AUC %", "frozen features in-domain, AUC %", "attacks")
    return Table(
        "Each species by itself, fitted on all species", columns, tuple(rows),
        note="The best of the linear floors is chosen on what it is tested on.", simulated=found.simulated,
    )  # fmt: skip


def _plain(areas: Mapping[str, Mapping[str, Replicated]]) -> dict[str, Any]:
    def one(value: Replicated) -> dict[str, Any]:
        found = value.interval()
        return {**found.as_json(), "people": value.subjects}

    return {name: {group: one(value) for group, value in groups.items()} for name, groups in areas.items()}
