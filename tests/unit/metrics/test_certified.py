"""Certificates: a linear detector and an identity embedding, of which every number is known in closed form."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from facewarden.core.errors import BadInputError
from facewarden.metrics.center_smoothing import center_of, moved_at_most
from facewarden.metrics.certified import (
    Certificates,
    certified_errors,
    certified_rates,
    certify_votes,
    largest_radius,
)


def linear_votes(distance: np.ndarray, *, sigma: float, copies: int, seed: int = 0) -> np.ndarray:
    """Votes for the right class of a linear detector whose border is at a distance: its radius is that distance."""
    return np.random.default_rng(seed).binomial(copies, norm.cdf(distance / sigma))


def test_a_certificate_of_a_linear_detector_is_its_distance_to_the_border_from_below() -> None:
    distance = np.linspace(0.02, 0.5, 4000)
    votes = linear_votes(distance, sigma=0.25, copies=100)
    found = certify_votes(np.ones(4000, bool), votes, copies=100, sigma=0.25, alpha=0.05)
    assert 0.01 < np.mean(found.radius > distance) <= 0.06  # it may be wrong in 5 %, and is not much too careful
    many = certify_votes(
        np.ones(4000, bool), linear_votes(distance, sigma=0.25, copies=10**6), copies=10**6, sigma=0.25
    )
    near = distance < 0.4
    assert np.abs(many.radius - distance)[near].max() < 0.006
    assert not many.abstains[near & (distance > 0.02)].any()


def test_copies_that_all_agree_prove_the_radius_of_the_formula() -> None:
    assert largest_radius(100, sigma=0.5, alpha=0.001) == pytest.approx(0.5 * norm.ppf(0.001 ** (1 / 100)))
    assert largest_radius(1000, sigma=0.5) > largest_radius(100, sigma=0.5)


def test_half_of_the_votes_prove_nothing_and_count_as_an_error_at_radius_0() -> None:
    found = certify_votes(np.array([True, True, True]), np.array([50, 0, 100]), copies=100, sigma=0.25)
    assert found.abstains.tolist() == [True, True, False]
    assert found.radius[:2].tolist() == [0, 0]
    assert certified_errors(found, np.array([1, 1, 1]), 0.0).tolist() == [True, True, False]


def test_the_radius_itself_is_not_covered() -> None:
    found = certify_votes(np.array([True]), np.array([100]), copies=100, sigma=0.25)
    most = float(found.radius[0])
    assert not certified_errors(found, np.array([1]), most * 0.999)[0]
    assert certified_errors(found, np.array([1]), most)[0]


def test_rates_grow_with_the_radius_and_a_detector_that_rejects_all_has_none_of_one_and_all_of_the_other() -> None:
    labels, subjects = np.array([0] * 20 + [1] * 20), [str(i // 2) for i in range(40)]
    rng = np.random.default_rng(1)
    found = certify_votes(labels == 1, rng.integers(40, 101, 40), copies=100, sigma=0.25)
    radii = np.linspace(0, 0.4, 9).tolist()
    for label in (0, 1):
        values = [rate.value for rate in certified_rates(found, labels, subjects, label=label, radii=radii)]
        assert values == sorted(values)
        assert values[0] < values[-1]
    rejects = Certificates(np.zeros(40, bool), np.full(40, 9.0), np.zeros(40, bool))
    assert certified_rates(rejects, labels, subjects, label=0, radii=[1.0])[0].value == 0
    assert certified_rates(rejects, labels, subjects, label=1, radii=[0.0])[0].value == 1


@pytest.mark.parametrize(
    "wrong",
    [{"votes": np.array([101])}, {"votes": np.array([1.5])}, {"sigma": 0.0}, {"sigma": np.nan}, {"alpha": 1.0}],
)
def test_counts_and_settings_that_are_none_are_refused(wrong: dict[str, object]) -> None:
    given = {"votes": np.array([90]), "copies": 100, "sigma": 0.25} | wrong
    with pytest.raises(BadInputError):
        certify_votes(np.array([True]), given.pop("votes"), **given)  # type: ignore[arg-type]


def smoothed(offset: float, *, copies: int, sigma: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings of noisy copies of an input of one value, for the identity: to choose a center, and to prove."""
    rng = np.random.default_rng(seed)
    return tuple(offset + sigma * rng.standard_normal((2, copies, 1)))  # type: ignore[return-value]


def test_the_bound_of_an_identity_embedding_is_three_times_a_normal_quantile() -> None:
    first, second = smoothed(0.0, copies=20001, sigma=0.5, seed=0)
    center = first[center_of(first[:2001])]
    bound = moved_at_most(np.abs(second - center)[:, 0], first=20001, radius=0.25, sigma=0.5)
    share = norm.cdf(0.25 / 0.5)  # of the copies that the ball must hold, with countless copies
    assert bound == pytest.approx(3 * 0.5 * norm.ppf((1 + share) / 2), rel=0.06)


def test_no_bound_is_broken_by_an_identity_or_by_a_jump() -> None:
    for seed in range(60):
        first, second = smoothed(0.1, copies=200, sigma=0.5, seed=seed)
        moved, _ = smoothed(-0.2, copies=200, sigma=0.5, seed=1000 + seed)
        for embed in (lambda x: x, np.sign):
            before, after = embed(first), embed(moved)
            center, other = before[center_of(before)], after[center_of(after)]
            distances = np.abs(embed(second) - center)[:, 0]
            bound = moved_at_most(distances, first=200, radius=0.3, sigma=0.5)
            assert np.abs(center - other)[0] <= bound


def test_too_large_a_change_has_no_bound_and_more_copies_prove_more() -> None:
    distances = np.abs(np.random.default_rng(0).standard_normal(200)) * 0.25
    assert moved_at_most(distances, first=200, radius=2.0, sigma=0.25) == np.inf
    bounds = [moved_at_most(distances, first=200, radius=radius, sigma=0.25) for radius in (0.0, 0.1, 0.2)]
    assert bounds == sorted(bounds)
    assert bounds[0] < bounds[2]
    assert moved_at_most(distances, first=20000, radius=0.1, sigma=0.25) < bounds[1]


def test_a_center_is_among_the_many() -> None:
    vectors = np.array([[0.0, 0.0], [0.1, 0.0], [0.0, 0.1], [5.0, 5.0]])
    assert center_of(vectors) == 0
    with pytest.raises(BadInputError):
        center_of(np.array([[np.nan, 0.0], [0.0, 0.0]]))
