"""Balanced epochs: every stratum equally often, nobody twice before all were drawn, the same draw for the same seed."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facewarden.core.errors import BadInputError
from facewarden.training.sampling import balanced_epoch

LABELS = [0] * 9 + [1] * 3 + [0] * 2 + [1] * 6
DOMAINS = ["a"] * 12 + ["b"] * 8


def strata(rows: np.ndarray) -> Counter[tuple[str, int]]:
    return Counter((DOMAINS[i], LABELS[i]) for i in rows)


def test_every_stratum_is_drawn_equally_often_in_every_aligned_batch() -> None:
    rows = balanced_epoch(LABELS, DOMAINS, count=40, seed=0, epoch=0)
    for start in range(0, 40, 8):
        assert set(strata(rows[start : start + 8]).values()) == {2}


def test_a_stratum_is_gone_through_before_anyone_comes_again() -> None:
    rows = balanced_epoch(LABELS, DOMAINS, count=36, seed=0, epoch=0)
    big = [i for i in rows.tolist() if (DOMAINS[i], LABELS[i]) == ("a", 0)]
    assert sorted(big) == list(range(9))
    small = Counter(i for i in rows.tolist() if (DOMAINS[i], LABELS[i]) == ("b", 0))
    assert max(small.values()) - min(small.values()) <= 1


def test_seed_and_epoch_decide() -> None:
    first = balanced_epoch(LABELS, DOMAINS, count=36, seed=0, epoch=0)
    assert np.array_equal(first, balanced_epoch(LABELS, DOMAINS, count=36, seed=0, epoch=0))
    assert not np.array_equal(first, balanced_epoch(LABELS, DOMAINS, count=36, seed=0, epoch=1))
    assert not np.array_equal(first, balanced_epoch(LABELS, DOMAINS, count=36, seed=1, epoch=0))


@given(st.lists(st.tuples(st.integers(0, 1), st.sampled_from("abc")), min_size=1, max_size=30), st.integers(1, 60))
def test_counts_of_strata_differ_by_one_at_most(samples: list[tuple[int, str]], count: int) -> None:
    labels, domains = zip(*samples, strict=True)
    rows = balanced_epoch(labels, domains, count=count, seed=3, epoch=2)
    assert len(rows) == count
    drawn = Counter(samples[i] for i in rows)
    wanted = [drawn.get(place, 0) for place in set(samples)]
    assert max(wanted) - min(wanted) <= 1


def test_nothing_to_draw_from_is_an_error() -> None:
    with pytest.raises(BadInputError, match="no samples"):
        balanced_epoch([], [], count=3, seed=0, epoch=0)
