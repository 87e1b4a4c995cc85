"""Purify the faces of one photo and put the changes back where the faces are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, UInt8

from facewarden.align import align_face, paste_change
from facewarden.core.roles import FaceLocation, Purifier, Recognizer
from facewarden.photos.aligned import embed_all, purify, to_images

_SEAM = 4
"""Pixels over which the change fades at the border of the crop, so that no edge is seen in the photo."""


@dataclass(frozen=True, eq=False)
class PurifiedPhoto:
    """A photo after its faces were purified.

    Attributes:
        pixels: `(h, w, 3)` uint8, untouched outside of the crops.
        identity: mean cosine between the faces before and after, None without a recognizer.
    """

    pixels: UInt8[np.ndarray, "h w 3"]
    identity: float | None


def purify_faces(
    photo: UInt8[np.ndarray, "h w 3"],
    faces: Sequence[FaceLocation],
    purifier: Purifier,
    *,
    recognizer: Recognizer | None = None,
) -> PurifiedPhoto:
    """Purify every face of a photo.

    The aligned crop is purified, and the photo is changed so that its crop becomes that, as nearly as possible. Photos
    in gray stay gray.

    Args:
        photo: upright pixels, not written into.
        faces: where to purify.
        purifier: applied to the aligned crops together.
        recognizer: compares the crops of the photo before and after.
    """
    crops = to_images(np.stack([align_face(photo, face.landmarks) for face in faces]))
    moved = ((purify(purifier, crops) - crops) * border()).permute(0, 2, 3, 1).double().numpy()
    gray = bool((photo == photo[..., :1]).all())
    pixels = photo
    for face, change in zip(faces, moved, strict=True):
        wanted = np.repeat(change.mean(axis=2, keepdims=True), 3, axis=2) if gray else change
        limit = float(np.abs(wanted).max())
        pixels = paste_change(pixels, wanted, face.landmarks, limit=limit, original=photo).photo
    if gray:  # rounding is the same in all channels, but nothing may depend on it
        pixels = np.repeat(pixels[..., :1], 3, axis=2)
    if recognizer is None:
        return PurifiedPhoto(pixels, None)
    after = to_images(np.stack([align_face(pixels, face.landmarks) for face in faces]))
    cosine = (embed_all(recognizer, crops) * embed_all(recognizer, after)).sum(axis=1)
    return PurifiedPhoto(pixels, float(cosine.mean()))


def border() -> Float[torch.Tensor, "112 112"]:
    """Weight of the change: 1 inside of the crop, falling to 0 at its border."""
    line = torch.arange(112.0)
    ramp = (torch.minimum(line + 1, 112 - line) / (_SEAM + 1)).clamp(max=1.0)
    return torch.minimum(ramp[:, None], ramp[None, :])
