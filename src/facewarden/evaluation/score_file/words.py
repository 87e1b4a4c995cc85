"""Words of tables that other programs write: labels, splits, species, and which column is meant."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facewarden.core.errors import BadInputError
from facewarden.core.labels import ALL_SPECIES
from facewarden.data.columns import Coded
from facewarden.data.sample_words import FLAG_WORDS, as_number
from facewarden.data.tables.column_names import shown_columns
from facewarden.data.text import printable

_BONA_FIDE = ("bona_fide", "bonafide", "bona_fide_presentation", "live", "real", "genuine", "client", "authentic")
_ATTACK = ("attack", "attack_presentation", "presentation_attack", "spoof", "fake", "imposter", "impostor")
FLAG_CODES: Mapping[str, str] = {word: str(int(yes)) for word, yes in FLAG_WORDS.items()}
"""Word of a flag -> 1 or 0."""
LABEL_WORDS: Mapping[str, str] = {
    **FLAG_CODES,
    **dict.fromkeys(_BONA_FIDE, "1"),
    **dict.fromkeys(_ATTACK, "0"),
}  # fmt: skip
"""Word of a label, as `folded` gives it -> 1 = bona fide, 0 = attack."""
_OF_ATTACKS = frozenset({*_ATTACK, "pa", *(f"is_{word}" for word in (*_ATTACK, "pa", "presentation_attack"))})
"""Names of columns of flags that say yes of an attack."""
SPLIT_WORDS: Mapping[str, str] = {
    "train": "train", "dev": "dev", "devel": "dev", "development": "dev", "val": "dev", "validation": "dev",
    "test": "test", "eval": "test", "evaluation": "test",
}  # fmt: skip
UNNAMED = "attack"
"""The species of attacks whose table names none."""
NOTHING = frozenset({"none", "na", "n/a", "null", "-"})
"""Words that stand in a column of texts where there is nothing to say, in small letters."""
_NO_SPECIES = frozenset({*_BONA_FIDE, *NOTHING, "no", "_", "0"})
"""What stands in the column of species where there is no instrument."""
_LIKE: Mapping[str, tuple[str, ...]] = {
    "score": ("score", "liveness", "prob", "logit", "confidence", "p_live", "similarity"),
    "label": ("label", "truth", "target", "class", "is_live", "is_real", "is_spoof", "is_attack", "y_true"),
}
"""Column -> parts of names that other programs give it, the surest first."""


def folded(name: str) -> str:
    """A name without what spellings differ in: case, and blanks or hyphens in place of underscores; -1 stays -1."""
    if name.strip().startswith("-") and as_number(name) is not None:
        return name.strip()
    return "_".join(name.casefold().replace("-", " ").replace("_", " ").split()) or name


def no_column(path: Path, lacking: Sequence[str], header: Sequence[str], *, renamable: bool) -> BadInputError:
    """The error of a table that lacks columns; its hint names those that are probably meant."""
    if len(header) == 1:
        return BadInputError(
            f"{printable(path)}: one column alone: {shown_columns(header)}",
            hint="separate columns by commas, semicolons or tabs, and let the first line name them: score,label",
        )
    likely = {name: _likely(name, header, lacking) or "COLUMN" for name in lacking}
    words = " ".join(f"{name}={column}" for name, column in likely.items())
    renamed = ", ".join(f"{column} to {name}" for name, column in likely.items())
    if folded(likely.get("label", "")) in _OF_ATTACKS:
        renamed += ", and exchange its values: 1 = bona fide, 0 = attack"
    return BadInputError(
        f"{printable(path)}: no column {', '.join(lacking)}; found: {shown_columns(header)}",
        hint=f"name it: --column {words}" if renamable else f"rename in the table {renamed}",
    )


def _likely(name: str, header: Sequence[str], lacking: Sequence[str]) -> str:
    """The column that is probably meant, where exactly the words of this one fit it."""
    others = [part for other in lacking if other != name for part in _LIKE.get(other, ())]
    for part in _LIKE.get(name, ()):
        for column in header:
            small = column.lower()
            if part in small and not any(other in small for other in others if other not in part):
                return column
    return ""


def of_attacks(column: str, held: Coded) -> bool:
    """Whether a column of labels says yes of attacks, by its name: is_spoof with 1 and 0, true and false."""
    return folded(column) in _OF_ATTACKS and all(folded(name) in FLAG_WORDS for name in held.names)


def coded_words(path: Path, held: Coded, words: Mapping[str, str], *, what: str, hint: str) -> Coded:
    """The column with its names replaced by the words of the field.

    Raises:
        BadInputError: a name that is none of the words.
    """
    meant = [words.get(name.lower(), words.get(folded(name))) for name in held.names]
    unknown = [index for index, word in enumerate(meant) if word is None]
    if unknown:
        row = int(np.argmax(held.codes == unknown[0])) + 1
        raise BadInputError(f"{printable(path)}: row {row}: unknown {what} {held.names[unknown[0]]!r}", hint=hint)
    names = tuple(dict.fromkeys(word for word in meant if word is not None))
    to = np.array([*(names.index(word) for word in meant if word is not None), -1], np.int64)
    return Coded(to[held.codes], names)


def coded_species(path: Path, held: Coded | None, bona_fide: NDArray[np.bool_]) -> tuple[Coded, str]:
    """Species of the attacks, and which spellings were counted as one; bona fide rows have none.

    Raises:
        BadInputError: species that contradict the labels.
    """
    if held is None:
        return Coded(np.where(bona_fide, -1, 0).astype(np.int64), (UNNAMED,)), ""
    _check_labels(path, held, bona_fide)
    seen = np.bincount(held.codes[(held.codes >= 0) & ~bona_fide], minlength=len(held.names))
    spellings: dict[str, list[int]] = {}
    for index, name in enumerate(held.names):
        spellings.setdefault(folded(name), []).append(index)
    chosen = {small: _spelling(held.names, seen, which) for small, which in spellings.items()}
    names = tuple(sorted({*chosen.values(), UNNAMED}))
    to = np.array([*(names.index(chosen[folded(name)]) for name in held.names), names.index(UNNAMED)], np.int64)
    several = [sorted(held.names[i] for i in which if seen[i]) for which in spellings.values()]
    told = "; ".join(", ".join(which) for which in sorted(several) if len(which) > 1)
    said = f"Species are spelled in more than one way and counted as one: {told}." if told else ""
    return Coded(np.where(bona_fide, -1, to[held.codes]).astype(np.int64), names), said


def _spelling(names: Sequence[str], seen: NDArray[np.int64], which: Sequence[int]) -> str:
    """The spelling that stands for all: the one of the list of species, else the most frequent."""
    standard = folded(names[which[0]])
    return standard if standard in ALL_SPECIES else names[max(which, key=lambda index: (seen[index], -index))]


def _check_labels(path: Path, held: Coded, bona_fide: NDArray[np.bool_]) -> None:
    live = [index for index, name in enumerate(held.names) if folded(name) in _BONA_FIDE]
    wrong = ~bona_fide & np.isin(held.codes, live)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise BadInputError(
            f"{printable(path)}: row {row + 1}: species {held.names[held.codes[row]]} contradicts the label of an "
            f"attack ({int(wrong.sum())} such rows)",
            hint="1 = bona fide, 0 = attack: exchange the labels, or name the species of the attacks",
        )
    none = [index for index, name in enumerate(held.names) if folded(name) in _NO_SPECIES]
    named = (held.codes >= 0) & ~np.isin(held.codes, none)
    if named.any() and not (named & ~bona_fide).any():
        counts = Counter(held.names[code] for code in held.codes[named])
        raise BadInputError(
            f"{printable(path)}: species stand at bona fide rows alone ({', '.join(sorted(counts)[:5])})",
            hint="1 = bona fide, 0 = attack: exchange the labels, or leave the species of bona fide rows empty",
        )
