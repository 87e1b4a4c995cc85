"""More errors never raise a grade: from random outcomes through the intervals to the letter."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from facewarden.core.decision import DecisionRule
from facewarden.metrics.combine import rate_difference
from facewarden.metrics.intervals import Interval, mean_by_subject
from facewarden.metrics.summary import presentation_summary
from facewarden.reporting.document import LETTERS, Metric
from facewarden.reporting.grades import grade

RULE = DecisionRule(0.5, "eer", "dev", "elsewhere", 1, 1)
PEOPLE, ROWS = 12, 5
Letter = Callable[[np.ndarray], str | None]


def metric(name: str, found: Interval, **group: str) -> Metric:
    return Metric(name, found.value, found.low, found.high, found.n, False, "%", group)


def presentation(wrong: np.ndarray) -> str | None:
    """Errors of a detector: the first person's half of the rows are bona fide, the rest two species."""
    labels = np.tile(np.arange(ROWS) < 2, PEOPLE).astype(int)
    found = presentation_summary(
        np.where(wrong == (labels == 1), 0.0, 1.0),
        labels,
        species=np.tile(np.where(np.arange(ROWS) == 4, "mask", "print"), PEOPLE),
        subjects=np.arange(PEOPLE * ROWS) // ROWS,
        rule=RULE,
        seed=0,
        rounds=2,
    )
    worst = next(one for one in found if one.name == "acer_worst_species")
    whole = Metric("acer_worst_species", worst.value, worst.low, worst.high, 60, False, "%", {})
    return grade("presentation", [whole]).letter


def perturbation(fallen: np.ndarray) -> str | None:
    rate = mean_by_subject(fallen, np.arange(PEOPLE * ROWS) // ROWS, seed=0)
    return grade("perturbation", [metric("success_rate", rate, eps="8/255", attack="pgd")]).letter


def poisoning(hidden: np.ndarray) -> str | None:
    """Two purifiers, each with half of the people."""
    missed = mean_by_subject(np.arange(30) == 4, np.arange(30) // ROWS, seed=0)
    found = [Metric("verification_accuracy", 0.98, None, None, 60, False, "%", {"purifier": p}) for p in ("none", "a")]
    for name, rows in (("none", hidden[:30]), ("a", hidden[30:])):
        rate = mean_by_subject(rows, np.arange(30) // ROWS, seed=0)
        found.append(metric("excess_protection_rate", rate_difference(rate, missed), purifier=name))
    return grade("poisoning", found).letter


@pytest.mark.parametrize("letter", [presentation, perturbation, poisoning])
@settings(max_examples=60, deadline=None)
@given(share=some.floats(0.0, 0.9), seed=some.integers(0, 2**16), clustered=some.booleans(), data=some.data())
def test_more_errors_never_raise_a_grade(
    letter: Letter, share: float, seed: int, clustered: bool, data: some.DataObject
) -> None:
    rng = np.random.default_rng(seed)
    own = np.repeat(rng.random(PEOPLE) < share, ROWS) if clustered else np.full(PEOPLE * ROWS, share)
    errors = rng.random(PEOPLE * ROWS) < own
    right = np.flatnonzero(~errors)
    if not right.size:
        return
    more = errors.copy()
    more[data.draw(some.lists(some.sampled_from(right.tolist()), min_size=1, max_size=6))] = True
    before, after = letter(errors), letter(more)
    assert before is not None
    assert after is not None
    assert LETTERS.index(after) >= LETTERS.index(before)


def test_letters_differ_so_that_the_property_says_something() -> None:
    few, many = np.zeros(60, bool), np.ones(60, bool)
    assert [(letter(few), letter(many)) for letter in (presentation, perturbation, poisoning)] == [
        ("D", "F"),
        ("C", "F"),
        ("E", "F"),  # six people: 1 - 0.025 ** (1 / 6.3) is 44 %
    ]
