"""Cloak the faces of several photos together and put the changes back where the faces are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from numpy.typing import NDArray
from torch import Tensor

from facewarden.align import align_face, face_region, paste_change
from facewarden.core.compute.finite import vectors_of
from facewarden.core.errors import NotFiniteError
from facewarden.core.objective import Images, Objective, TransformedObjective
from facewarden.core.roles import FaceLocation, Recognizer
from facewarden.core.seeding import derive
from facewarden.photos.aligned import to_images
from facewarden.photos.cloak_attack import CloakMethod
from facewarden.photos.cloak_detector import CloakDetector
from facewarden.photos.crop_landmarks import Points, in_crops

Goal = Callable[..., Objective]
"""`goal(clean, keys=..., landmarks=...)`: the objective of the cloak on aligned crops."""


@dataclass(frozen=True, eq=False)
class FoundFaces:
    """A photo in which faces were found.

    Attributes:
        path, name: of the file, and its name in tables.
        target: file of the result.
        sha256: of the file as it was read.
        pixels: `(h, w, 3)` uint8, upright.
        faces: where.
    """

    path: Path
    name: str
    target: Path
    sha256: str
    pixels: UInt8[np.ndarray, "h w 3"]
    faces: tuple[FaceLocation, ...]


@dataclass(frozen=True, eq=False)
class CloakedPhoto:
    """A photo with its new pixels.

    Attributes:
        photo: as it was.
        pixels: `(h, w, 3)` uint8; None where a recognizer gave no vector of one of its faces, clean or on the way.
        gain: how much of the cloak arrives in a crop that is aligned again, mean over the faces.
        likelihood: that its most suspicious face had been cloaked before.
    """

    photo: FoundFaces
    pixels: UInt8[np.ndarray, "h w 3"] | None
    gain: float = 0.0
    likelihood: float = 0.0


def cloak_photos(
    photos: Sequence[FoundFaces], method: CloakMethod, goal: Goal, models: Iterable[Recognizer], *,
    detector: CloakDetector, seed: int,
) -> list[CloakedPhoto]:  # fmt: skip
    """Cloak every face, all of them together; a face without a vector costs its photo and no other.

    Args:
        photos: with their faces.
        method: the attack and its budget.
        goal: makes the objective.
        models: surrogates.
        detector: tells what was cloaked before.
        seed: of random starts.
    """
    try:
        return _cloaked(photos, method, goal, detector=detector, seed=seed)
    except NotFiniteError:  # of a clean face: looked for only where there is one
        seen = [_seen(photo, models) for photo in photos]
        if all(seen):
            raise
    rest = [photo for photo, known in zip(photos, seen, strict=True) if known]
    made = iter(_cloaked(rest, method, goal, detector=detector, seed=seed))
    return [next(made) if known else CloakedPhoto(photo, None) for photo, known in zip(photos, seen, strict=True)]


def _seen(photo: FoundFaces, models: Iterable[Recognizer]) -> bool:
    """Whether every network gives a vector of every face."""
    crops = to_images(np.stack([align_face(photo.pixels, face.landmarks) for face in photo.faces]))
    return all(bool(torch.isfinite(vectors_of(model, crops)).all()) for model in models)


def _cloaked(
    photos: Sequence[FoundFaces], method: CloakMethod, goal: Goal, *, detector: CloakDetector, seed: int
) -> list[CloakedPhoto]:
    if not photos:
        return []
    crops = np.stack([align_face(photo.pixels, face.landmarks) for photo in photos for face in photo.faces])
    keys = [f"{photo.name}#{number}" for photo in photos for number in range(len(photo.faces))]
    points = [face.landmarks for photo in photos for face in photo.faces]
    found, gone = _changes(method, goal, crops, keys, points, seed=seed)
    changes, lost = iter(found), iter(gone)
    likelihoods = iter(detector(to_images(crops)))
    return [_pasted(photo, [(next(changes), next(lost), float(next(likelihoods))) for _ in photo.faces], method)
            for photo in photos]  # fmt: skip


def _pasted(
    photo: FoundFaces, made: Sequence[tuple[NDArray[np.float64], bool, float]], method: CloakMethod
) -> CloakedPhoto:
    likelihood = max(likely for _, _, likely in made)
    if any(lost for _, lost, _ in made):
        return CloakedPhoto(photo, None, likelihood=likelihood)
    pixels, gains = photo.pixels, []
    gray = bool((photo.pixels == photo.pixels[..., :1]).all())
    for face, (wanted, _, _) in zip(photo.faces, made, strict=True):
        change = np.repeat(wanted.mean(axis=2, keepdims=True), 3, axis=2) if gray else wanted
        pasted = paste_change(pixels, change, face.landmarks, limit=method.eps / 255, original=photo.pixels)
        pixels = pasted.photo
        gains.append(pasted.gain)
    return CloakedPhoto(photo, pixels, float(np.mean(gains)), likelihood)


def _changes(
    method: CloakMethod, goal: Goal, crops: NDArray[np.uint8], keys: list[str], points: Sequence[Points], *, seed: int
) -> tuple[list[NDArray[np.float64]], list[bool]]:
    """What to add to every aligned crop, inside the face only, and which of them a network gave no vector."""
    clean = to_images(crops)
    region = torch.from_numpy(face_region()).float()

    def masked(images: Images) -> Images:
        return {"rgb": clean + region * (images["rgb"] - clean)}

    landmarks = in_crops(points) if method.attack.wants_landmarks else None
    found = method.attack(
        TransformedObjective(goal(clean, keys=keys, landmarks=landmarks), masked),
        method.threat,
        seed=derive(seed, "cloak"),
    )
    moved: Tensor = masked(found.images)["rgb"] - clean
    return list(moved.permute(0, 2, 3, 1).double().numpy()), found.lost.tolist()
