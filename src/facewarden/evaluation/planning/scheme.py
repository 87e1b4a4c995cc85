"""Limits of certification schemes: data files with source, edition, and how sure each is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from facewarden.core.errors import UnknownEntryError
from facewarden.core.registry import nearest
from facewarden.core.settings import Count, Share, Text, read_json, read_settings

FOLDER = Path(__file__).with_name("schemes")
LimitedMetric = Literal["apcer", "bpcer", "iapar", "far", "frr"]


@dataclass(frozen=True)
class SchemeLimit:
    """A rate that a scheme limits.

    Attributes:
        metric: which.
        at_most: the highest that passes.
        per: "species" where each PAI species must meet it.
        note: what a reader must know.
    """

    metric: LimitedMetric
    at_most: Share
    per: Literal["", "species"] = ""
    note: str = ""


@dataclass(frozen=True)
class SchemeSizes:
    """Sizes that a scheme asks for; None where they are not known here.

    Attributes:
        species: PAI species.
        sources: people that artifacts of a species are made of.
        artifacts_per_source: artifacts of each.
        presentations_per_artifact: of each artifact.
        presentations_per_species: of each species.
        bona_fide: bona fide presentations.
        subjects: people.
        impostor_comparisons: comparisons of two people.
    """

    species: Count | None = None
    sources: Count | None = None
    artifacts_per_source: Count | None = None
    presentations_per_artifact: Count | None = None
    presentations_per_species: Count | None = None
    bona_fide: Count | None = None
    subjects: Count | None = None
    impostor_comparisons: Count | None = None

    @property
    def of_a_species(self) -> int | None:
        """Presentations of each species, given or as the product of its parts."""
        if self.presentations_per_species is not None:
            return self.presentations_per_species
        parts = (self.sources, self.artifacts_per_source, self.presentations_per_artifact)
        return None if None in parts else int(parts[0] * parts[1] * parts[2])  # type: ignore[operator]


@dataclass(frozen=True)
class Scheme:
    """A certification scheme as far as it is known here; no file stands for the scheme's own text.

    Attributes:
        title: its name.
        edition: version and date of what was read.
        source: where.
        how_sure: how it is known.
        limits: rates with their limits.
        sizes: of the test.
        rule: "sequential" where artifacts are judged by the 10/20 rule.
        note: what a reader must know.
    """

    title: Text
    edition: Text
    source: Text
    how_sure: Text
    limits: tuple[SchemeLimit, ...]
    sizes: SchemeSizes = SchemeSizes()
    rule: Literal["", "sequential"] = ""
    note: str = ""


@cache
def schemes() -> dict[str, Scheme]:
    """Every scheme by name; the name is that of its file."""
    found = {}
    for path in sorted(FOLDER.glob("*.json")):
        values = read_json(path, what="a scheme", hint="restore the file from the package")
        found[path.stem] = read_settings(Scheme, values, source=path.name)
    return found


def scheme_named(name: str) -> Scheme:
    """Find one scheme by its name.

    Raises:
        UnknownEntryError: there is none of this name.
    """
    known = schemes()
    if name not in known:
        raise UnknownEntryError(f"no scheme {name!r}{nearest(name, list(known))}", hint=f"one of {', '.join(known)}")
    return known[name]
