"""The verification summary equals the plain functions, and its bounds a plain bootstrap over persons."""

from __future__ import annotations

import numpy as np
import pytest

from facewarden.core.errors import BadInputError
from facewarden.metrics import match
from facewarden.metrics._core import codes_of
from facewarden.metrics._resample import resampling
from facewarden.metrics.verification import verification_summary


def all_pairs(
    *, people: int, images: int, seed: int, digits: int | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    names = np.repeat([f"p{k}" for k in range(people)], images)
    vectors = np.repeat(rng.normal(size=(people, 8)), images, axis=0) + rng.normal(size=(people * images, 8))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    i, j = np.triu_indices(names.size, 1)
    similarity = (vectors[i] * vectors[j]).sum(axis=1)
    return (similarity if digits is None else similarity.round(digits)), names[i] == names[j], names[i], names[j]


def test_values_counts_and_bounds() -> None:
    similarity, same, first, second = all_pairs(people=12, images=4, seed=0, digits=2)
    found = {
        metric.name: metric
        for metric in verification_summary(
            similarity, same, first=first, second=second, seed=1, fars=[0.1, 0.01], rounds=50
        )
    }
    assert list(found) == ["eer", "auc", "tar_at_far=0.1", "tar_at_far=0.01"]
    plain = {
        "eer": match.eer,
        "auc": match.auc,
        "tar_at_far=0.1": lambda g, i: match.tar_at_far(g, i, far=0.1),
        "tar_at_far=0.01": lambda g, i: match.tar_at_far(g, i, far=0.01),
    }
    codes, names = codes_of(np.concatenate([first, second]))
    left, right = np.split(codes, 2)
    drawn = resampling(codes, names.size, seed=1, rounds=50)
    for name, function in plain.items():
        assert found[name].value == pytest.approx(function(similarity[same], similarity[~same]))
        replicates = []
        for weight in drawn.weights:
            times = np.where(same, weight[left], weight[left] * weight[right]).astype(int)
            replicates.append(
                function(np.repeat(similarity[same], times[same]), np.repeat(similarity[~same], times[~same]))
            )
        low, high = np.quantile(replicates, [0.025, 0.975])
        assert (found[name].low, found[name].high) == pytest.approx((low, high), abs=1e-6), name
    assert found["eer"].n == similarity.size
    assert found["tar_at_far=0.1"].n == same.sum()


def test_the_persons_are_the_evidence_not_the_pairs() -> None:
    similarity, same, first, second = all_pairs(people=10, images=8, seed=2)
    by_person = verification_summary(similarity, same, first=first, second=second, seed=0, rounds=200)[0]
    free = np.arange(similarity.size).astype(str)
    other = np.where(same, free, np.char.add("x", free))
    by_pair = verification_summary(similarity, same, first=free, second=other, seed=0, rounds=200)[0]
    assert by_person.value == by_pair.value
    assert by_person.high - by_person.low > 2 * (by_pair.high - by_pair.low)


def test_one_kind_of_pair_is_refused() -> None:
    similarity, same, first, second = all_pairs(people=3, images=2, seed=0)
    with pytest.raises(BadInputError, match="no genuine"):
        verification_summary(similarity, np.zeros_like(same), first=first, second=second, seed=0)
    with pytest.raises(BadInputError, match="similarity and second"):
        verification_summary(similarity, same, first=first, second=second[:-1], seed=0)
