"""The words and pairs of words that a sample may have, for manifests and tables of scores alike."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any, cast

from facewarden.core.errors import BadInputError
from facewarden.core.labels import (
    ALL_SPECIES,
    ATTACK,
    BONA_FIDE,
    DEPTH_ENCODINGS,
    SPLITS,
    DepthEncoding,
    Split,
    is_species,
)

_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?|[-+]?(nan|inf|infinity)", re.ASCII | re.IGNORECASE)
FLAG_WORDS: Mapping[str, bool] = MappingProxyType(
    dict.fromkeys(("1", "1.0", "true", "yes"), True) | dict.fromkeys(("0", "0.0", "false", "no"), False)
)
"""Word of a cell in small letters -> whether it says yes; programs write 1.0 where a column has gaps."""
SAME_WORDS: Mapping[str, bool] = MappingProxyType(
    {**FLAG_WORDS, **dict.fromkeys(("same", "genuine", "mated"), True)}
    | dict.fromkeys(("different", "impostor", "imposter", "nonmated", "non-mated"), False)
)
"""The same of a column that says whether two photos show one person."""
_MISSING = ("nan", "NaN", "NaT", "None", "<NA>")
UNSEEN = " \t\r\n\v\f\u00a0\u200b\u2060\ufeff"
"""Blanks and invisible characters, which say nothing at the ends of a name."""


def as_name(text: str) -> str:
    """Return the name of a person, a sensor or a visit as it is compared: two that look alike are one.

    Blanks and invisible characters at the ends are left out, and letters with accents have one spelling: file systems
    and tables write them in two.

    >>> as_name("Jose\u0301 ") == as_name("Jos\u00e9")
    True
    """
    return unicodedata.normalize("NFC", text.strip(UNSEEN)).strip(UNSEEN)


def as_number(text: str) -> float | None:
    """Return the number that a cell holds, also NaN and infinity; None where only Python reads one, as 5 in "0_5".

    >>> as_number("2.5e-1"), as_number("0_5"), as_number("0,5")
    (0.25, None, None)
    """
    return float(text) if _NUMBER.fullmatch(text.strip()) else None


def as_flag(what: str, text: str) -> bool:
    """Return whether a cell says yes.

    Raises:
        BadInputError: it is none of `FLAG_WORDS`; `what`, the name of its column, is in the message.
    """
    word = text.strip().lower()
    if word not in FLAG_WORDS:
        raise BadInputError(f"unknown {what} {text[:60]!r}", hint="true or false")
    return FLAG_WORDS[word]


def as_text(cell: Any) -> str:
    """Return a cell as text, an empty one as ""; Parquet holds whole numbers as floats where a column has gaps.

    Words that programs write where a value is missing are empty too: else all that lack a subject would be one person.
    """
    if cell is None:
        return ""
    text = str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)
    return "" if text in _MISSING else text


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
        species: one that `facewarden.core.labels.is_species` knows.

    Raises:
        BadInputError: as said.
    """
    if not is_species(species):
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
