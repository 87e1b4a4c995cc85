"""Whether depth and infrared files hold what their numbers are taken for; a 16-bit file is not a 16-bit range.

A few captures of every sensor domain are looked at before any of them is used, since a single frame cannot tell: a dark
infrared frame has small values in any range, and a face may stand before a hole. Depth is judged by bona fide captures
alone: a screen or a print may have any depth that its sensor makes of it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from facewarden.core.errors import BadInputError
from facewarden.core.labels import Modality
from facewarden.data.arrays import in_array
from facewarden.data.depth import FARTHEST, NEAREST, face_distance, face_relief, read_depth
from facewarden.data.picture import open_picture
from facewarden.data.sample import Sample
from facewarden.data.text import named_file, printable

_LOG = logging.getLogger("facewarden")

LOOKED_AT = 12
"""Captures of a domain that are looked at, evenly spread."""

_ENOUGH = 3
"""Captures from which a domain is refused; fewer give a warning."""

_UNITS = (1000.0, 10.0, 0.1)
"""Units that depth is stored in besides millimeters: meters, centimeters, tenths of millimeters."""
_USUAL = (150.0, 3000.0)
"""Millimeters at which faces stand before sensors of depth; a guessed unit must lead there."""
_FAR, _DEEP = 1500.0, 150.0
"""A face that seems this far and at once this deep is stored in tenths of millimeters."""
_RANGES = (8, 10, 12, 14)
_TOO_FEW = 12
"""Up to so many bits of 16 a picture is nearly black."""


_PASSED: set[tuple[Any, ...]] = set()
"""What was looked at in this process and not refused."""


@dataclass(frozen=True)
class _Looked:
    distance: float | None
    relief: float | None


def check_ranges(samples: Iterable[Sample], *, root: Path, modalities: Sequence[Modality]) -> None:
    """Look at some captures of every domain, and refuse units that cannot be those of the manifest.

    Args:
        samples: captures.
        root: the folder that their paths are relative to.
        modalities: which are going to be read.

    Raises:
        BadInputError: the bona fide faces of a domain are nearer than 100 mm or farther than 5 m, or its 16-bit
            infrared fills 12 bits or less; the message names the column to fill. Of fewer than three captures it is a
            warning.
    """
    domains: dict[str, list[Sample]] = {}
    for sample in samples:
        domains.setdefault(sample.domain, []).append(sample)
    for domain, rows in domains.items():
        if "depth" in modalities:
            some = _some([row for row in rows if row.bona_fide and _has_depth(row)])
            _once(_check_depth, domain, some, root, modality="depth")
        if "infrared" in modalities:
            some = _some([row for row in rows if _has_infrared(row)])
            _once(_check_infrared, domain, some, root, modality="infrared")


def _once(
    check: Callable[[str, list[Sample], Path], None], domain: str, rows: list[Sample], root: Path, *, modality: Modality
) -> None:
    """Look at the same files once: a verb reads its captures in several passes."""
    try:
        paths = [named_file(root, str(row.path(modality))) for row in rows]
        files = tuple((str(path), path.stat().st_mtime_ns, path.stat().st_size) for path in paths)
    except (OSError, ValueError):  # whoever reads it for use says what is wrong
        files = ()
    key = (modality, files, tuple((row.depth_unit, row.box) for row in rows))
    if files and key in _PASSED:
        return
    check(domain, rows, root)
    _PASSED.add(key)


def _some(rows: Sequence[Sample]) -> list[Sample]:
    if not rows:
        return []
    places = np.unique(np.linspace(0, len(rows) - 1, min(LOOKED_AT, len(rows))).round().astype(int))
    return [rows[place] for place in places.tolist()]


def _has_depth(sample: Sample) -> bool:
    return sample.depth is not None and sample.depth_encoding == "millimeters" and not in_array(sample.depth)


def _has_infrared(sample: Sample) -> bool:
    return sample.infrared is not None and sample.infrared_bits is None and not in_array(sample.infrared)


def _check_depth(domain: str, rows: Sequence[Sample], root: Path) -> None:
    found = [(row, looked) for row in rows if (looked := _look_at_depth(row, root)) is not None]
    distances = [looked.distance for _, looked in found if looked.distance is not None]
    if not distances:
        if found:
            _LOG.warning("domain %s: none of the %d depth images looked at holds a measured value", domain, len(found))
        return
    middle = float(np.median(distances))
    if not NEAREST <= middle <= FARTHEST:
        units = [unit for unit in _UNITS if _USUAL[0] <= middle * unit <= _USUAL[1]]
        guess = f"depth_unit = {units[0]:g} (millimeters of one stored value)" if units else "depth_unit"
        first = printable(named_file(root, str(found[0][0].depth)))
        _refuse(
            f"domain {domain}: faces at a depth of {middle:g} mm, in the middle of {len(distances)} captures looked "
            f"at, first {first}; plausible are {NEAREST:g} to {FARTHEST:g} mm",
            hint=f"is it another unit? Then add the column {guess} to the manifest",
            looked_at=len(distances),
        )
        return
    reliefs = [looked.relief for _, looked in found if looked.relief is not None]
    if middle >= _FAR and reliefs and np.median(reliefs) >= _DEEP:
        _LOG.warning(
            "domain %s: faces at %g mm that are %g mm deep: is depth in tenths of millimeters? Then add the column "
            "depth_unit = 0.1 to the manifest", domain, middle, float(np.median(reliefs)),
        )  # fmt: skip


def _look_at_depth(sample: Sample, root: Path) -> _Looked | None:
    try:
        depth = read_depth(named_file(root, str(sample.depth)), unit=sample.depth_unit)
    except BadInputError:
        return None  # whoever reads it for use says what is wrong
    return _Looked(face_distance(depth, box=sample.box), face_relief(depth, box=sample.box))


def _check_infrared(domain: str, rows: Sequence[Sample], root: Path) -> None:
    tops = [(row, top) for row in rows if (top := _largest(named_file(root, str(row.infrared)))) is not None]
    if not tops:
        return
    row, top = max(tops, key=lambda item: item[1])
    bits = next((bits for bits in _RANGES if top < 2**bits), 16)
    if top == 0:
        _LOG.warning("domain %s: the infrared images of %d captures looked at are black", domain, len(tops))
    if bits == 16 or top == 0:
        return
    message = (
        f"domain {domain}: 16-bit infrared whose largest value in {len(tops)} captures is {top}, in "
        f"{printable(named_file(root, str(row.infrared)))}: its sensor seems to give {bits} bits"
    )
    hint = f"add the column infrared_bits = {bits} to the manifest, or infrared_bits = 16 if it is right as it is"
    _refuse(message, hint=hint, looked_at=len(tops) if bits <= _TOO_FEW else 0)


def _refuse(message: str, *, hint: str, looked_at: int) -> None:
    """Refuse a domain where enough captures were looked at, else only say what seems wrong."""
    if looked_at >= _ENOUGH:
        raise BadInputError(message, hint=hint)
    _LOG.warning("%s; %s", message, hint)


def _largest(path: Path) -> int | None:
    """The largest value of a 16-bit gray picture; None of any other file."""
    try:
        with open_picture(path) as image:
            return int(np.asarray(image).max()) if image.mode.startswith("I") else None
    except Exception:  # decoders raise almost any type; whoever reads the picture for use says what is wrong
        return None
