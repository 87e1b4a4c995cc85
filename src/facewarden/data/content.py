"""What photos and captures hold, as a hash of their bytes: a path or a date does not tell what a file holds."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from facewarden.core.labels import MODALITIES, SPLITS
from facewarden.data.arrays import array_file, in_array
from facewarden.data.datasets.parts.base import FacePhoto
from facewarden.data.manifest import Manifest

_ABSENT = b"absent"


def file_digest(path: Path) -> bytes:
    """The SHA-256 of an image's file and, inside an array file, of the place, since that file holds many.

    Raises:
        OSError: it cannot be read.
    """
    with array_file(path).open("rb") as file:
        held = hashlib.file_digest(file, "sha256")
    if in_array(path):
        held.update(os.fsencode(str(path).partition("#")[2]))
    return held.digest()


def photos_hash(photos: Iterable[FacePhoto]) -> str:
    """A hash of photos: their keys, whose they are, where landmarks were given, and their bytes."""
    return _hash((f"{photo.key}\0{photo.identity}\0{photo.landmarks!r}", photo.path) for photo in photos)


REPEATED = "photo that repeats another one of the same person, byte for byte"
SHARED = "photo that stands under two people, byte for byte"


def without_repeats(photos: Sequence[FacePhoto]) -> tuple[tuple[FacePhoto, ...], dict[str, int]]:
    """Leave out photos of the same bytes: compared with itself, a photo is found by any recognizer.

    Args:
        photos: of a set.

    Returns:
        The photos, in order: of several of one person the first, and none that stands under two people, since nobody
        can tell whose it is. And reason -> how many are left out.
    """
    left_out: dict[int, str] = {}
    for places in same_bytes(photos):
        if len({photos[place].identity for place in places}) > 1:
            left_out |= dict.fromkeys(places, SHARED)
        else:
            left_out |= dict.fromkeys(places[1:], REPEATED)
    kept = tuple(photo for place, photo in enumerate(photos) if place not in left_out)
    return kept, dict(Counter(left_out.values()))


def same_bytes(photos: Sequence[FacePhoto]) -> list[list[int]]:
    """Places of the photos whose files hold the same bytes: a group for each such file, in order.

    A file that cannot be read is in no group; whoever opens it says what is wrong.
    """
    by_size: dict[int, list[int]] = {}
    for place, photo in enumerate(photos):
        by_size.setdefault(_size(photo.path), []).append(place)
    groups: dict[bytes, list[int]] = {}
    for places in by_size.values():
        for place in places if len(places) > 1 else ():  # files of other sizes are other files
            digest = _digest_or_absent(photos[place].path)
            if digest != _ABSENT:
                groups.setdefault(digest, []).append(place)
    return [places for places in groups.values() if len(places) > 1]


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1


def captures_hash(manifest: Manifest, *, splits: Collection[str] = SPLITS) -> str:
    """A hash of captures: every column of every row, and the bytes of the images.

    Args:
        manifest: the captures.
        splits: whose images are read.
    """
    rows = "\n".join(map(repr, manifest))
    images = (
        (name, path)
        for sample in manifest
        if sample.split in splits
        for name in MODALITIES
        if (path := manifest.path(sample, name)) is not None
    )
    return _hash(images, head=rows)


def _hash(named: Iterable[tuple[str, Path]], *, head: str = "") -> str:
    whole = hashlib.sha256(head.encode())
    known: dict[Path, bytes] = {}  # an array file holds many captures and is read once
    for name, path in named:
        file = array_file(path)
        if file not in known:
            known = {file: _digest_or_absent(file)}
        place = os.fsencode(str(path).partition("#")[2])
        whole.update(name.encode("utf-8", "surrogateescape") + b"\0" + known[file] + place + b"\0")
    return whole.hexdigest()


def _digest_or_absent(path: Path) -> bytes:
    try:
        return file_digest(path)
    except OSError:  # counted as unreadable by whoever reads it; that it was so decides the result too
        return _ABSENT
