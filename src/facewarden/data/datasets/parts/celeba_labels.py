"""CelebA-Spoof's label vectors of 44 numbers and its boxes in a virtual frame of 224 x 224."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from facewarden.core.errors import BadInputError
from facewarden.core.guards.bounded import parse_json, read_bounded
from facewarden.core.tasks import ATTRIBUTES, LIGHTS, SPOOF_TYPES
from facewarden.data.sample import Box
from facewarden.data.text import printable

LENGTH = len(ATTRIBUTES) + 4
"""Forty attributes, spoof type, illumination, environment, live or spoof."""

ENVIRONMENTS = ("live", "indoor", "outdoor")

VIRTUAL = 224
"""Side of the frame in which boxes are given, whatever the image's size is."""

SMALLEST = 8
"""Pixels that a box must have on each side, as for every set of captures."""

_CODES = (
    ("spoof type", SPOOF_TYPES),
    ("illumination", LIGHTS),
    ("environment", ENVIRONMENTS),
    ("label", ("live", "spoof")),
)


class _Pairs(list[tuple[str, Any]]):
    """What a JSON object holds, a name that is there twice included."""


@dataclass(frozen=True)
class Labels:
    """One label vector.

    Attributes:
        attributes: forty characters 0 or 1, in CelebA's order.
        spoof_type, illumination, environment: codes; 0 on bona fide rows.
        spoof: what the last number says.
    """

    attributes: str
    spoof_type: int
    illumination: int
    environment: int
    spoof: bool


def decode(values: object, *, key: str) -> Labels:
    """Take a label vector apart.

    Args:
        values: a list of 44 whole numbers.
        key: of the row, for the message.

    Raises:
        BadInputError: another length, or a number that is no code; the row is named.
    """
    if not isinstance(values, Sequence) or isinstance(values, str) or len(values) != LENGTH:
        count = f"{len(values)} values" if isinstance(values, Sequence) else type(values).__name__
        raise BadInputError(
            f"{key}: {count} instead of {LENGTH}",
            hint="forty attributes, spoof type, illumination, environment, and 1 for spoof",
        )
    if any(isinstance(value, bool) or not isinstance(value, int) for value in values):
        raise BadInputError(f"{key}: values that are not whole numbers", hint="copy the label file again")
    marks = values[: len(ATTRIBUTES)]
    if set(marks) - {0, 1}:
        wrong = next(i for i, mark in enumerate(marks) if mark not in (0, 1))
        raise BadInputError(f"{key}: attribute {ATTRIBUTES[wrong]} is {marks[wrong]}", hint="0 or 1")
    codes = [int(value) for value in values[len(ATTRIBUTES) :]]
    for (what, words), code in zip(_CODES, codes, strict=True):
        if not 0 <= code < len(words):
            raise BadInputError(f"{key}: {what} {code}", hint=f"0 to {len(words) - 1}: {', '.join(words)}")
    return Labels("".join(map(str, marks)), codes[0], codes[1], codes[2], bool(codes[3]))


def read_labels(path: Path) -> dict[str, Any]:
    """Read a label file as normalized key -> values; keys without the leading folder `Data` get it.

    Raises:
        BadInputError: no JSON object, or two keys of one image.
    """
    try:
        text = read_bounded(path, limit="report_bytes")
        pairs = parse_json(text, what=printable(path), object_pairs_hook=_Pairs)
    except (OSError, ValueError) as error:
        raise BadInputError(f"{printable(path)}: no label file: {error}", hint="copy metas again") from error
    if not isinstance(pairs, _Pairs):
        raise BadInputError(f"{printable(path)}: not one JSON object of image -> labels", hint="copy metas again")
    labels: dict[str, Any] = {}
    for key, values in pairs:
        name = normal_key(key)
        if name in labels:
            raise BadInputError(f"{printable(path)}: {name} is there twice", hint="keep one of its rows")
        labels[name] = values
    return labels


def normal_key(key: str) -> str:
    """Return `Data/train/4980/spoof/000003.jpg` for a key in whatever form.

    Raises:
        BadInputError: it is none of the layout.
    """
    parts = PurePosixPath(key.replace("\\", "/")).parts
    start = max(0, len(parts) - 4)
    split, subject, kind = (*parts[start : start + 3], "", "", "")[:3]
    if split not in ("train", "test") or not subject or kind not in ("live", "spoof") or ".." in parts:
        raise BadInputError(
            f"{key[:80]!r} is no image of CelebA-Spoof", hint="Data/train/4980/spoof/000003.jpg, with or without Data/"
        )
    return "/".join(("Data", *parts[start:]))


def box_file(image: Path) -> Path:
    """Where an image's box is: beside it, whatever its suffix."""
    return image.with_name(f"{image.stem}_BB.txt")


def read_box(path: Path, *, width: int, height: int) -> tuple[Box | None, str]:
    """Read a box file and bring it to the image's pixels as the published code does.

    Args:
        path: of a line "x y w h score" in the virtual frame; x and y may be negative.
        width, height: of the image, upright.

    Returns:
        x0 y0 x1 y1, or None with what is wrong: "missing", "empty", "unreadable", "without area" or "outside".
    """
    try:
        cells = read_bounded(path).split()
    except OSError:
        return None, "missing"
    except ValueError:
        return None, "unreadable"
    if not cells:
        return None, "empty"
    try:
        numbers = [float(cell) for cell in cells[:4]]
        virtual = [int(number) for number in numbers if math.isfinite(number)]
    except ValueError:
        return None, "unreadable"
    if len(virtual) < 4:
        return None, "unreadable"
    x, y, w, h = (
        int(value * side / VIRTUAL) for value, side in zip(virtual, (width, height, width, height), strict=True)
    )
    if x >= width or y >= height or x + w <= 0 or y + h <= 0:
        return None, "without area" if w < SMALLEST or h < SMALLEST else "outside"
    left, top, right, bottom = max(0, x), max(0, y), min(width, x + w), min(height, y + h)
    if right - left < SMALLEST or bottom - top < SMALLEST:
        return None, "without area"
    return (float(left), float(top), float(right), float(bottom)), ""
