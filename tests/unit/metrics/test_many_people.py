"""Shares of many people are bounded by kinds of people, which changes no bound."""

from __future__ import annotations

import numpy as np
import pytest

from facewarden.metrics import shares
from facewarden.metrics.laboratory.det import det_curve
from facewarden.metrics.shares import share_bounds


@pytest.mark.parametrize("single", [False, True])
def test_people_of_one_kind_together_are_bounded_as_one_by_one(single: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    rows = np.ones(1500) if single else rng.integers(1, 30, 1500).astype(float)
    errors = rng.binomial(rows.astype(int), rng.beta(0.3, 3, 1500)).astype(float)
    together = share_bounds(errors, rows)
    monkeypatch.setattr(shares, "_MANY", 10**9)
    assert share_bounds(errors, rows) == pytest.approx(together, abs=1e-12)


def test_points_of_a_det_curve_are_error_rates() -> None:
    rng = np.random.default_rng(2)
    live, attack = np.sort(rng.normal(1, 1, 500)), np.sort(rng.normal(-1, 1, 400))
    curve = det_curve(live, attack)
    assert curve.apcer[0] == 1
    assert curve.bpcer[-1] == 1
    assert (np.diff(curve.apcer) <= 0).all()
    assert (np.diff(curve.bpcer) >= 0).all()
    for threshold in (-0.5, 0.0, 0.7):
        real = np.mean(attack >= threshold), np.mean(live < threshold)
        near = np.abs(curve.apcer - real[0]) + np.abs(curve.bpcer - real[1])
        assert near.min() < 0.03
