"""Which photos of a set are compared with which: those of its official list, or everybody with everybody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from facewarden.data.content import without_repeats
from facewarden.data.datasets import Dataset, FacePhoto
from facewarden.data.datasets.lfw import Lfw
from facewarden.data.own.photo_lists import OwnPairs


@dataclass(frozen=True)
class PhotoPairs:
    """What is compared.

    Attributes:
        photos: of the set.
        pairs: the official ones, as row numbers; without those everybody is compared with everybody.
        left_out: reason -> how many photos are compared with none.
    """

    photos: tuple[FacePhoto, ...]
    pairs: OfficialPairs | None = None
    left_out: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class OfficialPairs:
    """Row numbers of the photos of each pair, its fold where there are folds, and how many pairs lack a photo."""

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    folds: NDArray[np.int64] | None
    missing: int


def pairs_of(dataset: Dataset | OwnPairs) -> PhotoPairs:
    """The official list of LFW, or a person's own list; of any other set, everybody against everybody."""
    if isinstance(dataset, OwnPairs):
        first, second = (np.array(rows, dtype=np.int64) for rows in (dataset.first, dataset.second))
        return PhotoPairs(dataset.photos, OfficialPairs(first, second, None, 0))
    if isinstance(dataset, Lfw):
        official = dataset.pairs()
        photos = {photo.key: photo for pair in official.pairs for photo in (pair.first, pair.second)}
        row = {key: place for place, key in enumerate(photos)}
        return PhotoPairs(
            tuple(photos.values()),
            OfficialPairs(
                np.array([row[pair.first.key] for pair in official.pairs], dtype=np.int64),
                np.array([row[pair.second.key] for pair in official.pairs], dtype=np.int64),
                np.array([pair.fold for pair in official.pairs], dtype=np.int64),
                official.missing,
            ),
        )
    different, left_out = without_repeats(dataset.photos())
    return PhotoPairs(different, left_out=left_out)
