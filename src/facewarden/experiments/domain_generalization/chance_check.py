"""Check that a method trained on shuffled labels is at chance, with the smallest detectable deviation."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from facewarden.data.text import counted
from facewarden.experiments.domain_generalization.figures_over_seeds import ScoreSelection, ScoresOverSeeds
from facewarden.experiments.domain_generalization.labels import in_percent
from facewarden.experiments.domain_generalization.settings import TablePart
from facewarden.metrics.intervals import Interval
from facewarden.metrics.over_runs import t_interval

WIDE = 0.1
"""Half-width of an interval of AUC from which the check is called weak."""


@dataclass(frozen=True)
class Chance:
    """Mean AUC of a method over runs, each with its own permutation of labels.

    Attributes:
        interval: Student's t over the runs, cut at 0 and 1; all of it where there is one run.
        half: half its width before it was cut: a mean less than this from one half passes. None where there is one run.
    """

    interval: Interval
    half: float | None

    @property
    def verdict(self) -> str:
        """Whether the interval holds one half; one run alone decides nothing."""
        if self.half is None:
            return "one run: not decided"
        return "yes" if self.interval.low <= 0.5 <= self.interval.high else "NO"

    @property
    def detectable(self) -> str | None:
        """Largest deviation of the mean from 50 %, in points, that would not be detected."""
        return None if self.half is None else f"± {100 * self.half:.1f}"

    def sentence(self, label: str) -> str:
        """The finding as a sentence."""
        said = f"{label}: mean AUC {in_percent(self.interval)} over {counted(self.interval.n, 'run')}"
        if self.half is None:
            return f"{said} is of one run, which decides nothing."
        if self.verdict == "NO":
            return f"{said} does NOT hold 50 %: look for a leak."
        weak = ": a weak check, more seeds make it a sharper one" if self.half >= WIDE else ""
        return (
            f"{said} holds 50 %, as it must; with this spread a mean up to {100 * self.half:.1f} points off would have "
            f"held it too{weak}."
        )


def chance_of(part: TablePart, scores: ScoresOverSeeds, name: str) -> Chance | None:
    """Mean AUC of a method at the last epoch over its runs; None where a run is missing."""
    runs_of_seeds = [
        scores.measures(name, protocol, seed, ScoreSelection()) for protocol in part.protocols for seed in part.seeds
    ]
    runs = np.array([one["auc"].value for one in runs_of_seeds if one is not None])
    if runs.size < len(runs_of_seeds):
        return None
    if runs.size == 1:
        return Chance(Interval(float(runs[0]), 0.0, 1.0, 1, "one run"), None)
    interval = t_interval(runs)
    return Chance(
        replace(interval, low=max(0.0, interval.low), high=min(1.0, interval.high)), (interval.high - interval.low) / 2
    )
