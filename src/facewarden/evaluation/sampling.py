"""Samples of a manifest that an experiment measures on or learns from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from facewarden.core.seeding import derive
from facewarden.data.manifest import Manifest
from facewarden.data.sample import Sample


def balanced_samples(manifest: Manifest, count: int, *, seed: int) -> list[Sample]:
    """Draw up to `count` samples, half of each class where there are enough."""
    chosen: list[Sample] = []
    for label in (1, 0):
        rows = [sample for sample in manifest if sample.label == label]
        order = np.random.default_rng(derive(seed, "balanced", label)).permutation(len(rows))
        chosen += [rows[i] for i in order[: max(1, count // 2)].tolist()]
    return chosen


def halves(subjects: Sequence[str], *, seed: int) -> NDArray[np.int64]:
    """Which half each sample belongs to, 0 or 1, by its subject; the halves differ by at most one subject.

    Args:
        subjects: `(n,)` who is on each sample.
        seed: decides who goes where.
    """
    order = sorted(set(subjects), key=lambda subject: derive(seed, "half", subject))
    half = {subject: place % 2 for place, subject in enumerate(order)}
    return np.array([half[subject] for subject in subjects], np.int64)
