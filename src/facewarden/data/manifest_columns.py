"""A manifest's columns: a row's cells become a `Sample`, and the other way round."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from facewarden.core.errors import BadInputError
from facewarden.core.labels import MODALITIES
from facewarden.data.sample import Box, Landmarks, Sample
from facewarden.data.sample_words import as_depth_encoding, as_flag, as_number, as_split, as_text
from facewarden.data.text import printable

REQUIRED_COLUMNS = ("key", "domain", "subject", "label", "species", "split")
BOX_COLUMNS = ("x0", "y0", "x1", "y1")
LANDMARK_COLUMNS = tuple(f"lm{i}{axis}" for i in range(5) for axis in "xy")
USUAL_COLUMNS = (
    *("key", "domain", "subject", "session", "label", "species", "illumination", "environment", "split"),
    *("rgb", "depth", "infrared", "depth_encoding"),
    *BOX_COLUMNS,
    *LANDMARK_COLUMNS,
    *("simulated", "seed"),
)
"""Columns that every manifest is written with."""
UNIT_COLUMNS = ("depth_unit", "infrared_bits")
"""Columns that are written where a row says something else than the default."""
KNOWN_COLUMNS = (*USUAL_COLUMNS, *UNIT_COLUMNS)
ATTRIBUTE = "attr_"
_WHOLE = re.compile(r"[-+]?[0-9]{1,300}")  # Python also reads 1_0, as 10


def parse_row(cells: Mapping[str, Any]) -> Sample:
    """Make a sample of one row.

    Args:
        cells: column -> text (CSV) or typed value (Parquet); None where the cell is empty.

    Raises:
        BadInputError: a cell is empty or not of its column's kind; the row is not known here.
    """
    box = _floats(cells, BOX_COLUMNS)
    points = _floats(cells, LANDMARK_COLUMNS)
    simulated = _text(cells.get("simulated"))
    return Sample(
        key=_required("key", cells),
        domain=_required("domain", cells),
        subject=_required("subject", cells),
        species=_required("species", cells),
        label=_integer("label", _required("label", cells)),
        split=as_split(_required("split", cells)),
        rgb=_text(cells.get("rgb")),
        depth=_text(cells.get("depth")),
        infrared=_text(cells.get("infrared")),
        depth_encoding=as_depth_encoding(_text(cells.get("depth_encoding")) or "millimeters"),
        depth_unit=_number("depth_unit", cells.get("depth_unit"), default=1.0),
        infrared_bits=(
            None if (bits := _text(cells.get("infrared_bits"))) is None else _integer("infrared_bits", bits)
        ),
        session=_text(cells.get("session")),
        illumination=_text(cells.get("illumination")),
        environment=_text(cells.get("environment")),
        box=None if box is None else cast(Box, tuple(box)),
        landmarks=None if points is None else tuple(zip(points[::2], points[1::2], strict=True)),
        simulated=simulated is not None and as_flag("simulated", simulated),
        seed=None if (seed := _text(cells.get("seed"))) is None else _integer("seed", seed),
        attributes=_texts(cells, [name for name in cells if name.startswith(ATTRIBUTE)], cut=len(ATTRIBUTE)),
        extra=_texts(cells, [n for n in cells if n not in KNOWN_COLUMNS and not n.startswith(ATTRIBUTE)], cut=0),
    )


def check_columns(path: Path, columns: Collection[str]) -> None:
    """Refuse a manifest that lacks a column, and guess which of its own was meant.

    Args:
        path: of the manifest, for the message.
        columns: their names.

    Raises:
        BadInputError: a required column is missing, or those of all modalities are.
    """
    missing = [name for name in REQUIRED_COLUMNS if name not in columns]
    if not any(name in columns for name in MODALITIES):
        missing.append(f"one of {', '.join(MODALITIES)}")
    if not missing:
        return
    guesses = [
        f"is {close[0]!r} meant to be {name!r}?"
        for name in missing
        if (close := difflib.get_close_matches(name, [c for c in columns if c not in KNOWN_COLUMNS], n=1, cutoff=0.6))
    ]
    raise BadInputError(
        f"{printable(path)}: no column {' and no '.join(missing)}; found: {', '.join(columns)}"
        + (f"; {' '.join(guesses)}" if guesses else ""),
        hint=f"a manifest has the columns {', '.join(REQUIRED_COLUMNS)} and one of {', '.join(MODALITIES)}",
    )


def to_row(sample: Sample) -> dict[str, str | int | float | bool | None]:
    """Return a sample as column -> value; `parse_row` turns it back into the same sample."""
    points: Landmarks = sample.landmarks or ((None, None),) * 5  # type: ignore[assignment]
    return {
        **{name: getattr(sample, name) for name in USUAL_COLUMNS if hasattr(sample, name)},
        **({"depth_unit": sample.depth_unit} if sample.depth_unit != 1.0 else {}),
        **({"infrared_bits": sample.infrared_bits} if sample.infrared_bits is not None else {}),
        **dict(zip(BOX_COLUMNS, sample.box or (None,) * 4, strict=True)),
        **dict(zip(LANDMARK_COLUMNS, [value for point in points for value in point], strict=True)),
        **{ATTRIBUTE + name: value for name, value in sample.attributes.items()},
        **sample.extra,
    }


def _text(value: Any) -> str | None:
    return as_text(value) or None


def _texts(cells: Mapping[str, Any], names: Sequence[str], *, cut: int) -> dict[str, str]:
    return {name[cut:]: text for name in names if (text := _text(cells[name])) is not None}


def _required(name: str, cells: Mapping[str, Any]) -> str:
    text = _text(cells[name])
    if text is None:
        raise BadInputError(f"{name} is empty", hint=f"give every row a {name}")
    return text


def _integer(name: str, text: str) -> int:
    if not _WHOLE.fullmatch(text.strip()):
        hint = "1 = bona fide, 0 = attack presentation" if name == "label" else "write a whole number"
        raise BadInputError(f"unknown {name} {text[:60]!r}", hint=hint)
    return int(text)


def _number(name: str, value: Any, *, default: float) -> float:
    text = _text(value)
    if text is None:
        return default
    number = as_number(text)
    if number is None:
        raise BadInputError(f"unknown {name} {text[:60]!r}", hint="a number, with a decimal point")
    return number


def _floats(cells: Mapping[str, Any], names: Sequence[str]) -> list[float] | None:
    texts = {name: _text(cells.get(name)) for name in names}
    empty = [name for name, text in texts.items() if text is None]
    if len(empty) == len(names):
        return None
    if empty:
        raise BadInputError(
            f"{', '.join(empty)} empty beside {names[0]} … {names[-1]}", hint="fill all of them or none"
        )
    numbers = {name: as_number(str(text)) for name, text in texts.items()}
    wrong = {name: texts[name] for name, number in numbers.items() if number is None}
    if wrong:
        raise BadInputError(f"not numbers: {wrong}"[:200], hint="pixels, with a decimal point")
    return [number for number in numbers.values() if number is not None]
