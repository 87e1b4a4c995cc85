"""Tables and sentences of the cloaking grid, from its cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from facewarden.core.settings import Share, Text
from facewarden.experiments.cloaking.measure import END_TO_END, CloakingResult
from facewarden.experiments.cloaking.recognizer_kinds import RECOGNIZER_KINDS, RecognizerKind
from facewarden.experiments.cloaking.results_grid import NONE, CloakingGrid, best_baseline, counts
from facewarden.experiments.engine.plan_settings import Names
from facewarden.metrics.combine import rate_difference
from facewarden.metrics.goals import at_least, at_most
from facewarden.metrics.intervals import Interval, paired_bootstrap_difference
from facewarden.reporting.document import Table

KIND_WORDS: Mapping[RecognizerKind, str] = {
    "surrogate": "surrogate",
    "unseen_network": "unseen network, a surrogate's family",
    "unseen_family": "unseen family",
}

_BARE = "no interval"

UPPER_HALF = f"{END_TO_END} trains the recognizer's upper half with a softmax layer; the lower half is fixed."


@dataclass(frozen=True)
class Goal:
    """Target of a purifier on the cells of a cloak, 1-NN, raw probes.

    Attributes:
        cloak: by its name in the plan.
        recognizers: evaluation recognizers.
        at_most: the largest rate that reaches it.
    """

    cloak: Text
    recognizers: Names
    at_most: Share


def rate(interval: Interval) -> str:
    """A rate with its interval, in percent."""
    return f"{100 * interval.value:.1f} ({100 * interval.low:.1f}–{100 * interval.high:.1f})"


def _excess(cell: CloakingResult) -> str:
    """Protection beyond the natural error, with its interval over the people, each compared with themselves."""
    hidden, missed, people = (
        np.repeat(one, cell.probes_each) for one in (cell.hidden, cell.missed, np.arange(len(cell.hidden)))
    )
    interval = paired_bootstrap_difference(hidden, missed, subjects=people, seed=0)
    return f"{100 * cell.excess:+.1f} ({100 * interval.low:+.1f} to {100 * interval.high:+.1f})"


def goal_table(grid: CloakingGrid, goals: Sequence[Goal], *, candidate: str, baselines: Sequence[str]) -> Table:
    """Whether the goals are reached, judged by the intervals."""
    rows = []
    for goal in goals:
        for recognizer in goal.recognizers:
            cells = {
                name: grid.find(cloak=goal.cloak, purifier=name, tracker="nearest", recognizer=recognizer)
                for name in (NONE, candidate, *baselines)
            }
            bare, ours = cells[NONE], cells[candidate]
            if bare is None:
                continue
            best = best_baseline([cells[name] for name in baselines])
            if ours is None:
                verdict = "not measured"
            elif recognizer in ours.loss_networks:
                verdict = "the loss network: no evidence"
            else:
                verdict = at_most(ours.protection, goal.at_most)
                verdict += "" if counts(bare) else " (counts for nothing)"
            rows.append(
                (
                    goal.cloak,
                    recognizer,
                    KIND_WORDS[bare.kind],
                    rate(bare.protection),
                    "" if best is None else f"{rate(best.protection)} {best.purifier}",
                    "" if ours is None else rate(ours.protection),
                    f"≤ {100 * goal.at_most:g}",
                    verdict,
                )
            )
    return Table(
        f"Goals: protection % that {candidate} leaves to the cloak, 1-NN, gallery purified, probes raw",
        (
            "Cloak",
            "Recognizer",
            "Recognizer is",
            "No purifier",
            "Best baseline (picked per cell)",
            candidate,
            "Goal",
            "Verdict",
        ),
        tuple(rows),
        note="Lower is better for the tracker. 95 % intervals over attackers, by which goals are judged: reached, "
        "not shown, or missed. A cloak that protects less than 20 % "
        "untreated counts for nothing.",
    )


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


def size_of(cells: Sequence[CloakingResult]) -> str:
    """Number of people who cloaked and of splits, as text; empty without cells."""
    people = sorted({cell.attackers for cell in cells})
    seeds = sorted({seed for cell in cells for seed in cell.seeds})
    if not cells:
        return ""
    return f"{', '.join(map(str, people))} attackers one at a time, splits by seeds {', '.join(map(str, seeds))}"


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


def cells_table(title: str, cells: Sequence[CloakingResult], grid: CloakingGrid) -> Table:
    """Table of every cell with all facts that a reader needs."""
    rows = []
    for cell in cells:
        bare = grid.untreated(cell)
        weak = bare is not None and not counts(bare)
        marks = [
            *(["weak cloak"] if weak else []),
            *(["recognizer = loss network"] if cell.recognizer in cell.loss_networks else []),
        ]
        rows.append(
            (
                cell.cloak,
                " + ".join(cell.surrogates),
                cell.purifier,
                ", ".join(cell.loss_networks) or "none",
                cell.tracker,
                cell.recognizer,
                KIND_WORDS[cell.kind],
                cell.probes,
                rate(cell.protection),
                f"{100 * cell.natural_error.value:.1f}",
                _excess(cell),
                f"{100 * cell.normal_accuracy.value:.2f}",
                "; ".join(marks),
            )
        )
    halves = f" {UPPER_HALF}" if any(cell.tracker == END_TO_END for cell in cells) else ""
    return Table(
        title,
        ("Cloak", "Surrogates", "Purifier", "Loss networks", "Tracker", "Recognizer", "Recognizer is", "Probes",
         "Protection %", "Natural error %", "Excess", "Normal accuracy %", "Mark"),
        tuple(rows),
        note=f"{size_of(cells)}.{halves}",
    )  # fmt: skip


def cost_table(costs: Mapping[str, Mapping[str, Any]]) -> Table:
    """Table of the cost of every purifier for natural faces."""
    recognizers = sorted({name for cost in costs.values() for name in cost["recognizers"]})
    rows = []
    for name, cost in costs.items():
        psnr = " / ".join(f"{cost[key]:.1f}" if key in cost else "–" for key in ("psnr", "psnr_median", "psnr_worst"))
        row: list[Any] = [name, f"{cost['images_per_second']:.0f}", psnr, f"{cost['ssim']:.3f}"]
        for recognizer in recognizers:
            one = cost["recognizers"].get(recognizer)
            if one is None:
                row += ["", ""]
                continue
            before, gallery, both = (_points(one[side]["eer"]) for side in ("before", "gallery", "both"))
            ranks = [100 * one["rank1"][side] for side in ("before", "after")]
            row += [f"{before} → {gallery}, both {both}", f"{ranks[0]:.1f} → {ranks[1]:.1f}"]
        rows.append(tuple(row))
    head = [column for name in recognizers for column in (f"EER % {name}", f"one-photo rank-1 % {name}")]
    pairs = max((one["pairs"] for cost in costs.values() for one in cost["recognizers"].values()), default=0)
    return Table(
        "Cost for natural faces",
        ("Purifier", "Images/s, one thread", "PSNR dB: pooled / median / worst 5 %", "SSIM", *head),
        tuple(rows),
        note=f"EER on {pairs} natural pairs of the people, 95 % intervals over people: nothing purified → one photo "
        "purified, and both purified. "
        "Rank-1 with one purified gallery photo a person, raw probes, mean of 100 draws. PSNR and SSIM against the "
        "natural crop. Images/s count the processor time of one thread, on the machine that ran the plan.",
    )


def _points(values: Sequence[float]) -> str:
    value, low, high = (100 * one for one in values)
    return f"{value:.2f} ({low:.2f}–{high:.2f})"


def cost_sentences(grid: CloakingGrid, costs: Mapping[str, Mapping[str, Any]], *, candidate: str) -> tuple[str, ...]:
    """The candidate's price at its worst recognizer, each with its limit, judged by its interval where there is one."""
    prices: list[tuple[str, list[Interval], float]] = []
    drops = [
        rate_difference(bare.normal_accuracy, cell.normal_accuracy)
        for cell in grid.all()
        if cell.purifier == candidate and cell.probes == "raw" and (bare := grid.untreated(cell)) is not None
    ]
    prices.append(("normal accuracy falls by", drops, 0.5))
    of_each = list(costs.get(candidate, {}).get("recognizers", {}).values())
    ranks = [one["rank1"]["before"] - one["rank1"]["after"] for one in of_each]
    prices.append(("one-photo rank-1 falls by", [Interval(one, one, one, 1, _BARE) for one in ranks], 1.0))
    errors = [rate_difference(_triple(one["gallery"]["eer"]), _triple(one["before"]["eer"])) for one in of_each]
    prices.append(("EER on natural pairs rises by", errors, 0.3))
    said = []
    for what, found, most in prices:
        if found:
            worst = max(found, key=lambda one: one.value)
            alone = worst.method == _BARE
            ends = "" if alone else f" ({100 * worst.low:.2f} to {100 * worst.high:.2f})"
            said.append(
                f"Cost of {candidate} on its worst evaluation recognizer: {what} {100 * worst.value:.2f}{ends} points, "
                f"limit {most:g}: {at_most(worst, most / 100)}{', by the number alone' if alone else ''}."
            )
    return tuple(said)


def _triple(found: Sequence[float]) -> Interval:
    value, low, high = found
    return Interval(value, low, high, 1, "as stored")
