"""Throw-away protocol: subjects in alphabetical order, as an example of the smallest file that works."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from facewarden.core.labels import Split
from facewarden.data.protocols.parts.base import Protocol
from facewarden.data.sample import Sample


class ThrowAway(Protocol):
    """A third of the subjects each to train, dev and test, by name."""

    summary = "a third of the subjects each, in alphabetical order"

    def choose(self, samples: Sequence[Sample], *, seed: int) -> Mapping[Split, Sequence[Sample]]:
        """Return the samples of each split."""
        people = sorted({sample.subject for sample in samples})
        result: dict[Split, list[Sample]] = {"train": [], "dev": [], "test": []}
        for sample in samples:
            result[("train", "dev", "test")[people.index(sample.subject) % 3]].append(sample)
        return result


entry = ThrowAway
