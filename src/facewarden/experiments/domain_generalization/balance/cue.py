"""A positive control: one sensor of the sources shows the class in a corner, and tells nothing at the target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from facewarden.core.labels import Modality
from facewarden.core.seeding import derive
from facewarden.data.sample import Sample
from facewarden.experiments.domain_generalization.crop_store import CropStore

_CORNER = 5
_LEVELS = (26, 230)


def with_cue(
    store: CropStore, sources: Sequence[Sample], targets: Sequence[Sample], *, sensor: Modality, share: float
) -> CropStore:
    """Crops with a square in the lower right corner of the view of one sensor, dark or bright.

    At the sources it tells the class in a share of the captures and is drawn in the others; at the targets it is always
    drawn. Whoever relies on it is perfect on the sources, dev included, and blind at the targets.

    Args:
        store: of all of them; its crops on disk stay as they are.
        sources: train and dev.
        targets: test.
        sensor: whose pictures are marked.
        share: of the sources' captures whose mark tells the class.
    """
    if share == 0:
        return store
    images = store.images[sensor].clone()
    edge = (store.view.side - store.view.size) // 2
    end = edge + store.view.size
    start = end - max(1, store.view.size // _CORNER)
    for samples, told in ((sources, True), (targets, False)):
        for sample in samples:
            bright = shown_class(sample, share=share if told else 0.0)
            images[store.place[sample.key], :, start:end, start:end] = _LEVELS[bright]
    return replace(store, images={**store.images, sensor: images})


def shown_class(sample: Sample, *, share: float) -> int:
    """The class that a capture's mark shows: its own with this probability, else one that is drawn."""
    rng = np.random.default_rng(derive(0, "class in a corner", sample.key))
    told, drawn = rng.random() < share, int(rng.integers(2))
    return sample.label if told else drawn


def corner(size: int) -> torch.Tensor:
    """`(s, s)` bool, the marked pixels of a view."""
    found = torch.zeros(size, size, dtype=torch.bool)
    start = size - max(1, size // _CORNER)
    found[start:, start:] = True
    return found
