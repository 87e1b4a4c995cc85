"""Samples of a manifest that an experiment measures on or learns from."""

from __future__ import annotations

import numpy as np

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
