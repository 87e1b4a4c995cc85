"""What rows of a manifest say of each other: one picture with two labels or in two splits, points that are mirrored."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence

from facewarden.core.errors import BadInputError
from facewarden.core.labels import MODALITIES
from facewarden.data.alike_names import alike_words
from facewarden.data.sample import Sample
from facewarden.data.text import printable

_FEWEST = 4
"""Faces from which on it is no accident of a face finder that most are mirrored, or some not in their box."""


def check_rows(rows: Sequence[Sample]) -> tuple[str, ...]:
    """Refuse rows that contradict each other, and return what a reader must be told of the others.

    Args:
        rows: of a manifest, in their order.

    Raises:
        BadInputError: a picture is bona fide in one row and an attack in another; a face is in two splits or of two
            people; the landmarks of most faces are mirrored.
    """
    _check_landmarks(rows)
    alike = alike_words({row.subject for row in rows}, what="People").removesuffix(".")
    repeated = _check_pictures(rows)
    told = f"rows that name a picture of an earlier row: {repeated}" if repeated else ""
    return tuple(note for note in (told, _apart_words(rows), alike) if note)


def _pictures(row: Sample) -> Iterator[str]:
    for name in MODALITIES:
        if path := row.path(name):
            yield posixpath.normpath(path)


def _check_pictures(rows: Sequence[Sample]) -> int:
    """How many rows repeat a picture of an earlier row; a picture may show several faces, each with its box."""
    seen: dict[str, int] = {}
    faces: dict[object, int] = {}
    repeated = 0
    for number, row in enumerate(rows, start=1):
        pictures = tuple(_pictures(row))
        first = [seen.setdefault(picture, number) for picture in pictures]
        for picture, before in zip(pictures, first, strict=True):
            if rows[before - 1].label != row.label:
                raise _differ(picture, "label", rows, before, number, "1 = bona fide, 0 = attack presentation: ")
        same = faces.setdefault((pictures, row.box), number)
        for what in ("split", "subject"):
            if getattr(rows[same - 1], what) != getattr(row, what):
                raise _differ(pictures[0], what, rows, same, number, f"a face has one {what}: ")
        repeated += any(before != number for before in first)
    return repeated


def _differ(picture: str, what: str, rows: Sequence[Sample], first: int, second: int, hint: str) -> BadInputError:
    words = [printable(str(getattr(rows[number - 1], what))) for number in (first, second)]
    return BadInputError(
        f"{printable(picture)} has {what} {words[0]} in row {first} and {what} {words[1]} in row {second}",
        hint=f"{hint}keep the row that is right",
    )


def _check_landmarks(rows: Sequence[Sample]) -> None:
    """Refuse left and right of the person in place of left and right as seen: a face would be read mirrored."""
    known = [row for row in rows if row.landmarks is not None]
    mirrored = sum(map(_mirrored, known))
    if len(known) >= _FEWEST and mirrored > len(known) / 2:
        raise BadInputError(
            f"the landmarks of {mirrored} of {len(known)} faces are mirrored: lm0 is right of lm1",
            hint="lm0 is the left eye as seen in the image, lm1 the right one; the same for the mouth, lm3 and lm4",
        )


def _apart_words(rows: Sequence[Sample]) -> str:
    """What must be told of landmarks outside of their face box; empty where there are none."""
    known = [row for row in rows if row.landmarks is not None and row.box is not None]
    apart = sum(map(_apart, known))
    return (
        f"faces whose landmarks are not in their box: {apart} of {len(known)}; are x0 to y1 and lm0x to lm4y in pixels "
        "of one and the same frame?"
        if apart and len(known) >= _FEWEST
        else ""
    )


def _apart(row: Sample) -> bool:
    """Whether most of the five points lie outside of the box."""
    assert row.landmarks is not None
    assert row.box is not None
    x0, y0, x1, y1 = row.box
    return sum(x0 <= x <= x1 and y0 <= y <= y1 for x, y in row.landmarks) < 3


def _mirrored(row: Sample) -> bool:
    """Whether the mouth lies above the eyes when these go from left to right, however the face is turned."""
    assert row.landmarks is not None
    (x0, y0), (x1, y1), _, (x3, y3), (x4, y4) = row.landmarks
    down = (x3 + x4 - x0 - x1, y3 + y4 - y0 - y1)
    eyes, mouth = (x1 - x0, y1 - y0), (x4 - x3, y4 - y3)
    return eyes[0] * down[1] - eyes[1] * down[0] < 0 or mouth[0] * down[1] - mouth[1] * down[0] < 0
