"""The t interval over runs, against printed tables and against SciPy's interval."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from facewarden.core.errors import BadInputError
from facewarden.metrics.over_runs import t_interval, t_quantile


@pytest.mark.parametrize(
    ("freedom", "confidence", "printed"),
    [(1, 0.95, 12.706), (2, 0.95, 4.303), (4, 0.95, 2.776), (11, 0.95, 2.201), (30, 0.95, 2.042), (1, 0.5, 1.0),
     (2, 0.9, 2.920), (5, 0.99, 4.032)],
)  # fmt: skip
def test_quantiles_are_those_of_printed_tables(freedom: int, confidence: float, printed: float) -> None:
    assert t_quantile(freedom, confidence=confidence) == pytest.approx(printed, abs=6e-4)


def test_the_interval_is_that_of_scipy_and_covers_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    runs = rng.normal(0.5, 0.1, (400, 5))
    first = t_interval(runs[0])
    wanted = stats.t.interval(0.95, 4, loc=runs[0].mean(), scale=stats.sem(runs[0]))
    assert (first.low, first.high) == pytest.approx(wanted)
    held = [found.low <= 0.5 <= found.high for found in map(t_interval, runs)]
    assert 0.92 < np.mean(held) < 0.98


def test_one_run_has_no_interval() -> None:
    with pytest.raises(BadInputError, match="1 runs"):
        t_interval(np.array([0.5]))
