"""Measures a cloak on the stored file: visible change, and embedding shift for every recognizer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from jaxtyping import UInt8

from facewarden.align import align_face
from facewarden.core.roles import FaceLocation, Recognizer
from facewarden.nn.ssim import dssim
from facewarden.photos.aligned import embed_all, to_images
from facewarden.photos.similarity import likeness


def measure_photo(
    before: UInt8[np.ndarray, "h w 3"],
    after: UInt8[np.ndarray, "h w 3"],
    faces: Sequence[FaceLocation],
    *,
    models: Mapping[str, Recognizer],
) -> dict[str, int | float]:
    """Compare a photo with its cloaked copy.

    Args:
        before, after: upright pixels.
        faces: where the faces are; both photos are aligned by the same landmarks.
        models: name -> recognizer.

    Returns:
        `faces`, their number; `psnr` in dB and `ssim` of the whole photo; `ssim_face`, of the aligned crops; and
        `shift_NAME`, one minus the cosine between the clean and the cloaked crop. Means over the faces.
    """
    clean = to_images(np.stack([align_face(before, face.landmarks) for face in faces]))
    cloaked = to_images(np.stack([align_face(after, face.landmarks) for face in faces]))
    with torch.no_grad():
        inside = 1 - 2 * float(dssim(clean, cloaked).mean())
    psnr, whole = likeness(before, after)
    measures: dict[str, int | float] = {
        "faces": len(faces),
        "psnr": psnr,
        "ssim": whole,
        "ssim_face": inside,
    }
    for name, model in models.items():
        cosine = (embed_all(model, clean) * embed_all(model, cloaked)).sum(axis=1)
        measures[f"shift_{name}"] = float(1 - cosine.mean())
    return measures
