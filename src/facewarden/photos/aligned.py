"""Aligned faces for recognizers: from photos of a dataset, or rendered by the simulator."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facewarden.core.errors import BadInputError
from facewarden.core.roles import Purifier, Recognizer
from facewarden.core.seeding import derive
from facewarden.data.content import without_repeats
from facewarden.data.datasets import FacePhoto

_LOG = logging.getLogger("facewarden")


@dataclass(frozen=True, eq=False)
class AlignedFaces:
    """112x112 crops of people.

    Attributes:
        crops: `(n, 112, 112, 3)` uint8 RGB.
        person: `(n,)` who, an opaque id.
        key: one name per crop.
        source: the set's name.
        simulated: whether the faces were drawn by the simulator.
        skipped: reason -> how many photos were left out.
    """

    crops: NDArray[np.uint8]
    person: tuple[str, ...]
    key: tuple[str, ...]
    source: str
    simulated: bool
    skipped: Mapping[str, int]

    def __len__(self) -> int:
        return len(self.key)

    def by_person(self) -> dict[str, list[int]]:
        """Row numbers of every person, people in sorted order."""
        rows: dict[str, list[int]] = {}
        for row, person in enumerate(self.person):
            rows.setdefault(person, []).append(row)
        return dict(sorted(rows.items()))

    def images(self, rows: Sequence[int]) -> Tensor:
        """Crops as `(len(rows), 3, 112, 112)` floats in [0, 1]."""
        return to_images(self.crops[list(rows)])


def to_images(crops: NDArray[np.uint8]) -> Tensor:
    """Eight-bit `(n, h, w, 3)` to float `(n, 3, h, w)` in [0, 1]."""
    return torch.from_numpy(np.ascontiguousarray(crops)).permute(0, 3, 1, 2).float() / 255


def to_crops(images: Tensor) -> NDArray[np.uint8]:
    """Float `(n, 3, h, w)` in [0, 1] to eight-bit `(n, h, w, 3)`."""
    return np.asarray((images * 255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy())


def choose_people(
    photos: Sequence[FacePhoto],
    *,
    people: int,
    at_least: int,
    at_most: int,
    seed: int,
    left_out: Counter[str] | None = None,
) -> tuple[FacePhoto, ...]:
    """Choose people who have enough photos, and some of the photos of each, by seed.

    Photos that repeat another one byte for byte do not count, which is logged.

    Args:
        photos: of a set.
        people: at most so many.
        at_least, at_most: photos of each.
        seed: of the choice.
        left_out: receives reason -> how many photos of chosen people are not taken, and how many are repeated.

    Raises:
        BadInputError: fewer than two people have enough.
    """
    by_person: dict[str, list[FacePhoto]] = {photo.identity: [] for photo in photos}
    different, repeated = without_repeats(photos)
    for what, count in repeated.items():
        _LOG.warning("%d x %s: left out", count, what)
    for photo in different:
        by_person.setdefault(photo.identity, []).append(photo)
    enough = sorted(person for person, photos_of_person in by_person.items() if len(photos_of_person) >= at_least)
    if len(enough) < 2:
        raise BadInputError(
            f"only {len(enough)} of {len(by_person)} people have {at_least} photos or more",
            hint="a set with several photos of each person: facewarden data check",
        )
    draw = np.random.default_rng(derive(seed, "people"))
    chosen = sorted(draw.permutation(enough)[:people].tolist())
    picked: list[FacePhoto] = []
    for person in chosen:
        photos_of_person = sorted(by_person[person], key=lambda photo: photo.key)
        order = np.random.default_rng(derive(seed, "photos", person)).permutation(len(photos_of_person))[:at_most]
        picked += [photos_of_person[i] for i in sorted(order.tolist())]
    if left_out is not None:
        beyond = sum(len(by_person[person]) for person in chosen) - len(picked)
        left_out.update({**repeated, **({f"photo beyond {at_most} of a person": beyond} if beyond else {})})
    return tuple(picked)


def embed_all(recognizer: Recognizer, images: Tensor, *, batch: int = 32) -> NDArray[np.float32]:
    """Embed many crops without gradients; `(n, d)` unit vectors."""
    with torch.inference_mode():
        parts = [recognizer.embed(chunk).float().numpy() for chunk in torch.split(images, batch)]
    return np.concatenate(parts).astype(np.float32)


def purify(purifier: Purifier, images: Tensor, *, batch: int = 16) -> Tensor:
    """Purify crops, a batch at a time, and round them to eight bits, as a stored photo is."""
    with torch.no_grad():
        parts = [torch.round(purifier(part) * 255) / 255 for part in torch.split(images, batch)]
    return torch.cat(parts)
