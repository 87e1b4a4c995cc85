"""Samples of a batch one by one, and their outputs joined again."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from facewarden.core.batch import FaceBatch
from facewarden.core.roles import PadOutput
from facewarden.pad.parts.kept import KEPT


def row_of(batch: FaceBatch, index: int) -> FaceBatch:
    """One sample as views of the batch, without labels.

    Args:
        batch: of faces.
        index: of the sample.
    """
    rows = slice(index, index + 1)
    return FaceBatch(
        images={name: image[rows] for name, image in batch.images.items()},
        key=batch.key[rows],
        present={name: mask[rows] for name, mask in batch.present.items()},
        box=None if batch.box is None else batch.box[rows],
        tasks={KEPT: batch.tasks[KEPT][rows]} if KEPT in batch.tasks else {},
    )


def joined_outputs(parts: Sequence[PadOutput]) -> PadOutput:
    """Outputs for single samples as that for the batch."""
    features = [part.features for part in parts if part.features is not None]
    return PadOutput(
        score=torch.cat([part.score for part in parts]),
        features=torch.cat(features) if features else None,
        tasks={name: torch.cat([part.tasks[name] for part in parts]) for name in parts[0].tasks},
    )
