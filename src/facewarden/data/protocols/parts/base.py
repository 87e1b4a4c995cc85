"""The contract of a protocol, and the leak check that no protocol can skip."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import ClassVar, final

from facewarden.core.errors import BadInputError, LeakError
from facewarden.core.guards.contracts import forbid_override
from facewarden.core.labels import ATTACK, BONA_FIDE, SPLITS, Split
from facewarden.core.seeding import derive
from facewarden.data.sample import Sample


class Protocol(ABC):
    """Assigns samples to train, dev and test.

    Attributes:
        summary: one sentence.
        both_classes: the splits that must hold bona fide and attack presentations: a threshold is set on dev and
            measured on test.
    """

    summary: ClassVar[str]
    both_classes: ClassVar[tuple[Split, ...]] = ("dev", "test")

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        forbid_override(cls, Protocol, "assign")

    @abstractmethod
    def choose(self, samples: Sequence[Sample], *, seed: int) -> Mapping[Split, Sequence[Sample]]:
        """Return the samples of each split; a sample may be in none."""

    @final
    def assign(self, samples: Iterable[Sample], *, seed: int = 0) -> dict[Split, tuple[Sample, ...]]:
        """Assign samples to splits and check the result.

        Args:
            samples: a `Manifest` or any samples.
            seed: where the protocol draws, from this; the same seed and samples give the same splits.

        Returns:
            train, dev and test, in the order of `samples`, each sample's `split` set to where it is.

        Raises:
            LeakError: a subject or a key is in two splits.
            BadInputError: no samples, or dev or test lacks a class.
        """
        given = tuple(samples)
        if not given:
            raise BadInputError("no samples to split", hint="facewarden data check MANIFEST")
        chosen = self.choose(given, seed=seed)
        order = {sample.key: place for place, sample in enumerate(given)}
        result: dict[Split, tuple[Sample, ...]] = {
            split: tuple(
                replace(sample, split=split) for sample in sorted(chosen.get(split, ()), key=lambda s: order[s.key])
            )
            for split in SPLITS
        }
        name = type(self).__module__.rpartition(".")[2]
        check_disjoint(result, name)
        for split in self.both_classes:
            labels = {sample.label for sample in result[split]}
            lacking = [word for label, word in ((BONA_FIDE, "bona fide"), (ATTACK, "attack")) if label not in labels]
            if lacking:
                raise BadInputError(
                    f"{name}: {split} has no {' and no '.join(lacking)} presentations, {len(result[split])} samples",
                    hint="more subjects, other fractions or another seed",
                )
        return result


def ranked(names: Iterable[str], *, seed: int, what: str) -> list[str]:
    """Return names in random order by seed; adding a name does not change the order of the others."""
    return sorted(set(names), key=lambda name: (derive(seed, what, name), name))


def check_disjoint(result: Mapping[Split, Sequence[Sample]], name: str) -> None:
    """Refuse splits that share a key or a person.

    Args:
        result: samples by split.
        name: of what made them, for the error.

    Raises:
        LeakError: a key or a subject is in two splits, or a key twice in one.
    """
    for what in ("key", "subject"):
        home: dict[str, Split] = {}
        for split, samples in result.items():
            values = [getattr(sample, what) for sample in samples]
            if what == "key" and len(set(values)) < len(values):
                raise LeakError(f"{name}: a key is twice in {split}", hint="choose every sample once")
            for value in values:
                if home.setdefault(value, split) != split:
                    raise LeakError(
                        f"{name}: {what} {value!r} is in {home[value]} and in {split}",
                        hint="facewarden data check names all of them; protocol subject_split separates subjects",
                    )
