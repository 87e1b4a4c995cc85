"""Shared parts of the domain generalization protocols: source domains for training, unseen target domains."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

from facewarden.core.errors import BadInputError, UnknownEntryError
from facewarden.core.labels import ATTACK, BONA_FIDE, Split
from facewarden.data.protocols.parts.base import Protocol
from facewarden.data.sample import Sample

LETTERS: Mapping[str, tuple[str, ...]] = {
    "w": ("wmca",),
    "s": ("casia_surf",),
    "c": ("casia_cefa", "cedar"),
    "p": ("padisi",),
    "a": ("alder",),
    "b": ("birch",),
    "d": ("dogwood",),
}
"""Letter of a protocol's name -> the domains it may stand for; the samples say which."""

LEAVE_ONE_OUT = ("cps_w", "cpw_s", "csw_p", "psw_c", "bcd_a", "acd_b", "abd_c", "abc_d")
HALVES = ("half1_half2", "half2_half1")
TWO_AND_TWO = ("cw_ps", "ps_cw", "ab_cd", "cd_ab", "ac_bd", "bd_ac", "ad_bc", "bc_ad")

_NAME = re.compile(r"([a-z]+[12]?)(?:_|to|->|→)([a-z]+[12]?(?:-[a-z]+)?)")


class DomainTransfer(Protocol):
    """Train rows are the sources' train lists, dev rows their own dev lists, test rows the target's test list.

    Args:
        name: letters of the sources and of the targets, e.g. "cps_w"; upper case is welcome.
        sources, targets: domains by their full names, instead of a name.
        whole_target: test on all rows of the targets, for sets whose splits are nobody's convention.

    Raises:
        BadInputError: neither a name nor domains, or a number of domains that this protocol does not have.
        UnknownEntryError: no protocol of that name.
    """

    names: ClassVar[tuple[str, ...]]
    shape: ClassVar[tuple[tuple[int, ...], tuple[int, ...]]]
    """How many sources and how many targets there may be."""

    def __init__(
        self,
        name: str | None = None,
        *,
        sources: Sequence[str] = (),
        targets: Sequence[str] = (),
        whole_target: bool = False,
    ) -> None:
        if (name is None) == (not sources or not targets):
            raise BadInputError(
                f"{type(self).__name__} needs a name or its domains", hint=f"one of {', '.join(self.names)}"
            )
        self.name = None if name is None else self._known(name)
        self.sources, self.targets, self.whole_target = tuple(sources), tuple(targets), whole_target
        counts = self._counts()
        if any(count not in allowed for count, allowed in zip(counts, self.shape, strict=True)):
            raise BadInputError(
                f"{counts[0]} sources and {counts[1]} targets are none of this protocol's",
                hint=f"one of {', '.join(self.names)}",
            )

    def _counts(self) -> tuple[int, int]:
        """How many sources and targets were asked for."""
        before, after = (self.sources, self.targets) if self.name is None else letters_of(self.name)
        return len(before), len(after)

    def _known(self, name: str) -> str:
        plain = plain_name(name)
        if plain not in self.names:
            close = difflib.get_close_matches(plain, self.names, n=2, cutoff=0.5)
            raise UnknownEntryError(
                f"no protocol {name!r}" + (f"; did you mean {' or '.join(close)}?" if close else ""),
                hint=f"one of {', '.join(self.names)}",
            )
        return plain

    def domains_among(self, samples: Iterable[Sample]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The sources and the targets by full name.

        Raises:
            BadInputError: the samples lack one of them, or have two that one letter stands for.
        """
        present = sorted({sample.domain for sample in samples})
        if self.name is None:
            wanted = (self.sources, self.targets)
        else:
            before, after = letters_of(self.name)
            wanted = (
                tuple(_meant(letter, present) for letter in before),
                tuple(_meant(letter, present) for letter in after),
            )
        lacking = [domain for part in wanted for domain in part if domain not in present]
        if lacking:
            raise BadInputError(
                f"no captures of domain {' and '.join(map(repr, lacking))}; there are {', '.join(present)}",
                hint="give every set of the protocol: wmca:PATH, casia_surf:PATH, casia_cefa:PATH, padisi:PATH",
            )
        return wanted

    def choose(self, samples: Sequence[Sample], *, seed: int) -> Mapping[Split, Sequence[Sample]]:
        """Return the samples of each split; the seed is not used.

        Raises:
            BadInputError: a domain is not there, or a source has one class only.
        """
        sources, targets = self.domains_among(samples)
        result: dict[Split, list[Sample]] = {"train": [], "dev": [], "test": []}
        for sample in samples:
            if sample.domain in sources and sample.split != "test":
                result[sample.split].append(sample)
            elif sample.domain in targets and (self.whole_target or sample.split == "test"):
                result["test"].append(sample)
        check_sources(result["train"], sources)
        return result


def check_sources(train: Iterable[Sample], sources: Sequence[str]) -> None:
    """Refuse a source with one class only: a detector could learn its domain instead of the class.

    Raises:
        BadInputError: a source has no train rows, or only one class; all such sources are named.
    """
    counts: dict[str, dict[int, int]] = {name: {BONA_FIDE: 0, ATTACK: 0} for name in sources}
    for sample in train:
        counts[sample.domain][sample.label] += 1
    bad = [
        f"{name} has {count[BONA_FIDE]} bona fide and {count[ATTACK]} attack presentations"
        for name, count in counts.items()
        if not (count[BONA_FIDE] and count[ATTACK])
    ]
    if bad:
        raise BadInputError(
            f"a source must train with both classes: {'; '.join(bad)}",
            hint="leave that source out or give its other class; facewarden data check counts them",
        )


def plain_name(name: str) -> str:
    """A protocol's name in lower case with one underscore: "CPS→W" is cps_w."""
    plain = name.strip().lower().replace(" ", "")
    match = _NAME.fullmatch(plain)
    return f"{match[1]}_{match[2]}" if match else plain


def letters_of(name: str) -> tuple[str, str]:
    """The letters before and after the underscore."""
    before, _, after = name.partition("_")
    return before, after


def _meant(letter: str, present: Sequence[str]) -> str:
    among = [domain for domain in LETTERS[letter] if domain in present]
    if len(among) > 1:
        raise BadInputError(
            f"letter {letter!r} may mean {' or '.join(among)}, and both are there", hint="give sources= and targets="
        )
    return among[0] if among else LETTERS[letter][0]
