"""The difference that a paired run can show: against a simulation, and its limits."""

from __future__ import annotations

import math

import numpy as np
import pytest

from facewarden.core.errors import BadInputError
from facewarden.metrics.paired import detectable_difference


def test_a_simulated_run_sees_that_difference_four_times_of_five() -> None:
    samples, rate = 400, 0.3
    difference = detectable_difference(samples, rate=rate, agreement=0.0)
    rng = np.random.default_rng(0)
    first = rng.random((4000, samples)) < rate + difference / 2
    second = rng.random((4000, samples)) < rate - difference / 2
    change = first.astype(float) - second
    error = change.std(axis=1, ddof=1) / math.sqrt(samples)
    seen = change.mean(axis=1) - 1.96 * error > 0
    assert seen.mean() == pytest.approx(0.8, abs=0.03)


def test_people_comparisons_and_agreement_change_it_as_they_must() -> None:
    plain = detectable_difference(100)
    assert detectable_difference(400) == pytest.approx(plain / 2)
    assert detectable_difference(100, agreement=0.75) == pytest.approx(plain / 2)
    assert detectable_difference(100, per_subject=4, correlation=1.0) == pytest.approx(2 * plain)
    assert detectable_difference(100, comparisons=6) > plain


@pytest.mark.parametrize("settings", [{"rate": 0.0}, {"agreement": 1.0}, {"comparisons": 0}, {"power": 1.0}])
def test_numbers_out_of_range_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(BadInputError):
        detectable_difference(100, **settings)  # type: ignore[arg-type]
