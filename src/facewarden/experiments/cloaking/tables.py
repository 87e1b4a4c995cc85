"""Tables of the cloaking grid: goals and every cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from facewarden.core.settings import Share, Text
from facewarden.experiments.cloaking.measure import END_TO_END, CloakingResult
from facewarden.experiments.cloaking.recognizer_kinds import RecognizerKind
from facewarden.experiments.cloaking.results_grid import NONE, CloakingGrid, best_baseline, counts
from facewarden.experiments.engine.plan_settings import Names
from facewarden.metrics.goals import at_most
from facewarden.metrics.intervals import Interval
from facewarden.metrics.paired import paired_bootstrap_difference
from facewarden.reporting.document import Table

KIND_WORDS: Mapping[RecognizerKind, str] = {
    "surrogate": "surrogate",
    "unseen_network": "unseen network, a surrogate's family",
    "unseen_family": "unseen family",
}

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


def size_of(cells: Sequence[CloakingResult]) -> str:
    """Number of people who cloaked and of splits, as text; empty without cells."""
    people = sorted({cell.attackers for cell in cells})
    seeds = sorted({seed for cell in cells for seed in cell.seeds})
    if not cells:
        return ""
    return f"{', '.join(map(str, people))} attackers one at a time, splits by seeds {', '.join(map(str, seeds))}"


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
