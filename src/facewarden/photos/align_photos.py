"""Aligned faces from the photos of a dataset."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np

from facewarden.core.errors import BadInputError
from facewarden.core.progress import track
from facewarden.core.roles import Aligner
from facewarden.data.datasets import Dataset, FacePhoto
from facewarden.data.text import counted_reasons, printable
from facewarden.photos.aligned import AlignedFaces
from facewarden.photos.find_faces import FindJob, find_faces

_LOG = logging.getLogger("facewarden")
_NAMED = 5


def align_photos(
    dataset: Dataset, photos: Sequence[FacePhoto], *, aligner: str | Aligner, workers: int = 1
) -> AlignedFaces:
    """Read, locate and align photos; unusable photos are counted by reason, and some are named in the log.

    Args:
        dataset: where the photos are from.
        photos: which of them.
        aligner: the face finder, by its name where there are workers; the largest face is taken, since a gallery photo
            is of one person.
        workers: processes; all cores when 0. The result does not depend on it.

    Raises:
        BadInputError: no photo at all could be used, or the aligner refuses one.
    """
    crops, people, keys = [], [], []
    unusable: dict[str, list[str]] = {}
    looks = find_faces([photo.path for photo in photos], FindJob(aligner), workers=workers)
    for photo, look in zip(photos, track(looks, label="aligning", total=len(photos), unit="photos"), strict=True):
        if look.refused is not None:
            raise look.refused
        if look.crop is None:
            unusable.setdefault(look.unread or "no face found", []).append(printable(photo.key))
            continue
        crops.append(look.crop)
        people.append(photo.identity)
        keys.append(photo.key)
    for reason, lost in unusable.items():
        more = f" and {len(lost) - _NAMED} more" if len(lost) > _NAMED else ""
        _LOG.warning("%s: %d x %s: %s%s", dataset.name, len(lost), reason, ", ".join(lost[:_NAMED]), more)
    skipped = {reason: len(lost) for reason, lost in unusable.items()}
    if not crops:
        raise BadInputError(
            f"no face could be used of {len(photos)} photos: {counted_reasons(skipped)}", hint="facewarden data check"
        )
    return AlignedFaces(np.stack(crops), tuple(people), tuple(keys), dataset.name, dataset.simulated, skipped)
