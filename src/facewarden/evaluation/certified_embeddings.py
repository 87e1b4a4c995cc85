"""How far the smoothed embeddings of photos can move, and which photos provably go on matching themselves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float
from torch import Tensor

from facewarden.core.progress import track
from facewarden.core.roles import Recognizer
from facewarden.evaluation.noisy_copies import noisy_vectors
from facewarden.metrics.center_smoothing import center_of, moved_at_most
from facewarden.metrics.checked import Floats
from facewarden.metrics.intervals import Interval, mean_by_subject


@dataclass(frozen=True, eq=False)
class CertifiedEmbeddings:
    """Bounds of the distance between the smoothed embedding of a photo and that of the changed photo.

    Attributes:
        key, subject: of the photos, `(n,)`.
        radii: Euclidean lengths of the changes.
        moved: `(n, len(radii))` bounds in Euclidean distance of unit vectors; infinite where nothing is proven.
        kept: by radius, share of photos whose embedding provably goes on matching the one of the unchanged photo.
        threshold: cosine similarity from which two embeddings match.
        skipped: reason -> how many photos have no certificate.
    """

    key: tuple[str, ...]
    subject: tuple[str, ...]
    radii: tuple[float, ...]
    moved: Floats
    kept: tuple[Interval, ...]
    threshold: float
    skipped: dict[str, int] = field(default_factory=dict)


def certify_embeddings(
    recognizer: Recognizer,
    faces: Sequence[Float[Tensor, "3 112 112"]],
    *,
    keys: Sequence[str],
    subjects: Sequence[str],
    threshold: float,
    radii: Sequence[float],
    sigma: float,
    copies: int = 100,
    alpha: float = 0.001,
    seed: int = 0,
    batch: int = 32,
) -> CertifiedEmbeddings:
    """Certify smoothed embeddings of aligned faces.

    Args:
        recognizer: that embeds.
        faces, keys, subjects: aligned crops in [0, 1], with names of their own, and who they show.
        threshold: cosine similarity from which two embeddings match.
        radii: Euclidean lengths of changes, in units of the image.
        sigma: standard deviation of the noise.
        copies: noisy copies that choose a center, and as many again that prove how far it moves.
        alpha: chance that a bound does not hold.
        seed: of the noise.
        batch: copies embedded at once.
    """
    kept_keys: list[str] = []
    people: list[str] = []
    rows: list[list[float]] = []
    skipped: dict[str, int] = {}
    for face, key, subject in track(
        list(zip(faces, keys, subjects, strict=True)), label="certifying", total=len(keys), unit="photos"
    ):
        first, second = (
            noisy_vectors(
                recognizer, face, key=key, copies=copies, sigma=sigma, purpose=purpose, seed=seed, batch=batch
            )
            for purpose in ("center", "prove")
        )
        if not (np.isfinite(first).all() and np.isfinite(second).all()):
            reason = "a copy has an embedding that is NaN, infinite or zero"
            skipped[reason] = skipped.get(reason, 0) + 1
            continue
        apart = np.linalg.norm(second.astype(np.float64) - first[center_of(first)].astype(np.float64), axis=1)
        rows.append([
            moved_at_most(apart, first=copies, radius=radius, sigma=sigma, alpha=alpha) for radius in radii
        ])  # fmt: skip
        kept_keys.append(key)
        people.append(subject)
    moved = np.array(rows, np.float64).reshape(len(rows), len(radii))
    # unit vectors: cosine similarity c is a distance of sqrt(2 - 2 c)
    within = moved <= math.sqrt(max(0.0, 2 - 2 * threshold))
    kept = tuple(mean_by_subject(column.astype(np.float64), np.array(people), seed=seed) for column in within.T)
    return CertifiedEmbeddings(tuple(kept_keys), tuple(people), tuple(radii), moved, kept, threshold, skipped)
