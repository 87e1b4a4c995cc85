"""Protocols of domain generalization by the short names that papers use, and the audit of their splits."""

from __future__ import annotations

import difflib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from facewarden.core.errors import UnknownEntryError
from facewarden.core.labels import MODALITIES, Modality, Split
from facewarden.data.content import file_digest
from facewarden.data.protocols.fixed_modalities import FixedModalities
from facewarden.data.protocols.limited_sources import LimitedSources
from facewarden.data.protocols.missing_at_test import MissingAtTest
from facewarden.data.protocols.parts.transfer import HALVES, LEAVE_ONE_OUT, TWO_AND_TWO, DomainTransfer, plain_name
from facewarden.data.protocols.unseen_sites import UnseenSites
from facewarden.data.protocols.unseen_species import UnseenSpecies
from facewarden.data.sample import Sample

TRANSFERS = (*LEAVE_ONE_OUT, *TWO_AND_TWO, *HALVES, *UnseenSpecies.names)
"""Every short name."""

Splits = Mapping[Split, Sequence[Sample]]


def transfer_protocol(name: str, *, drop: Sequence[Modality] = (), whole_target: bool = False) -> DomainTransfer:
    """Make a protocol by its short name.

    Args:
        name: e.g. "cps_w", "CPS→W", "ab_cd"; one letter after the arrow is a leave-one-out, two are limited sources;
            "half1_half2" trains on half of all domains, "half1_half2-masks" without masks and tests on these.
        drop: modalities that the test captures lack; only of a leave-one-out.
        whole_target: test on all rows of the target, not on its test list alone; halves always do.

    Raises:
        UnknownEntryError: there is none of that name.
        BadInputError: color is dropped.
    """
    plain = plain_name(name)
    if plain not in TRANSFERS:
        close = difflib.get_close_matches(plain, TRANSFERS, n=2, cutoff=0.5)
        raise UnknownEntryError(
            f"no protocol {name!r}" + (f"; did you mean {' or '.join(close)}?" if close else ""),
            hint=f"one of {', '.join(TRANSFERS)}",
        )
    if plain in HALVES:
        return UnseenSites(plain, whole_target=True)
    if plain in UnseenSpecies.names:
        return UnseenSpecies(plain, whole_target=True)
    if plain in TWO_AND_TWO:
        return LimitedSources(plain, whole_target=whole_target)
    if drop:
        return MissingAtTest(plain, drop=drop, whole_target=whole_target)
    return FixedModalities(plain, whole_target=whole_target)


@dataclass(frozen=True)
class Audit:
    """Contents of a protocol's splits.

    Attributes:
        counts: (split, domain, species) -> captures.
        subjects: (split, domain) -> people.
        shared_subjects: people of more than one split; a protocol refuses those, a set may have them.
        same_path: captures whose files another one has too, by path.
        same_content: captures whose color image is another one's byte for byte, under another path.
        across_splits: how many of the two kinds of doubles are in two different splits.
    """

    counts: Mapping[tuple[str, str, str], int]
    subjects: Mapping[tuple[str, str], int]
    shared_subjects: tuple[str, ...]
    same_path: int
    same_content: int
    across_splits: int

    def rows(self) -> tuple[tuple[str, str, str, int], ...]:
        """(split, domain, species, captures), bona fide first."""
        order = {split: place for place, split in enumerate(("train", "dev", "test"))}
        keys = sorted(self.counts, key=lambda key: (order[key[0]], key[1], key[2] != "bona_fide", key[2]))
        return tuple((*key, self.counts[key]) for key in keys)

    def sentences(self) -> tuple[str, ...]:
        """Sentences about overlaps and duplicates for the reader."""
        people = f": {', '.join(self.shared_subjects[:5])}" if self.shared_subjects else ""
        return (
            f"subjects in more than one split: {len(self.shared_subjects)}{people}",
            f"captures with the files of another one: {self.same_path}; with its bytes under another name: "
            f"{self.same_content}; of both, in another split: {self.across_splits}",
        )


def audit_splits(splits: Splits, *, root: Path) -> Audit:
    """Count the samples of each split, and find people and pictures that occur twice or in two splits.

    Args:
        splits: of a protocol.
        root: the folder that the samples' paths are relative to.
    """
    counts: Counter[tuple[str, str, str]] = Counter()
    people: dict[tuple[str, str], set[str]] = defaultdict(set)
    homes: dict[str, set[str]] = defaultdict(set)
    by_path: dict[tuple[str | None, ...], list[str]] = defaultdict(list)
    by_bytes: dict[bytes, dict[str, str]] = defaultdict(dict)
    digests: dict[str, bytes] = {}
    for split, sample in ((split, sample) for split, samples in splits.items() for sample in samples):
        counts[split, sample.domain, sample.species] += 1
        people[split, sample.domain].add(sample.subject)
        homes[sample.subject].add(split)
        by_path[tuple(sample.path(name) for name in MODALITIES)].append(split)
        first = next(path for name in MODALITIES if (path := sample.path(name)) is not None)
        if first not in digests:
            digests[first] = file_digest(root / first)
        by_bytes[digests[first]][first] = split
    doubles = [paths for paths in by_path.values() if len(paths) > 1]
    alike = [list(paths.values()) for paths in by_bytes.values() if len(paths) > 1]
    return Audit(
        counts=dict(counts),
        subjects={key: len(names) for key, names in people.items()},
        shared_subjects=tuple(sorted(name for name, where in homes.items() if len(where) > 1)),
        same_path=sum(len(paths) - 1 for paths in doubles),
        same_content=sum(len(paths) - 1 for paths in alike),
        across_splits=_crossing(doubles) + _crossing(alike),
    )


def _crossing(groups: Iterable[Sequence[str]]) -> int:
    return sum(len(set(found)) > 1 for found in groups)
