"""The rule against its four cases on paper and against branches written out."""

from __future__ import annotations

import math
from typing import get_args

import pytest
import torch

from facewarden.training.objectives.parts.regrad_math import Base, Rule, base_lengths, rebalance
from plain_mmdg import load
from stand_ins import generator

U = torch.tensor([0.5, 0.25, 0.75])


def two(slow: list[float], fast: list[float], *, owner_is_fast: bool, rule: Rule = "full") -> list[float]:
    """Two modalities in two dimensions (the third one is silent); the fast one has certainty 0.25."""
    rows = torch.zeros(3, 2, dtype=torch.float64)
    rows[0], rows[1] = torch.tensor(slow), torch.tensor(fast)
    owner = 1 if owner_is_fast else 0
    combined, _ = rebalance(rows, [2], owner=owner, fast=owner == 1, certainty=U.double(), rule=rule)
    return [round(x, 6) for x in combined.tolist()]


# slow (2, 0); fast (1, 3) agrees with it: its part along is (1, 0). Fast (-1, 3) conflicts: its part across is (0, 3).
@pytest.mark.parametrize("owner_is_fast", [False, True])
def test_the_four_cases_by_hand(owner_is_fast: bool) -> None:
    assert two([2, 0], [1, 3], owner_is_fast=owner_is_fast) == [2 + 0.25 * 1, 0]
    assert two([2, 0], [-1, 3], owner_is_fast=owner_is_fast) == [2, 0.25 * 3]


def test_options_by_hand() -> None:
    aligned, conflicting = [1.0, 3.0], [-1.0, 3.0]
    assert two([2, 0], aligned, owner_is_fast=False, rule="off") == [3, 3]
    assert two([2, 0], conflicting, owner_is_fast=False, rule="off") == [1, 3]
    assert two([2, 0], aligned, owner_is_fast=False, rule="conflict_only") == [3, 3]
    assert two([2, 0], conflicting, owner_is_fast=False, rule="conflict_only") == [2, 0.75]
    assert two([2, 0], aligned, owner_is_fast=False, rule="aligned_only") == [2.25, 0]
    assert two([2, 0], conflicting, owner_is_fast=False, rule="aligned_only") == [1, 3]


def test_the_slow_side_is_never_shrunk() -> None:
    slow, fast = [0.3, -0.4], [5.0, 5.0]
    combined = two(slow, fast, owner_is_fast=True)
    unit = torch.tensor(slow) / math.hypot(*slow)
    assert float(torch.tensor(combined) @ unit) >= math.hypot(*slow) - 1e-6


def test_tensors_are_judged_one_by_one() -> None:
    rows = torch.randn(3, 11, dtype=torch.float64, generator=generator(0))
    whole, conflicts = rebalance(rows, [4, 7], owner=2, fast=False, certainty=U.double())
    for part, row in ((slice(0, 4), 0), (slice(4, 11), 1)):
        alone, conflict = rebalance(rows[:, part], [part.stop - part.start], owner=2, fast=False, certainty=U.double())
        torch.testing.assert_close(whole[part], alone)
        assert torch.equal(conflicts[row], conflict[0])


@pytest.mark.parametrize("owner", [0, 1, 2])
@pytest.mark.parametrize("fastest", [0, 1, 2])
def test_three_modalities_against_branches_written_out(owner: int, fastest: int) -> None:
    for seed in range(20):
        rows = torch.randn(3, 5, dtype=torch.float64, generator=generator(seed))
        expected = load().rebalance(list(rows), owner, fastest, weights=U.tolist())
        combined, conflict = rebalance(rows, [5], owner=owner, fast=owner == fastest, certainty=U.double())
        torch.testing.assert_close(combined, expected)
        assert conflict.shape == (1, 1 if owner == fastest else 2)


def test_absent_gradients_count_as_zero() -> None:
    rows = torch.zeros(3, 4)
    rows[0] = torch.tensor([1.0, 2.0, 3.0, 4.0])
    alone, conflict = rebalance(rows, [4], owner=0, fast=False, certainty=U)
    assert torch.equal(alone, rows[0])
    assert not bool(conflict.any())
    # the owner itself has none: the others arrive by their certainty
    given, _ = rebalance(rows, [4], owner=2, fast=False, certainty=U)
    torch.testing.assert_close(given, 0.5 * rows[0])


@pytest.mark.parametrize("base", ["relative", "missing"])
@pytest.mark.parametrize("fast", [False, True])
def test_a_common_factor_of_all_gradients_changes_nothing_but_the_length(base: Base, fast: bool) -> None:
    rows = torch.randn(3, 9, dtype=torch.float64, generator=generator(4))
    rows[1] *= 1e-3
    whole, conflicts = rebalance(rows, [4, 5], owner=0, fast=fast, certainty=U.double(), base=base)
    small, same = rebalance(rows * 1e-6, [4, 5], owner=0, fast=fast, certainty=U.double(), base=base)
    torch.testing.assert_close(small * 1e6, whole, rtol=1e-9, atol=0.0)
    assert torch.equal(conflicts, same)
    as_released, _ = rebalance(rows * 1e-6, [4, 5], owner=0, fast=fast, certainty=U.double())
    assert not torch.allclose(as_released * 1e6, whole, rtol=1e-2), "1e-8 swamps squares of small bases"


def test_bases_that_are_next_to_nothing_by_hand() -> None:
    """A base of 1e-9 under a fast side of (1, 3): released it is lost in 1e-8, relative in 1e-8 |fast|^2, or absent."""
    rows = torch.tensor([[1e-9, 0.0], [1.0, 3.0], [0.0, 0.0]], dtype=torch.float64)
    found = {base: rebalance(rows, [2], owner=0, fast=False, certainty=U.double(), base=base)[0].tolist()
             for base in get_args(Base)}  # fmt: skip
    assert found["released"] == pytest.approx([1e-9, 0.0], abs=1e-10)
    assert found["relative"] == pytest.approx([1e-9, 0.0], abs=1e-10)
    assert found["missing"] == pytest.approx([0.25, 0.75], abs=1e-8), "the fast side whole, by its certainty"
    rows[0] *= 1e4  # 1e-5: no longer missing
    kept = rebalance(rows, [2], owner=0, fast=False, certainty=U.double(), base="missing")[0]
    assert kept.tolist() == pytest.approx([1e-5 + 0.25, 0.0], abs=1e-9), "its part along the base"
    zero = torch.zeros(3, 2)
    for base in get_args(Base):
        assert rebalance(zero, [2], owner=0, fast=True, certainty=U, base=base)[0].tolist() == [0.0, 0.0]


def test_lengths_of_bases_and_fast_sides() -> None:
    rows = torch.tensor([[3.0, 4.0, 1.0], [0.0, 2.0, 0.0], [5.0, -2.0, 2.0]])
    below, sides = base_lengths(rows, [2, 1], owner=0, fast=False)
    assert below.tolist() == [5.0, 1.0]
    assert sides.tolist() == [[2.0, pytest.approx(29**0.5)], [0.0, 2.0]]
    below, sides = base_lengths(rows, [2, 1], owner=0, fast=True)
    assert below.tolist() == [5.0, 2.0]
    assert sides.tolist() == [[5.0], [1.0]]
