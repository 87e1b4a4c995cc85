"""The closed form against hand-worked transforms and a numerical optimizer."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import least_squares

from facewarden.align import arcface_template, fit_similarity
from facewarden.core.errors import BadInputError


def test_quarter_turn_twice_as_large_and_shifted():
    square = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    moved = np.array([[5.0, 7.0], [5.0, 9.0], [3.0, 9.0], [3.0, 7.0]])
    assert fit_similarity(square, moved) == pytest.approx(np.array([[0.0, -2.0, 5.0], [2.0, 0.0, 7.0]]))


@settings(max_examples=40, deadline=None)
@given(st.floats(-3.1, 3.1), st.floats(0.05, 20), st.floats(-500, 500), st.floats(-500, 500))
def test_recovers_any_similarity_of_the_template(angle, scale, x, y):
    matrix = np.array(
        [[scale * np.cos(angle), -scale * np.sin(angle), x], [scale * np.sin(angle), scale * np.cos(angle), y]]
    )
    points = arcface_template()
    moved = points @ matrix[:, :2].T + matrix[:, 2]
    assert fit_similarity(points, moved) == pytest.approx(matrix, rel=1e-7, abs=1e-7)


def test_is_the_least_squares_optimum_for_points_that_do_not_fit():
    source = np.random.default_rng(3).normal(size=(5, 2)) * 30 + 100
    target = arcface_template()

    def residual(values):
        a, b, x, y = values
        return (source @ np.array([[a, -b], [b, a]]).T + [x, y] - target).ravel()

    best = least_squares(residual, [1, 0, 0, 0]).x
    a, b, x, y = best
    assert fit_similarity(source, target) == pytest.approx(np.array([[a, -b, x], [b, a, y]]), abs=1e-5)


def test_never_mirrors():
    points = arcface_template()
    mirrored = points * [-1.0, 1.0]
    assert np.linalg.det(fit_similarity(points, mirrored)[:, :2]) > 0


@pytest.mark.parametrize("bad", [np.zeros((5, 2)), np.full((5, 2), np.nan)])
def test_points_without_a_transform_are_refused(bad):
    with pytest.raises(BadInputError, match="landmarks"):
        fit_similarity(bad, arcface_template())
