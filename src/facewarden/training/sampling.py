"""Which samples make up an epoch: equally many of every label in every domain, from a seed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from facewarden.core.errors import BadInputError
from facewarden.core.seeding import derive


def balanced_epoch(
    labels: Sequence[int], domains: Sequence[str], *, count: int, seed: int, epoch: int
) -> NDArray[np.int64]:
    """Draw the sample positions of one epoch.

    Strata (label x domain) take turns, so that any run of as many positions as there are strata holds each once and
    every batch is balanced. Inside a stratum a shuffled pass over all samples ends before the next begins.

    Args:
        labels, domains: of the samples.
        count: positions to draw.
        seed, epoch: decide the draw.

    Returns:
        `(count,)` positions.

    Raises:
        BadInputError: there are no samples.
    """
    if not len(labels):
        raise BadInputError("no samples to draw from", hint="look at the train split: facewarden data check")
    strata: dict[tuple[str, int], list[int]] = {}
    for position, place in enumerate(zip(domains, labels, strict=True)):
        strata.setdefault(place, []).append(position)
    names = sorted(strata)
    turns = -(-count // len(names))
    columns = []
    for domain, label in names:
        rng = np.random.default_rng(derive(seed, "epoch", epoch, domain, label))
        members = np.array(strata[domain, label], dtype=np.int64)
        passes = -(-turns // len(members))
        columns.append(np.concatenate([rng.permutation(members) for _ in range(passes)])[:turns])
    # the order of strata inside a turn changes, so that batches of any size see all pairs of neighbors
    rng = np.random.default_rng(derive(seed, "turns", epoch))
    order = rng.permuted(np.tile(np.arange(len(names)), (turns, 1)), axis=1)
    table = np.stack(columns, axis=1)
    return np.take_along_axis(table, order, axis=1).reshape(-1)[:count]
