"""Demographic differentials of a recognizer on a set that knows its people: FMR and FNMR by group, and chance alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewarden.data.own.group_table import MOST_GROUPS, coded
from facewarden.evaluation.score_file.groups_page import measures_table, rate_words
from facewarden.metrics.laboratory.differentials import Differentials
from facewarden.metrics.laboratory.pair_differentials import pair_differentials
from facewarden.metrics.verification import MOST_PAIRS
from facewarden.reporting.document import Metric, Table
from facewarden.reporting.format import plain
from facewarden.reporting.markdown import render_table


@dataclass(frozen=True)
class GroupErrors:
    """Errors of a recognizer by group, at one threshold for everybody.

    Attributes:
        threshold: match iff cosine >= threshold; the one that the recognizer's card states.
        by: attribute -> rates (FMR first, FNMR second) and how far they lie apart.
    """

    threshold: float
    by: dict[str, Differentials]


def errors_by_group(
    people: Mapping[str, Mapping[str, str]], identity: NDArray[Any], vectors: NDArray[np.float64], *,
    threshold: float | None, seed: int, rounds: int,
) -> tuple[GroupErrors | None, str]:  # fmt: skip
    """Compare every photo with every other one and count errors by group; or say why that is not done.

    Args:
        people: person -> attribute -> group.
        identity: (n,) who is on each photo.
        vectors: (n, d) unit vectors.
        threshold: of the recognizer; set on other people than these.
        seed, rounds: of permutations of groups over people and of the bootstrap.
    """
    if threshold is None:
        return None, "no demographic differentials: the card of the recognizer states no match_threshold"
    if len(identity) * (len(identity) - 1) // 2 > MOST_PAIRS:
        return None, f"no demographic differentials: more than {MOST_PAIRS:,} pairs"
    names, who = np.unique(identity, return_inverse=True)
    first, second = np.triu_indices(len(identity), k=1)
    same = who[first] == who[second]
    wrong = ((vectors @ vectors.T)[first, second] >= threshold) != same
    found = {}
    for attribute in sorted({name for told in people.values() for name in told}):
        groups = coded([people.get(str(name), {}).get(attribute, "") for name in names])
        if 1 < len(groups.names) <= MOST_GROUPS:
            found[attribute] = pair_differentials(
                wrong, same, first=who[first], second=who[second], group=groups.codes, names=groups.names, seed=seed,
                rounds=rounds,
            )  # fmt: skip
    return (GroupErrors(threshold, found), "") if found else (None, "")


def group_metrics(found: GroupErrors, *, group: Mapping[str, str], simulated: bool) -> Iterator[Metric]:
    """The rates of every group and the measures as report metrics.

    Args:
        found: of one recognizer on one set.
        group: which recognizer and set.
        simulated: whether the faces were rendered.
    """
    note = f"match at a cosine of {found.threshold:g} or more, as the card states"
    for attribute, one in found.by.items():
        about = {**group, "attribute": attribute}
        for name, rates in one.rates.items():
            for kind, rate in zip(("fmr", "fnmr"), rates, strict=True):
                if rate is not None:
                    bounds = (rate.value, rate.low, rate.high, rate.n)
                    yield Metric(kind, *bounds, simulated, "%", {**about, "group": name}, f"{note}; {rate.method}")
        people = sum(one.subjects.values())
        for held in one.measures:
            if held.value is not None:
                chance = "" if held.expected is None else f", by chance {held.expected:.3f}, p = {held.p:.3f}"
                yield Metric(held.name, held.value, held.low, held.high, people, simulated, "", about, note + chance)


def group_lines(recognizer: str, found: GroupErrors, *, simulated: bool) -> Sequence[str]:
    """The tables of one recognizer as lines of Markdown.

    Args:
        recognizer: its name.
        found: its errors.
        simulated: whether the faces were rendered.
    """
    lines = [
        f"### Demographic differentials of {recognizer}", "",
        f"Match at a cosine of {found.threshold:g} or more, as its card states, for everybody. A pair belongs to a "
        "group where both people do. “By chance” is the value where groups are assigned to people at random; p is the "
        "share of such draws that are at least as unequal.", "",
    ]  # fmt: skip
    for attribute, one in found.by.items():
        rows = tuple(
            (plain(name), one.subjects[name], rate_words(rates[0]), rate_words(rates[1]))
            for name, rates in one.rates.items()
        )
        columns = (plain(attribute).capitalize(), "People", "FMR within the group", "FNMR")
        lines += [render_table(Table("", columns, rows, "", simulated)), ""]
        if one.measures:
            table = measures_table("", one, first="FMR", second="FNMR", simulated=simulated)
            lines += [render_table(table), "", table.note, ""]
    return lines
