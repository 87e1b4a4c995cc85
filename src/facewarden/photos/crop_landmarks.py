"""The five landmarks of faces that are already aligned: how far each turns away from the template."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from facewarden.align import arcface_template, face_transform
from facewarden.core.resolve import resolve_aligner
from facewarden.core.roles import Aligner

Points = Sequence[tuple[float, float]]
_NEAR = 12.0
"""Pixels from the template, in the mean, beyond which what was found is no landmark of this face."""


def crop_landmarks(crops: NDArray[np.uint8], *, aligner: str = "yunet") -> Float[Tensor, "b 5 2"]:
    """Find the landmarks of aligned crops; where no face is found, those of the template.

    Args:
        crops: `(b, 112, 112, 3)` uint8 RGB.
        aligner: the face finder.

    Raises:
        MissingAssetError: its weights are not fetched.
    """
    return torch.tensor(np.stack([_one(crop, aligner) for crop in crops]), dtype=torch.float32)


def in_crops(points: Sequence[Points]) -> Float[Tensor, "b 5 2"]:
    """Where the landmarks of photos lie in the crops that are aligned by them.

    Args:
        points: five (x, y) in pixels of the photo, for each face.
    """
    moved = []
    for face in points:
        matrix, five = face_transform(face), np.array(face, dtype=np.float64)
        moved.append(five @ matrix[:, :2].T + matrix[:, 2])
    return torch.tensor(np.stack(moved), dtype=torch.float32)


def _one(crop: NDArray[np.uint8], aligner: str) -> NDArray[np.float64]:
    template = arcface_template(len(crop))
    faces = [np.array(face.landmarks, dtype=np.float64) for face in _finder(aligner).locate(crop)]
    near = [face for face in faces if np.linalg.norm(face - template, axis=1).mean() <= _NEAR * len(crop) / 112]
    return near[0] if near else template


@lru_cache(maxsize=2)
def _finder(aligner: str) -> Aligner:
    return resolve_aligner(aligner)
