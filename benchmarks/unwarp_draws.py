"""Drawn warps of natural faces, and what else happens to a photo: what `unwarp_fit.py` learns from."""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from facewarden.attacks.warp import Warp
from facewarden.nn.displacement import SIDE, sample_at, sample_finely
from facewarden.photos.aligned import to_crops, to_images
from facewarden.training.edits import KINDS_LEARNED, edited

NATURAL = 0.2
"""Share of the faces that are not moved."""
_LARGE = 3


def drawn(
    crops: NDArray[np.uint8],
    rng: np.random.Generator,
    *,
    natural: float = NATURAL,
    varied: bool = True,
    finely: float = 0.0,
) -> tuple[Float[Tensor, "b 3 112 112"], Float[Tensor, "b 2 112 112"]]:
    """Faces with drawn warps as they are stored, in eight bits, and the moves in pixels.

    Args:
        crops: natural aligned faces `(b, 112, 112, 3)`.
        rng: draws all.
        natural: share of the faces that are not moved.
        varied: mirror, align otherwise, sample bicubically and edit at times.
        finely: share of the calls that sample the faces at three times their size, so that the sampling leaves
            little trace of its own: such warps are told by the shape of the face.
    """
    faces = to_images(crops)
    moves = torch.cat([_warp(rng) if rng.random() >= natural else torch.zeros(1, 2, SIDE, SIDE) for _ in crops])
    if not varied:
        return _stored(sample_at(faces, moves)), moves
    for row in range(len(faces)):
        if rng.random() < 0.5:
            faces[row] = faces[row].flip(2)
    pose = torch.cat([_pose(rng) if rng.random() < 0.5 else torch.zeros(1, 2, SIDE, SIDE) for _ in crops])
    mode = "bicubic" if rng.random() < 0.2 else "bilinear"
    places = moves + sample_at(pose, moves)
    seen = sample_finely(faces, places, times=_LARGE) if _chance(rng, finely) else sample_at(faces, places, mode=mode)
    seen = seen.clamp(0.0, 1.0)
    return _stored(torch.stack([_photo(face, rng) for face in seen])), moves


def _warp(rng: np.random.Generator) -> Tensor:
    """One field of moves: evenly drawn points, or points near their ends, as optimized warps have them."""
    grid = 8 if rng.random() < 0.6 else int(rng.integers(4, 14))
    field = rng.uniform(-1, 1, (1, 2, grid, grid))
    if rng.random() < 0.5:
        field = np.sign(field) * rng.uniform(0.6, 1.0, field.shape)
    pixels = 2.5 if rng.random() < 0.4 else float(rng.uniform(1.0, 4.5))
    return Warp(pixels=pixels, grid=grid).displacement(torch.from_numpy(field).float(), SIDE, SIDE)


def _pose(rng: np.random.Generator) -> Tensor:
    """Another alignment: a small turn, a change of size and a shift."""
    turn, size, across, down = math.radians(rng.normal(0, 2)), 1 + rng.normal(0, 0.02), *rng.normal(0, 1, 2)
    places = torch.linspace(-1.0, 1.0, SIDE) * (SIDE - 1) / 2
    x, y = places.expand(SIDE, -1), places[:, None].expand(-1, SIDE)
    new_x = size * (math.cos(turn) * x - math.sin(turn) * y) + across
    new_y = size * (math.sin(turn) * x + math.cos(turn) * y) + down
    return torch.stack([new_x - x, new_y - y])[None].float()


def _chance(rng: np.random.Generator, share: float) -> bool:
    """True so often; what is never so takes no draw."""
    return share > 0 and bool(rng.random() < share)


def _photo(face: Tensor, rng: np.random.Generator) -> Tensor:
    """At times one ordinary edit, of the strengths that detectors of cloaks learn from."""
    if rng.random() < 0.5:
        return face
    family = str(rng.choice(sorted(KINDS_LEARNED)))
    strength = float(rng.choice(KINDS_LEARNED[family]))
    return to_images(edited(to_crops(face[None])[0], family, strength, seed=int(rng.integers(2**31)))[None])[0]


def _stored(images: Tensor) -> Tensor:
    return torch.round(images.clamp(0.0, 1.0) * 255) / 255
