"""Paste a change of the aligned crop back into the photo, so that aligning the photo again reproduces it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, UInt8
from numpy.typing import NDArray
from torch import Tensor

from facewarden.align.parts.least_squares import bounded_least_squares
from facewarden.align.parts.sampling import Sampling
from facewarden.align.parts.template import CROP_SIZE
from facewarden.align.parts.warp import align_face
from facewarden.core.errors import BadInputError

_CENTER, _AXES, _FEATHER = (56.0, 64.0), (47.0, 60.0), 0.12


@dataclass(frozen=True, eq=False)
class Pasted:
    """A changed photo, and the share of the change that alignment reproduces.

    Attributes:
        photo: `(h, w, 3)` uint8.
        gain: component of what arrives in a crop aligned again along what was wanted; 1 is all of it.
        residual: length of what arrives less what was wanted, in units of what was wanted.
    """

    photo: NDArray[np.uint8]
    gain: float
    residual: float


def face_region() -> Float[np.ndarray, "112 112"]:
    """Return the weight of the face in the aligned crop: 1 inside an oval from brow to chin, falling to 0 around it."""
    rows, columns = np.mgrid[:CROP_SIZE, :CROP_SIZE]
    radius = np.hypot((columns - _CENTER[0]) / _AXES[0], (rows - _CENTER[1]) / _AXES[1])
    weight: NDArray[np.float64] = np.clip((1.0 - radius) / _FEATHER, 0.0, 1.0)
    return weight


def paste_change(
    photo: UInt8[np.ndarray, "h w 3"],
    change: Float[np.ndarray, "112 112 3"],
    landmarks: Sequence[tuple[float, float]],
    *,
    limit: float,
    original: UInt8[np.ndarray, "h w 3"] | None = None,
) -> Pasted:
    """Change a photo within a bound so that its aligned crop changes as asked, as nearly as possible.

    Adding the enlarged change is not enough: alignment averages photo pixels, which weakens what is fine. So the photo
    pixels are found by least squares through the alignment itself, within the bound and the pixel range, by accelerated
    projected gradient steps. Only pixels that the changed part of the crop depends on are touched.

    Args:
        photo: what to change; it is not written into.
        change: wanted difference of the crop, in units of the [0, 1] pixel range.
        landmarks: of the face in the photo, as for `align_face`.
        limit: largest change of a value of the photo, in the same units.
        original: what the limit counts from, where another face of the photo has been changed before.

    Raises:
        BadInputError: a limit below 0, or landmarks that are no face.

    Source: `facewarden.align.parts.least_squares`.
    """
    if not 0.0 <= limit <= 1.0:
        raise BadInputError(f"the limit is a part of the pixel range, got {limit}", hint="limit=8/255")
    sampling = Sampling((photo.shape[0], photo.shape[1]), landmarks)
    where = (sampling.rows, sampling.columns)
    now, wanted = _unit(photo[where]), torch.from_numpy(change.astype(np.float32))
    base = now if original is None else _unit(original[where])
    if all(bool((values == values[..., :1]).all()) for values in (now, base, wanted)):
        now, base, wanted = now[..., :1], base[..., :1], wanted[..., :1]  # three equal channels need one solution
    touched = sampling.adjoint((wanted.abs().amax(dim=2, keepdim=True) > 0).float()) > 0
    low = torch.where(touched, (base - limit).clamp(min=0.0) - now, 0.0)
    high = torch.where(touched, (base + limit).clamp(max=1.0) - now, 0.0)
    solution = bounded_least_squares(sampling, wanted, low, high)
    result = photo.copy()
    result[where] = ((now + solution) * 255).round().clamp(0, 255).to(torch.uint8).numpy()
    arrived = align_face(result, landmarks).astype(np.float64) - align_face(photo, landmarks)
    target = change.astype(np.float64) * 255
    energy = float((target**2).sum())
    if energy == 0:
        return Pasted(result, 1.0, 0.0)
    return Pasted(
        result, float((arrived * target).sum()) / energy, float(np.sqrt(((arrived - target) ** 2).sum() / energy))
    )


def _unit(pixels: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(pixels.astype(np.float32) / 255)
