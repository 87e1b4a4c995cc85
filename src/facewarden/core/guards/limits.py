"""Every limit on what is read from outside, in one place; an environment variable raises each of them."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, get_args, get_type_hints

from facewarden.core.errors import BadInputError

PREFIX = "FACEWARDEN_LIMIT_"
"""Of the environment variables: FACEWARDEN_LIMIT_PICTURE_PIXELS=100000000 raises `picture_pixels`."""


Number = int | float


@dataclass(frozen=True)
class Limits:
    """The largest inputs that are read; what each is for stands beside it.

    All of them are checked before the memory or the time is spent, from a header or from a file's size.
    """

    picture_pixels: Annotated[Number, "pixels", "width times height of a picture, from its header"] = 50_000_000
    picture_bytes: Annotated[Number, "bytes", "size of a picture's file"] = 512 * 2**20
    picture_scans: Annotated[Number, "pixels", "pixels times scans of a JPEG: each scan is decoded whole"] = (
        1_000_000_000
    )
    picture_seconds: Annotated[Number, "seconds", "decoding of one picture"] = 20
    video_frames: Annotated[Number, "frames", "frames of a video, counted before any is decoded"] = 100_000
    array_bytes: Annotated[Number, "bytes", "one array of an npz or HDF5 file, unpacked"] = 256 * 2**20
    text_bytes: Annotated[Number, "bytes", "a card, recipe, list, decision rule or other settings in JSON"] = 16 * 2**20
    plan_bytes: Annotated[Number, "bytes", "a plan in YAML"] = 256 * 1024
    plan_depth: Annotated[Number, "levels", "nesting of a plan in YAML"] = 40
    plan_values: Annotated[Number, "values", "values of a plan in YAML, each alias counted where it stands"] = 10_000
    plan_cells: Annotated[Number, "cells", "cells that the lists of a plan make together"] = 10_000
    report_bytes: Annotated[Number, "bytes", "a report, or the labels of a published set, in JSON"] = 256 * 2**20
    text_depth: Annotated[Number, "levels", "nesting of JSON"] = 64
    number_digits: Annotated[Number, "digits", "a number in JSON"] = 300
    key_letters: Annotated[Number, "characters", "the name of a sample, subject or domain"] = 1024
    cell_letters: Annotated[Number, "characters", "a line of a CSV table, or a text in a Parquet table"] = 2**20
    table_rows: Annotated[Number, "rows", "a table"] = 10_000_000
    table_columns: Annotated[Number, "columns", "a table"] = 10_000
    table_bytes: Annotated[Number, "bytes", "a table, unpacked"] = 512 * 2**20
    answer_bytes: Annotated[Number, "bytes", "an answer of an HTTP service; its deadline is a setting"] = 16 * 2**20


class LimitError(BadInputError):
    """Something from outside is larger than its limit; file, size, limit and the way to raise it are named.

    Attributes:
        name: of the limit.
        bound: its value as it was.
    """

    name: str = ""
    bound: Number = 0.0


@dataclass(frozen=True)
class DeclaredLimit:
    """One limit as `facewarden doctor --limits` shows it.

    Attributes:
        name: the field of `Limits`.
        value: in force.
        default: without an environment variable.
        unit: of both.
        about: what is limited.
    """

    name: str
    value: Number
    default: Number
    unit: str
    about: str

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return f"{PREFIX}{self.name.upper()}"


def declared() -> Iterator[DeclaredLimit]:
    """Every limit with its value in force.

    Raises:
        BadInputError: an environment variable holds no number above 0.
    """
    for name, kind in get_type_hints(Limits, include_extras=True).items():
        unit, about = get_args(kind)[1:]
        yield DeclaredLimit(name, limit_of(name), getattr(Limits, name), unit, about)


def limit_of(name: str) -> Number:
    """A limit: its environment variable where that is set, else the default.

    Args:
        name: a field of `Limits`.

    Raises:
        BadInputError: the variable holds no number above 0.
    """
    default = float(getattr(Limits, name))
    text = os.environ.get(f"{PREFIX}{name.upper()}")
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not value > 0:
        raise BadInputError(f"{PREFIX}{name.upper()} is {text[:40]!r}", hint=f"a number above 0; default {default:.0f}")
    return value


def check_limit(name: str, found: Number, *, what: str) -> None:
    """Refuse what is larger than a limit.

    Args:
        name: a field of `Limits`.
        found: how large it is, in the limit's unit.
        what: whose size it is, the beginning of the message, "x.json" or "x.npz: array 'a'".

    Raises:
        LimitError: it is larger.
    """
    bound = limit_of(name)
    if found <= bound:
        return
    unit = get_args(get_type_hints(Limits, include_extras=True)[name])[1]
    raised = LimitError(
        f"{what}: {_count(found)} {unit}, the limit is {_count(bound)}",
        hint=f"where you trust it: {PREFIX}{name.upper()}={_count(found).replace(',', '')}",
    )
    raised.name, raised.bound = name, bound
    raise raised


def _count(number: Number) -> str:
    return f"{math.ceil(number):,}" if number >= 10 else f"{number:g}"
