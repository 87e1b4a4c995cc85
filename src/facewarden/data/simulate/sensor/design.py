"""Balanced fractional designs: which level of every factor a site has, so that each factor's effect can be told apart.

A full crossing of nine factors would take thousands of sites. Here every pair of factors meets at each of its pairs of
levels about equally often, so that no factor's main effect hides behind another's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from facewarden.core.errors import BadInputError
from facewarden.core.seeding import derive

Factors = Mapping[str, Sequence[str]]
"""Factor -> its levels."""


def balanced_design(factors: Factors, *, sites: int, seed: int, tries: int = 24) -> tuple[dict[str, str], ...]:
    """Assign levels to sites by a fixed rule.

    Every factor's levels are dealt out in turn, so that they occur equally often (but for a remainder), and put in an
    order that the seed decides. Then two sites exchange their levels of one factor as long as an exchange lowers the
    sum of squares, over all pairs of factors and of their levels, of (sites that have both minus the sites that an
    even crossing would have). Of several orders the one is taken whose worst pair is the most even. All numbers are
    whole, so that every computer finds the same design.

    The first factor is left as it is dealt: its levels take turns from site to site.

    Args:
        factors: what is crossed, two levels at least each.
        sites: how many.
        seed: decides the orders that the search begins with.
        tries: how many orders.

    Returns:
        Of every site, factor -> level.

    Raises:
        BadInputError: fewer than two factors, or a factor without a choice.
    """
    if len(factors) < 2 or any(len(set(levels)) < 2 for levels in factors.values()):
        raise BadInputError("a design crosses two factors of two levels or more", hint="name their levels")
    found = [_search(factors, sites, derive(seed, "order", number)) for number in range(tries)]
    best = min(found, key=lambda columns: (_unevenness(factors, columns), columns.tobytes()))
    names = list(factors)
    return tuple({name: factors[name][int(place)] for name, place in zip(names, row, strict=True)} for row in best.T)


def _search(factors: Factors, sites: int, seed: int) -> NDArray[np.int64]:
    """One descent, `(factors, sites)` places in the lists of levels."""
    columns = np.stack([np.arange(sites) % len(levels) for levels in factors.values()])
    for number in range(1, len(columns)):
        keys = [derive(seed, number, site) for site in range(sites)]
        columns[number] = columns[number][np.argsort(keys, kind="stable")]
    blocks = [_shown(column, len(levels)) for column, levels in zip(columns, factors.values(), strict=True)]
    better = True
    while better:
        better = False
        for number in range(1, len(columns)):
            others = np.concatenate([block for place, block in enumerate(blocks) if place != number], axis=1)
            while (swap := _best_swap(blocks[number], others, sites)) is not None:
                columns[number][list(swap)] = columns[number][list(swap[::-1])]
                blocks[number] = _shown(columns[number], blocks[number].shape[1])
                better = True
    return columns


def _shown(column: NDArray[np.int64], levels: int) -> NDArray[np.int64]:
    """Sites by levels, 1 where a site has the level."""
    return np.asarray(column[:, None] == np.arange(levels), np.int64)


def _best_swap(own: NDArray[np.int64], others: NDArray[np.int64], sites: int) -> tuple[int, int] | None:
    """The exchange of two sites' levels that lowers the sum of squares most; None where none does."""
    # sites * count - expected * sites is whole where the expected count is not
    excess = sites * (own.T @ others) - np.outer(own.sum(0), others.sum(0))
    level = own.argmax(1)
    # an exchange of sites i and j moves a row (others_i - others_j) from one level to the other:
    # the cost changes by 2 r . (excess_b - excess_a) sites + 2 sites^2 |r|^2
    inner = others @ others.T
    own_norm = np.diag(inner)
    distance = own_norm[:, None] + own_norm[None, :] - 2 * inner
    pull = others @ excess.T  # (sites, levels): others_i . excess_level
    at_own = pull[np.arange(len(level)), level]
    at_other = pull[:, level]  # [i, j]: others_i . excess of j's level
    change = (at_other - at_own[:, None]) + (at_other.T - at_own[None, :]) + sites * distance
    change[level[:, None] == level[None, :]] = 0
    place = int(change.argmin())
    if change.flat[place] >= 0:
        return None
    return place // len(level), place % len(level)


def _unevenness(factors: Factors, columns: NDArray[np.int64]) -> tuple[int, int]:
    """How much two cells of a pair's table differ at most, and by how much such tables differ by more than one site."""
    blocks = [_shown(column, len(levels)) for column, levels in zip(columns, factors.values(), strict=True)]
    spreads = [int(np.ptp(one.T @ other)) for number, one in enumerate(blocks) for other in blocks[number + 1 :]]
    return max(spreads), sum(spread - 1 for spread in spreads if spread > 1)
