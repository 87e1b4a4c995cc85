"""A fold inside of a protocol's sources: some of their sites stand for the targets, so that nothing unseen is used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from facewarden.core.errors import BadInputError
from facewarden.core.labels import Split
from facewarden.data.protocols.parts.base import check_disjoint
from facewarden.data.protocols.parts.transfer import check_sources
from facewarden.data.sample import Sample


def source_fold(splits: Mapping[Split, Sequence[Sample]], *, sites: int) -> dict[Split, tuple[Sample, ...]]:
    """Hold out some of the sources: train and dev rows of the others, all rows of those as the test.

    The protocol's own test rows have no part in it. Held out are sites at even distances in the order of their names.

    Args:
        splits: of a protocol.
        sites: how many sources are held out.

    Raises:
        BadInputError: no source is left to train on, or one that is left has only one class.
        LeakError: somebody is at a held-out site and at another.
    """
    names = sorted({sample.domain for sample in splits["train"]})
    if sites >= len(names):
        raise BadInputError(
            f"{sites} of {len(names)} sources cannot be held out",
            hint=f"tuning: {{sites: 1}}, {len(names) - 1} at most",
        )
    held = held_out(names, sites=sites)
    rows = [*splits["train"], *splits["dev"]]
    fold: dict[Split, tuple[Sample, ...]] = {
        "train": tuple(sample for sample in splits["train"] if sample.domain not in held),
        "dev": tuple(sample for sample in splits["dev"] if sample.domain not in held),
        "test": tuple(sample for sample in rows if sample.domain in held),
    }
    check_sources(fold["train"], [name for name in names if name not in held])
    check_disjoint(fold, "a fold of the sources")
    return fold


def held_out(names: Sequence[str], *, sites: int) -> tuple[str, ...]:
    """Names at even distances.

    >>> held_out(["a", "b", "c", "d", "e", "f"], sites=2)
    ('b', 'e')
    """
    step = len(names) / sites
    return tuple(names[int(step * (place + 0.5))] for place in range(sites))
