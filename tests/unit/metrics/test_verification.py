"""Pairs: figures agree with the plain ones, and the interval covers what it should."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from facewarden.core.errors import BadInputError
from facewarden.metrics import ranked_pairs
from facewarden.metrics.match import accuracy_10fold, eer, eer_threshold, tar_at_far
from facewarden.metrics.ranked_pairs import RankedPairs
from facewarden.metrics.verification import verification_of_vectors, verification_summary


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
    found = RankedPairs(similarity, same, one, two).figures(drawn, (0.05, 0.2))
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


@pytest.mark.parametrize("block", [3, 7, 1 << 18])
def test_pairs_made_in_blocks_give_the_figures_of_the_whole_list(monkeypatch, block):
    monkeypatch.setattr(ranked_pairs, "_BLOCK", block)
    rng = np.random.default_rng(5)
    vectors = np.round(np.repeat(rng.normal(size=(9, 6)), 4, axis=0) + rng.normal(size=(36, 6)), 1)
    vectors[7] = vectors[3]  # ties
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    who = np.array([f"person {row // 4}" for row in range(36)])
    one, two = np.triu_indices(36, 1)
    similarity = (vectors @ vectors.T)[one, two]
    whole = verification_summary(similarity, who[one] == who[two], first=who[one], second=who[two], rounds=60)
    found, counts = verification_of_vectors(vectors, who, rounds=60)
    assert found == whole
    assert (counts.genuine, counts.impostor, counts.not_drawn) == (54, 576, 0)
    genuine, impostor = similarity[who[one] == who[two]], similarity[who[one] != who[two]]
    assert found.eer.value == eer(genuine, impostor)
    assert found.eer_threshold == eer_threshold(genuine, impostor)
    assert [tar.value for _, tar in found.tar] == [tar_at_far(genuine, impostor, far=far) for far in (0.001, 0.01)]


def test_more_pairs_than_can_be_held_are_drawn_and_counted():
    vectors, who = np.random.default_rng(1).normal(size=(200, 8)), np.arange(200) // 4
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    found, counts = verification_of_vectors(vectors, who, rounds=5, most_pairs=5000)
    whole, _ = verification_of_vectors(vectors, who, rounds=5)
    assert counts.genuine == 300
    assert 4400 < counts.impostor < 5000
    assert counts.genuine + counts.impostor + counts.not_drawn == 200 * 199 // 2
    assert abs(found.eer.value - whole.eer.value) < 0.03


def test_all_pairs_of_3000_photos_take_less_than_300_mb():
    vectors = np.random.default_rng(0).normal(size=(3000, 512)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    tracemalloc.start()
    try:
        _, counts = verification_of_vectors(vectors, np.arange(3000) // 5, rounds=2)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert counts.genuine + counts.impostor == 3000 * 2999 // 2
    assert peak < 300e6
