"""Which photos of a set are compared with which: those of its official list, or everybody with everybody."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from facewarden.data.content import same_bytes, without_repeats
from facewarden.data.datasets import Dataset, FacePhoto
from facewarden.data.datasets.lfw import Lfw
from facewarden.data.own.photo_lists import OwnPairs


@dataclass(frozen=True)
class PhotoPairs:
    """What is compared.

    Attributes:
        photos: of the set.
        pairs: the official ones, as row numbers; without those everybody is compared with everybody.
        left_out: reason -> how many photos are compared with none, or how many pairs of a list are not compared.
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
        return _own(dataset)
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


ITSELF = "pair of a photo with itself, byte for byte"
TWICE = "pair that stands in the list before"
UNCLEAR = "pair with a photo that stands under two people, byte for byte"


def _own(listed: OwnPairs) -> PhotoPairs:
    """The pairs of a person's own list, each once, and none of a photo with itself: any recognizer finds that."""
    place = np.arange(len(listed.photos))
    unclear: set[int] = set()
    for group in same_bytes(listed.photos):
        place[group] = group[0]  # it stands for all of them
        if len({listed.photos[row].identity for row in group}) > 1:
            unclear.add(group[0])
    left_out: Counter[str] = Counter()
    pairs: dict[tuple[int, int], tuple[int, int]] = {}
    for first, second in zip(listed.first, listed.second, strict=True):
        pair = int(min(place[first], place[second])), int(max(place[first], place[second]))
        if unclear.intersection(pair):
            left_out[UNCLEAR] += 1
        elif pair[0] == pair[1]:
            left_out[ITSELF] += 1
        elif pair in pairs:
            left_out[TWICE] += 1
        else:
            pairs[pair] = first, second
    rows = np.array(list(pairs.values()), dtype=np.int64).reshape(-1, 2)
    return PhotoPairs(listed.photos, OfficialPairs(rows[:, 0], rows[:, 1], None, 0), dict(left_out))
