"""Goals by interval, differences of rates, and the PSNR of a set, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from facewarden.metrics.combine import rate_difference
from facewarden.metrics.goals import at_least, at_most
from facewarden.metrics.intervals import Interval
from facewarden.metrics.psnr import median_psnr, pooled_psnr, worst_psnr


def test_a_goal_is_judged_by_the_whole_interval() -> None:
    found = Interval(0.04, 0.02, 0.06, 50, "x")
    words = ["reached", "not shown", "not shown", "missed"]
    assert [at_most(found, limit) for limit in (0.06, 0.05, 0.02, 0.019)] == words
    assert [at_least(found, limit) for limit in (0.02, 0.05, 0.06, 0.061)] == words


def test_a_difference_of_rates_rises_with_the_first() -> None:
    first, second = Interval(0.3, 0.2, 0.42, 80, "a"), Interval(0.1, 0.05, 0.19, 60, "b")
    found = rate_difference(first, second)
    assert found.value == pytest.approx(0.2)
    assert found.low == pytest.approx(0.2 - math.hypot(0.1, 0.09))
    assert found.high == pytest.approx(0.2 + math.hypot(0.12, 0.05))
    assert (found.n, found.method) == (60, "combined from a and b")
    wider = rate_difference(Interval(0.31, 0.2, 0.42, 80, "a"), second)
    assert wider.high > found.high
    assert rate_difference(Interval(1.0, 0.9, 1.0, 9, "a"), Interval(0.0, 0.0, 0.5, 9, "a")).high == 1.0


def test_the_psnr_of_a_set_is_not_the_mean_of_psnrs() -> None:
    # nine pictures with 20 dB and eleven that did not change: the mean would be 64 dB
    psnr, once = np.array([20.0] * 9 + [100.0] * 11), np.ones(20)
    assert pooled_psnr(psnr, once) == pytest.approx(20 - 10 * math.log10(9 / 20), abs=1e-6)
    assert median_psnr(psnr, once) == 100.0
    assert worst_psnr(np.arange(40.0), np.ones(40)) == 1.0  # the second of forty: two are the worst 5 %
    assert worst_psnr(np.arange(5.0), np.ones(5)) == 0.0
    assert median_psnr(np.array([1.0, 2.0, 3.0]), np.array([0.0, 0.0, 1.0])) == 3.0
