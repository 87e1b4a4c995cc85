"""The chapter on demographic differentials."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from facewarden.evaluation.score_file.groups import AttributeRates, summary_of
from facewarden.metrics.intervals import Interval
from facewarden.metrics.laboratory.differentials import Differentials, Measure
from facewarden.reporting.document import Cell, Table
from facewarden.reporting.format import interval, number, plain
from facewarden.reporting.pages.document import Chapter

NAMES = {
    "gap_first": "{first}, highest less lowest",
    "gap_second": "{second}, highest less lowest",
    "ratio_first": "{first}, highest by lowest",
    "ratio_second": "{second}, highest by lowest",
    "fdr": "FDR (1 = equal)",
    "inequity_ratio": "Inequity ratio (1 = equal)",
    "garbe": "GARBE (0 = equal)",
}
_PERCENT = ("gap_first", "gap_second")


def groups_chapter(found: Sequence[AttributeRates], *, simulated: bool, how: str) -> Chapter:
    """Rates by group for every attribute, and the measures of the species that lies furthest apart.

    Args:
        found: of every attribute and species.
        simulated: whether rows were simulated.
        how: how it was established who belongs to which group, in a sentence.
    """
    tables: list[Table] = []
    for attribute in dict.fromkeys(one.attribute for one in found):
        parts = [one for one in found if one.attribute == attribute]
        tables.append(_rates(attribute, parts, simulated=simulated))
        worst = max(parts, key=_inequity)
        if worst.found.measures:
            title = f"{plain(attribute)}: measures, species {plain(worst.species)} (the least equal)"
            tables.append(measures_table(title, worst.found, first="APCER", second="BPCER", simulated=simulated))
    text = (
        "All rates are at the main threshold, the same for everybody. Small groups lie apart by chance alone: the "
        "column “by chance” holds the value of each measure where groups are assigned to people at random, and p the "
        "share of such draws that are at least as unequal.",
        how,
    )
    return Chapter("groups", "Demographic differentials", text, tuple(tables))


def measures_table(title: str, found: Differentials, *, first: str, second: str, simulated: bool) -> Table:
    """The measures over groups as a table.

    Args:
        title: of the table.
        found: the measures.
        first, second: names of both rates.
        simulated: whether rows were simulated.
    """
    rows = tuple(
        (NAMES[one.name].format(first=first, second=second), _value(one), _shown(one, one.expected), f"{one.p:.3f}")
        for one in found.measures
    )
    note = f"{found.rounds} permutations of groups over people."
    if found.left_out:
        note += f" Left out, without one of the rates: {', '.join(map(plain, found.left_out))}."
    return Table(title, ("Measure", "Measured (95 %)", "By chance", "p"), rows, note, simulated)


def groups_json(found: Sequence[AttributeRates]) -> list[dict[str, Any]]:
    """Rates and measures as JSON values."""

    def rate(held: Interval | None) -> dict[str, Any] | None:
        return None if held is None else held.as_json()

    return [
        {
            "attribute": one.attribute,
            "species": one.species,
            "unknown": one.unknown,
            "rates": {
                name: {"apcer": rate(first), "bpcer": rate(second), "subjects": one.found.subjects[name]}
                for name, (first, second) in one.found.rates.items()
            },
            "measures": {held.name: _plain(held) for held in one.found.measures},
            "rounds": one.found.rounds,
        }
        for one in found
    ]


def _plain(one: Measure) -> dict[str, Any]:
    names = ("value", "low", "high", "at_least", "expected", "p", "groups")
    return {name: getattr(one, name) for name in names}


def _inequity(one: AttributeRates) -> float:
    return next((1 - (held.value or 0.0) for held in one.found.measures if held.name == "fdr"), -1.0)


def _rates(attribute: str, parts: Sequence[AttributeRates], *, simulated: bool) -> Table:
    groups = list(parts[0].found.rates)
    rows: list[tuple[Cell, ...]] = []
    for group in groups:
        bona_fide = parts[0].found.rates[group][1]
        cells = [rate_words(one.found.rates[group][0]) if group in one.found.rates else "–" for one in parts]
        rows.append((plain(group), parts[0].found.subjects[group], rate_words(bona_fide), *cells))
    columns = ("Group", "Subjects", "BPCER", *(f"APCER, {plain(one.species)}" for one in parts))
    unknown = max(one.unknown for one in parts)
    note = f"Presentations whose group is not known: {unknown}." if unknown else ""
    people = summary_of(parts[0].found.subjects)
    return Table(f"{plain(attribute)}: rates by group ({people})", columns, tuple(rows), note, simulated)


def rate_words(held: Interval | None) -> str:
    """A rate with its interval and count; a dash where there is none."""
    if held is None:
        return "–"
    ends = interval(held.low, held.high, unit="%", like=held.value)
    return f"{number(held.value, unit='%')} ({ends}), n\u00a0=\u00a0{held.n}"


def _value(one: Measure) -> str:
    if one.value is None:
        return "not defined (a group without errors)" if one.at_least is None else f"≥ {_shown(one, one.at_least)}"
    ends = "" if one.low is None else f" ({_shown(one, one.low)} to {_shown(one, one.high)})"
    return f"{_shown(one, one.value)}{ends}"


def _shown(one: Measure, value: float | None) -> str:
    if value is None:
        return "–"
    return number(value, unit="%") if one.name in _PERCENT else f"{value:.3f}"
