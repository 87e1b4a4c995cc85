"""Splits by subject that give every split its share of every species, as far as the subjects allow it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from facewarden.core.errors import BadInputError
from facewarden.core.labels import BONA_FIDE, Split
from facewarden.data.protocols.parts.base import Protocol, ranked
from facewarden.data.sample import Sample


class BalancedSubjects(Protocol):
    """Assigns subjects one after the other, those of the rarest species first, to the split that lacks them most.

    Args:
        train: share of the subjects that train; 0 for a set on which nothing is trained.
        dev: share on which thresholds are set; the rest tests.
        hold_out: species that only the test split keeps; such rows of train and dev subjects are in no split.

    Raises:
        BadInputError: shares that leave nothing to test, or a species that is not there or is bona fide.
    """

    summary = "subjects drawn by seed so that every split has every species, by default 60 % train, 20 % dev, 20 % test"

    def __init__(self, *, train: float = 0.6, dev: float = 0.2, hold_out: Collection[str] = ()) -> None:
        if not (train >= 0 and dev > 0 and train + dev < 1):
            raise BadInputError(f"shares train {train:g} and dev {dev:g}", hint="dev above 0, together below 1")
        self.shares: dict[Split, float] = {"train": train, "dev": dev, "test": 1 - train - dev}
        self.hold_out = frozenset(hold_out)

    def choose(self, samples: Sequence[Sample], *, seed: int) -> Mapping[Split, Sequence[Sample]]:
        """Return the samples of the subjects of each split."""
        self._check_held(samples)
        species: dict[str, set[str]] = {}
        for sample in samples:
            species.setdefault(sample.subject, set()).add(sample.species)
        wanted = [split for split, share in self.shares.items() if share > 0]
        if len(species) < len(wanted):
            raise BadInputError(
                f"{len(species)} subjects cannot be split in {len(wanted)}",
                hint=f"at least {len(wanted)} subjects; --subject says who is who in a folder of photos",
            )
        home = self._homes(species, wanted, seed)
        result: dict[Split, list[Sample]] = {"train": [], "dev": [], "test": []}
        for sample in samples:
            split = home[sample.subject]
            if split == "test" or sample.species not in self.hold_out:
                result[split].append(sample)
        return result

    def _homes(self, species: Mapping[str, set[str]], wanted: Sequence[Split], seed: int) -> dict[str, Split]:
        """The split of each subject."""
        order = ranked(species, seed=seed, what="balanced_subjects")
        holders = Counter(name for names in species.values() for name in names)
        order.sort(key=lambda subject: min(holders[name] for name in species[subject]))
        given: dict[Split, Counter[str]] = {split: Counter() for split in wanted}
        counts: Counter[Split] = Counter()
        home: dict[str, Split] = {}

        def need(split: Split, subject: str) -> tuple[float, float, float]:
            share = self.shares[split]
            # a class that a split lacks weighs more than any balance: without it nothing can be measured there
            lacking = sum(not _has_class(given[split], name) for name in species[subject])
            lack = sum(share * holders[name] - given[split][name] for name in species[subject])
            return (float(lacking) if split != "train" else 0.0, float(lack), share * len(species) - counts[split])

        for subject in order:
            if self.hold_out and species[subject] <= self.hold_out:
                home[subject] = "test"
            else:
                home[subject] = max(wanted, key=lambda split: need(split, subject))
            given[home[subject]].update(species[subject])
            counts[home[subject]] += 1
        return home

    def _check_held(self, samples: Sequence[Sample]) -> None:
        there = {sample.species for sample in samples if sample.label != BONA_FIDE}
        absent = sorted(self.hold_out - there)
        if absent:
            raise BadInputError(
                f"no attack of species {', '.join(absent)} to hold out", hint=f"one of {', '.join(sorted(there))}"
            )


def _has_class(given: Mapping[str, int], species: str) -> bool:
    """Whether a split has the class of a species already."""
    bona_fide = species == "bona_fide"
    return any(count and (name == "bona_fide") == bona_fide for name, count in given.items())


entry = BalancedSubjects
