"""The words and pairs of words that a sample may have, for manifests and tables of scores alike."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from typing import cast

from facewarden.core.errors import BadInputError
from facewarden.core.labels import (
    ALL_SPECIES,
    ATTACK,
    BONA_FIDE,
    DEPTH_ENCODINGS,
    SPLITS,
    DepthEncoding,
    Split,
)


def as_split(text: str) -> Split:
    """Return a split's name as such.

    Raises:
        BadInputError: it is none of train, dev and test.
    """
    one_of("split", text, SPLITS)
    return cast(Split, text)


def as_depth_encoding(text: str) -> DepthEncoding:
    """Return the name of a way to store depth as such.

    Raises:
        BadInputError: it is neither millimeters nor picture.
    """
    one_of("depth_encoding", text, DEPTH_ENCODINGS)
    return cast(DepthEncoding, text)


def check_label(label: int, species: str) -> None:
    """Refuse a label or a species that is no word of the field, and a pair that contradicts itself.

    Args:
        label: 1 = bona fide, 0 = attack presentation.
        species: one of `facewarden.core.labels.ALL_SPECIES`.

    Raises:
        BadInputError: as said.
    """
    one_of("species", species, ALL_SPECIES)
    if label not in (BONA_FIDE, ATTACK):
        raise BadInputError(f"unknown label {label!r}", hint="1 = bona fide, 0 = attack presentation")
    if (label == BONA_FIDE) != (species == "bona_fide"):
        raise BadInputError(
            f"label {label} contradicts species {species}",
            hint="label 1 goes with species bona_fide, label 0 with the other species",
        )


def one_of(what: str, value: str, known: Collection[str]) -> None:
    """Refuse a word that is not among those known, with the nearest ones.

    Raises:
        BadInputError: it is not.
    """
    if value not in known:
        close = difflib.get_close_matches(value, list(known), n=2, cutoff=0.5)
        guess = f"; did you mean {' or '.join(close)}?" if close else ""
        raise BadInputError(f"unknown {what} {value[:60]!r}{guess}", hint=f"one of: {', '.join(known)}")
