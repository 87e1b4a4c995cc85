"""Splits by subject: nobody is in two of train, dev and test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from facewarden.core.errors import BadInputError
from facewarden.core.labels import Split
from facewarden.data.protocols.parts.base import Protocol, ranked
from facewarden.data.sample import Sample


class SubjectSplit(Protocol):
    """Draws subjects by seed; each split gets at least one.

    Args:
        train: share of the subjects that train.
        dev: share on which thresholds are set; the rest tests.

    Raises:
        BadInputError: a share is not above 0, or nothing is left to test.
    """

    summary = "subjects drawn by seed, by default 60 % train, 20 % dev, 20 % test"

    def __init__(self, *, train: float = 0.6, dev: float = 0.2) -> None:
        if not (train > 0 and dev > 0 and train + dev < 1):
            raise BadInputError(f"shares train {train} and dev {dev}", hint="both above 0, together below 1")
        self.train, self.dev = train, dev

    def choose(self, samples: Sequence[Sample], *, seed: int) -> Mapping[Split, Sequence[Sample]]:
        """Return the samples of the subjects of each split."""
        subjects = ranked((sample.subject for sample in samples), seed=seed, what="subject_split")
        count = len(subjects)
        if count < 3:
            raise BadInputError(f"{count} subjects cannot be split in three", hint="at least 3 subjects")
        train = min(max(1, round(self.train * count)), count - 2)
        dev = min(max(1, round(self.dev * count)), count - train - 1)
        home: dict[str, Split] = {
            name: "train" if place < train else "dev" if place < train + dev else "test"
            for place, name in enumerate(subjects)
        }
        result: dict[Split, list[Sample]] = {"train": [], "dev": [], "test": []}
        for sample in samples:
            result[home[sample.subject]].append(sample)
        return result


entry = SubjectSplit
