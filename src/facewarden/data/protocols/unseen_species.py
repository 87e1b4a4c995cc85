"""Unseen domains and unseen instruments together: one group of species is absent from training and is the test."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from facewarden.core.errors import BadInputError
from facewarden.core.labels import BONA_FIDE, SPECIES_GROUPS, Split, species_group
from facewarden.data.protocols.parts.halves import HalfTransfer
from facewarden.data.protocols.parts.transfer import HALVES, check_sources
from facewarden.data.sample import Sample


class UnseenSpecies(HalfTransfer):
    """As `unseen_sites`; train and dev lack a group of species, and the attacks of the test are that group alone.

    A source whose train rows have no other attacks is left out with its bona fide captures: a detector could learn
    the domain instead of the class. Bona fide captures of targets without the group are not tested.

    Args:
        name: halves and group, as in "half1_half2-masks".
        group: one of `facewarden.core.labels.SPECIES_GROUPS`; needed with `sources` and `targets`.
        sources, targets, whole_target: as of `HalfTransfer`.

    Raises:
        BadInputError: no such group, or no target has it.
    """

    summary = "as unseen_sites, with one group of species in no source and alone in the test"
    names = tuple(f"{half}-{group}" for half in HALVES for group in SPECIES_GROUPS)

    def __init__(
        self,
        name: str | None = None,
        *,
        group: str = "",
        sources: Iterable[str] = (),
        targets: Iterable[str] = (),
        whole_target: bool = False,
    ) -> None:
        super().__init__(name, sources=sources, targets=targets, whole_target=whole_target)
        self.group = group if self.name is None else self.name.partition("-")[2]
        if self.group not in SPECIES_GROUPS:
            raise BadInputError(f"no group of species {group!r}", hint=f"group: one of {', '.join(SPECIES_GROUPS)}")

    @classmethod
    def example(cls, folder: Path) -> UnseenSpecies:
        """Return an instance that tests masks at "lab"; no file is needed."""
        return cls(sources=("street",), targets=("lab",), group="masks")

    def choose(self, samples: Sequence[Sample], *, seed: int) -> Mapping[Split, Sequence[Sample]]:
        """Return the samples of each split; the seed is not used."""
        sources, targets = self.domains_among(samples)
        tested = {sample.domain for sample in samples if self._held(sample) and self._tests(sample, targets)}
        if not tested:
            raise BadInputError(
                f"no target has attacks of {self.group}; targets are {', '.join(targets)}",
                hint="another group, or other targets",
            )
        others = {s.domain for s in samples if s.label != BONA_FIDE and s.split == "train" and not self._held(s)}
        kept = [name for name in sources if name in others]
        result: dict[Split, list[Sample]] = {"train": [], "dev": [], "test": []}
        for sample in samples:
            if sample.domain in kept and sample.split != "test" and not self._held(sample):
                result[sample.split].append(sample)
            elif (
                sample.domain in tested
                and self._tests(sample, targets)
                and (sample.label == BONA_FIDE or self._held(sample))
            ):
                result["test"].append(sample)
        check_sources(result["train"], kept)
        return result

    def _held(self, sample: Sample) -> bool:
        return species_group(sample.species) == self.group

    def _tests(self, sample: Sample, targets: Sequence[str]) -> bool:
        return sample.domain in targets and (self.whole_target or sample.split == "test")


entry = UnseenSpecies
