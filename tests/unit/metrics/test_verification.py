"""Pairs: figures agree with the plain ones, and the interval covers what it should."""

from __future__ import annotations

import numpy as np
import pytest

from facewarden.core.errors import BadInputError
from facewarden.metrics.match import accuracy_10fold, eer, tar_at_far
from facewarden.metrics.verification import _Pairs, verification_summary


def gallery(people, each, *, seed, noise=0.7):
    rng = np.random.default_rng(seed)
    centers = rng.normal(size=(people, 8))
    vectors = np.repeat(centers, each, axis=0) + noise * rng.normal(size=(people * each, 8))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    who = np.repeat(np.arange(people), each)
    one, two = np.triu_indices(len(who), 1)
    return (vectors @ vectors.T)[one, two], who[one] == who[two], who[one], who[two]


def test_figures_are_those_of_the_plain_functions():
    similarity, same, one, two = gallery(12, 4, seed=0)
    folds = np.arange(similarity.size) % 10
    found = verification_summary(similarity, same, first=one, second=two, folds=folds, rounds=50)
    assert found.eer.value == eer(similarity[same], similarity[~same])
    for far, interval in found.tar:
        assert interval.value == tar_at_far(similarity[same], similarity[~same], far=far)
        assert interval.n == same.sum()
    plain = accuracy_10fold(similarity, same, folds=folds)
    assert (found.accuracy.value, found.accuracy_standard_error) == (plain.mean, plain.standard_error)
    assert all(i.low <= i.value <= i.high for i in (found.eer, found.accuracy, *(t for _, t in found.tar)))


def test_a_weighted_figure_is_that_of_repeated_pairs():
    similarity, same, one, two = gallery(6, 3, seed=1)
    similarity = np.round(similarity, 1)  # with ties
    drawn = np.array([2.0, 1.0, 0.0, 3.0, 1.0, 1.0])
    times = (drawn[one] * np.where(same, 1, drawn[two])).astype(int)
    repeated, kind = np.repeat(similarity, times), np.repeat(same, times)
    found = _Pairs(similarity, same, one, two).figures(drawn, [0.05, 0.2])
    expected = [eer(repeated[kind], repeated[~kind])]
    expected += [tar_at_far(repeated[kind], repeated[~kind], far=far) for far in (0.05, 0.2)]
    assert found == pytest.approx(expected)


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    def draw(seed):
        return gallery(14, 3, seed=seed)

    truth = np.mean([eer(s[k], s[~k]) for s, k, *_ in (draw(9000 + i) for i in range(200))])
    covered = 0
    for seed in range(30):
        similarity, same, one, two = draw(seed)
        found = verification_summary(similarity, same, first=one, second=two, rounds=100, seed=seed).eer
        covered += found.low <= truth <= found.high
    assert covered >= 24  # 95 % of 30 is 28.5


def test_same_seed_same_interval():
    similarity, same, one, two = gallery(8, 3, seed=2)
    first, again = (verification_summary(similarity, same, first=one, second=two, rounds=50, seed=3) for _ in range(2))
    assert first == again


def test_perfect_separation_is_not_certain():
    similarity, same, one, two = gallery(15, 3, seed=0, noise=0.01)
    found = verification_summary(similarity, same, first=one, second=two, rounds=50)
    assert found.eer.value == 0
    assert found.eer.high > 0.1


def test_contradictions_are_refused():
    with pytest.raises(BadInputError, match="genuine"):
        verification_summary(
            np.array([0.5, 0.1]), np.array([True, False]), first=np.array(["a", "a"]), second=np.array(["b", "c"])
        )
    with pytest.raises(BadInputError, match="impostor"):
        verification_summary(np.array([0.5]), np.array([True]), first=np.array(["a"]), second=np.array(["a"]))
