"""Means over domains and seeds: worked by hand, against simulation, and how many domains a difference takes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from facewarden.core.errors import BadInputError
from facewarden.metrics.crossed import crossed_mean, domains_needed


def test_a_table_worked_by_hand() -> None:
    # domain means 2, 5; seed means 3, 4; grand mean 3.5; what is left: +-0.5 in every cell
    table = np.array([[1.0, 3.0], [5.0, 5.0]])
    found = crossed_mean(table)
    of_domains, of_seeds, of_rest = 2 * (1.5**2 + 1.5**2), 2 * (0.5**2 + 0.5**2), 4 * 0.5**2
    assert found.value == 3.5
    # the seeds' mean square equals the rest's: seeds show no effect, the domains decide
    assert (of_seeds, of_rest) == (1.0, 1.0)
    assert found.error == pytest.approx(math.sqrt(of_domains / 4))
    assert found.between_domains == pytest.approx(math.sqrt((of_domains - of_rest) / 2))
    assert (found.between_seeds, found.rest, found.freedom) == (0.0, 1.0, 1.0)


def test_one_seed_is_students_t_over_domains() -> None:
    values = np.random.default_rng(3).normal(0.2, 0.05, 9)
    low, high = stats.t.interval(0.95, 8, loc=values.mean(), scale=stats.sem(values))
    found = crossed_mean(values[:, None]).interval()
    assert (found.low, found.high) == pytest.approx((low, high))


@pytest.mark.parametrize(
    ("domains", "seeds", "of_domain", "of_seed", "of_rest"),
    [(12, 3, 1.0, 0.0, 0.5), (12, 3, 1.0, 0.3, 0.5), (24, 3, 0.5, 0.2, 1.0), (12, 5, 0.0, 0.0, 1.0)],
)
def test_the_interval_holds_the_truth_as_often_as_it_says(
    domains: int, seeds: int, of_domain: float, of_seed: float, of_rest: float
) -> None:
    rng = np.random.default_rng([domains, seeds, round(10 * of_seed)])
    held = []
    for _ in range(1500):
        table = (
            rng.normal(0, of_domain, (domains, 1)) + rng.normal(0, of_seed, (1, seeds))
            + rng.normal(0, of_rest, (domains, seeds))
        )  # fmt: skip
        interval = crossed_mean(table).interval()
        held.append(interval.low <= 0 <= interval.high)
    assert 0.93 <= float(np.mean(held)) <= 0.99  # 1500 draws: standard error 0.6 points


def test_cells_of_one_domain_are_not_taken_for_independent() -> None:
    """Three seeds on twelve domains are not thirty-six results: the width follows the domains."""
    rng = np.random.default_rng(5)
    table = rng.normal(0, 1, (12, 1)) + rng.normal(0, 0.1, (12, 3))
    assert crossed_mean(table).error > 1.5 * stats.sem(table.ravel())


def test_power_of_the_number_of_domains_by_simulation() -> None:
    count = domains_needed(5.1, difference=2.0)
    rng = np.random.default_rng(1)
    drawn = rng.normal(2.0, 5.1, (4000, count))
    shown = np.abs(drawn.mean(axis=1)) > stats.t.ppf(0.975, count - 1) * stats.sem(drawn, axis=1)
    assert float(shown.mean()) == pytest.approx(0.8, abs=0.02)
    assert domains_needed(5.1, difference=2.0) > domains_needed(2.5, difference=2.0) > domains_needed(2.5, difference=4)


@pytest.mark.parametrize("table", [np.zeros((1, 3)), np.zeros(4), np.array([[0.1], [np.nan]]), np.zeros((3, 0))])
def test_tables_without_a_spread_are_refused(table: np.ndarray) -> None:
    with pytest.raises(BadInputError):
        crossed_mean(table)


def test_no_number_of_domains_shows_no_difference() -> None:
    with pytest.raises(BadInputError, match="difference"):
        domains_needed(5.0, difference=0.0)
