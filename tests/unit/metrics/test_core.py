"""Codes of strings and integers agree with np.unique, also where hashes collide."""

from __future__ import annotations

import numpy as np
import pytest

from facewarden.metrics import checked


@pytest.mark.parametrize(
    "values",
    [
        np.array(["b", "a", "", "b", "long name", "a"]),
        np.array([b"x", b"yy", b"x"]),
        np.array(["ä", "a", "日本", "ä"], dtype=object),
        np.array([5, 3, 5, -1]),
        np.array(["same"] * 4),
        np.array([], dtype=str),
        np.array(["", ""]),
    ],
)
def test_codes_agree_with_unique(values: np.ndarray) -> None:
    codes, names = checked.codes_of(values)
    expected_names, expected_codes = np.unique(values, return_inverse=True)
    assert codes.tolist() == expected_codes.tolist()
    assert [str(n) for n in names] == [str(n) for n in expected_names]


def test_codes_of_many_strings_over_several_blocks() -> None:
    values = np.random.default_rng(0).integers(0, 5000, 70_000).astype(str)
    codes, names = checked.codes_of(values)
    assert (names[codes] == values).all()
    assert (np.sort(names) == names).all()
    assert names.size == np.unique(values).size


def test_a_hash_collision_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    class Zeros:
        def integers(self, *_: object, size: int, dtype: type) -> np.ndarray:
            return np.zeros(size, dtype=dtype)

    values = np.array(["b", "a", "c", "a"])
    monkeypatch.setattr(checked.np.random, "default_rng", lambda _seed: Zeros())  # every hash becomes 0
    codes, names = checked.codes_of(values)
    assert names[codes].tolist() == values.tolist()
    assert names.tolist() == ["a", "b", "c"]


@pytest.mark.parametrize("total", [1, 3, 7, 29, 100, 997])
def test_largest_count_is_the_definition(total: int) -> None:
    for target in (0.0, 0.01, 0.05, 0.1, 0.29, 1 / 3, 0.57, 1.0):
        count = checked.largest_count(target, total)
        assert count / total <= target
        assert count == total or (count + 1) / total > target


def test_middle_of_huge_scores_does_not_overflow() -> None:
    assert checked.midway(-1.7e308, 1.7e308) == 0.0
    assert checked.midway(1.5e308, 1.7e308) == pytest.approx(1.6e308)
