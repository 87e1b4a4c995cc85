"""What photos and captures hold, as a hash of their bytes: a path or a date does not tell what a file holds."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterable
from pathlib import Path

from facewarden.core.labels import MODALITIES, SPLITS
from facewarden.data.arrays import array_file, in_array
from facewarden.data.datasets.parts.base import FacePhoto
from facewarden.data.manifest import Manifest


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
        return b"absent"
