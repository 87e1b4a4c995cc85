"""A rule that was set elsewhere, on a table of scores: its threshold is tested, and its probability if it has one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from facewarden.evaluation.score_file.measure import subjects_of
from facewarden.evaluation.score_file.rows import ScoredRows
from facewarden.evaluation.verdicts.rule import VerdictRule
from facewarden.metrics.intervals import mean_by_subject, sum_interval
from facewarden.metrics.summary import NamedInterval, named_interval
from facewarden.reporting.document import Table
from facewarden.reporting.format import number
from facewarden.reporting.pages.document import Chapter

BINS = 10
BRIER = "brier_equal_priors"
_NOTE = "mean squared error of the probability, both classes weighted alike; 0.25 is what 1/2 for everything gives"


def probability_of(rule: VerdictRule, score: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probability of a bona fide presentation at equal priors, of every score; the rule has one.

    Args:
        rule: with slope and offset.
        score: (n,) finite.
    """
    assert rule.slope is not None
    assert rule.offset is not None
    found: NDArray[np.float64] = 1.0 / (1.0 + np.exp(-np.clip(rule.slope * score + rule.offset, -700.0, 700.0)))
    return found


def probability_error(rule: VerdictRule, rows: ScoredRows, *, seed: int, rounds: int) -> NamedInterval | None:
    """Brier score of the probability on rows that it has not seen, at equal priors; None without a probability.

    Args:
        rule: that was set elsewhere.
        rows: of the test; both classes have a score.
        seed, rounds: of the subject bootstrap.
    """
    if rule.slope is None:
        return None
    kept = rows.take(rows.answered)
    subject, _ = subjects_of(kept)
    error = (probability_of(rule, kept.score) - kept.bona_fide) ** 2
    parts = [
        mean_by_subject(error[one], subject[one], seed=seed, rounds=rounds) for one in (kept.bona_fide, ~kept.bona_fide)
    ]
    value = 0.5 * sum(part.value for part in parts)
    return named_interval(BRIER, sum_interval(value, [(0.5, part) for part in parts], n=len(kept)), note=_NOTE)


def rule_chapter(rule: VerdictRule, rows: ScoredRows, error: NamedInterval | None, *, simulated: bool) -> Chapter:
    """Where threshold and probability came from, and how often the probability was right.

    Args:
        rule: that was set elsewhere.
        rows: of the test.
        error: of its probability.
        simulated: whether the rows were.
    """
    if error is None:
        return Chapter("rule", "The rule that was given", rule.lines())
    ends = f"{number(error.low, unit='')} to {number(error.high, unit='')}"
    text = (*rule.lines(), f"Brier score {number(error.value, unit='')} ({ends}), n = {error.n}: {_NOTE}.")
    return Chapter("rule", "The rule that was given", text, (_reliability(rule, rows, simulated=simulated),))


def _reliability(rule: VerdictRule, rows: ScoredRows, *, simulated: bool) -> Table:
    """Stated probability against the share of bona fide presentations, both classes weighted alike."""
    kept = rows.take(rows.answered)
    stated = probability_of(rule, kept.score)
    weight = np.where(kept.bona_fide, 0.5 / kept.bona_fide.sum(), 0.5 / (~kept.bona_fide).sum())
    place = np.minimum((stated * BINS).astype(np.int64), BINS - 1)
    total, sure, real = (np.bincount(place, weights=weight * one, minlength=BINS)
                         for one in (np.ones(len(kept)), stated, kept.bona_fide))  # fmt: skip
    counts = np.bincount(place, minlength=BINS)
    lines: Sequence[tuple[str, str, str, int]] = [
        (f"{one / BINS:.1f} to {(one + 1) / BINS:.1f}", number(sure[one] / total[one], unit="%"),
         number(real[one] / total[one], unit="%"), int(counts[one]))
        for one in range(BINS) if counts[one]
    ]  # fmt: skip
    note = "Both classes are weighted alike, as the probability is stated for equal priors."
    columns = ("Probability", "Stated, mean", "Bona fide", "Presentations")
    return Table("Stated probability and what came true", columns, tuple(lines), note, simulated)
