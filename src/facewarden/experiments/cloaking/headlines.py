"""Headlines of the cloaking grid: mean protection by kind of evaluation recognizer, as numbers, table and sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from facewarden.experiments.cloaking.measure import END_TO_END, CloakingResult
from facewarden.experiments.cloaking.recognizer_kinds import RECOGNIZER_KINDS, RecognizerKind
from facewarden.experiments.cloaking.results_grid import NONE, CloakingGrid
from facewarden.experiments.cloaking.tables import KIND_WORDS, UPPER_HALF, rate, size_of
from facewarden.metrics.combine import rate_difference
from facewarden.metrics.goals import at_least, at_most
from facewarden.metrics.intervals import Interval
from facewarden.reporting.document import Table


@dataclass(frozen=True)
class Headlines:
    """Headline of each purifier by kind of evaluation recognizer, and the cells in it.

    Attributes:
        rates: purifier and kind of recognizer -> mean protection.
        cells: kind of recognizer -> how many cells are in each of its means.
        barred: recognizers left out as loss networks of the candidate.
        sizes: tracker -> "40 attackers, splits by seeds 0, 1, 2", of the cells in the means.
    """

    rates: Mapping[tuple[str, RecognizerKind], Interval]
    cells: Mapping[RecognizerKind, int]
    barred: tuple[str, ...]
    sizes: Mapping[str, str]


def headlines(
    grid: CloakingGrid,
    *,
    purifiers: Sequence[str],
    cloaks: Sequence[str],
    trackers: Sequence[str],
    candidate: str,
    recognizers: Sequence[str],
) -> Headlines:
    """Mean protection per kind of evaluation recognizer, over the cells that no purifier and the candidate share.

    A purifier that lacks one of them gets no headline: means over other cells could not be compared. Only the
    recognizers that are named count: a retrained surrogate is of the kind of a surrogate and would be pooled with it.
    """
    barred = tuple(sorted({name for cell in grid.all() if cell.purifier == candidate for name in cell.loss_networks}))
    rates: dict[tuple[str, RecognizerKind], Interval] = {}
    used: dict[RecognizerKind, int] = {}
    pooled: list[CloakingResult] = []
    for kind in RECOGNIZER_KINDS:
        chosen = {
            name: grid.eligible(
                purifier=name, kind=kind, cloaks=cloaks, trackers=trackers, recognizers=recognizers, barred=barred
            )
            for name in purifiers
        }
        keyed = {name: {(c.cloak, c.tracker, c.recognizer): c for c in cells} for name, cells in chosen.items()}
        shared = set(keyed.get(NONE, {}))
        if keyed.get(candidate):
            shared &= set(keyed[candidate])
        used[kind] = len(shared)
        for name, cells in keyed.items():
            if shared and shared <= set(cells):
                rates[name, kind] = grid.headline([cells[key] for key in sorted(shared)])
                pooled += [cells[key] for key in sorted(shared)]
    sizes = {name: size_of([cell for cell in pooled if cell.tracker == name]) for name in trackers}
    return Headlines(rates, used, barred, {name: size for name, size in sizes.items() if size})


def headline_table(title: str, rates: Headlines, *, purifiers: Sequence[str], limit: float, candidate: str) -> Table:
    """Headlines by purifier, separate for each kind of evaluation recognizer."""
    kinds = [kind for kind in RECOGNIZER_KINDS if rates.cells[kind]]
    rows = []
    for name in purifiers:
        cells = [rates.rates.get((name, kind)) for kind in kinds]
        if any(cells):
            rows.append((name, *("" if cell is None else rate(cell) for cell in cells)))
    barred = (
        f" Recognizers excluded as loss networks of {candidate}: {', '.join(rates.barred)}." if rates.barred else ""
    )
    measured = "".join(f" {tracker}: {size}." for tracker, size in rates.sizes.items())
    halves = f" {UPPER_HALF}" if END_TO_END in rates.sizes else ""
    return Table(
        f"{title}: mean protection %; goal ≤ {100 * limit:g}",
        ("Purifier", *(f"{KIND_WORDS[kind]} ({rates.cells[kind]} cells)" for kind in kinds)),
        tuple(rows),
        note=f"Only cells whose cloak protects at least 20 % untreated; probes raw.{barred}{measured}{halves}",
    )


def headline_sentences(rates: Headlines, *, candidate: str, baselines: Sequence[str], limit: float) -> tuple[str, ...]:
    """Each headline as a sentence, with its verdicts."""
    said = []
    for kind in RECOGNIZER_KINDS:
        ours, bare, role = (
            rates.rates.get((candidate, kind)),
            rates.rates.get((NONE, kind)),
            f"Evaluation recognizer is {KIND_WORDS[kind]}",
        )
        if ours is None or bare is None:
            said.append(f"{role}: no cell in which the cloak protects and the recognizer may be used.")
            continue
        compared = {name: value for name in baselines if (value := rates.rates.get((name, kind))) is not None}
        best = min(compared, key=lambda name: (compared[name].value, name)) if compared else None
        text = (
            f"{role} ({rates.cells[kind]} cells): {rate(bare)} % without a purifier, "
            f"{rate(ours)} % after {candidate}; goal ≤ {100 * limit:g} %: {at_most(ours, limit)}."
        )
        if best is not None:
            ahead = rate_difference(compared[best], ours)
            points = f"{100 * ahead.value:+.1f} ({100 * ahead.low:+.1f} to {100 * ahead.high:+.1f})"
            which = f"Best of {len(compared)} baselines" if len(compared) > 1 else "The only baseline"
            text += f" {which}: {best}, {rate(compared[best])} %, {points} points above"
            text += f" {candidate}"
            wanted = compared[best].value > 0.1
            text += f" (5 wanted: {at_least(ahead, 0.05)})." if wanted else "."
        absent = [name for name in baselines if name not in compared]
        if absent:
            text += f" Baselines excluded, because they lack some of these cells: {', '.join(absent)}."
        said.append(text)
    return tuple(said)
