"""Which samples a detector decides correctly at its threshold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
import torch
from jaxtyping import Bool
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from facewarden.core.batch import FaceBatch
from facewarden.core.compute.finite import scores_of
from facewarden.core.labels import MODALITIES, Modality
from facewarden.core.roles import Detector

DIRECTIONS: Mapping[str, int] = MappingProxyType({"attack_as_bona_fide": 0, "bona_fide_as_attack": 1})
"""Direction of an attack -> the label of the samples that can go that way."""


def correct_scores(scores: ArrayLike, labels: ArrayLike, *, threshold: float) -> NDArray[np.bool_]:
    """Tell which decisions on scores are correct: accept iff score >= threshold.

    Args:
        scores: one per sample, higher = more bona fide.
        labels: 1 = bona fide, 0 = attack.
        threshold: of the decision rule.
    """
    correct: NDArray[np.bool_] = (np.asarray(scores) >= threshold) == (np.asarray(labels) == 1)
    return correct


def decided_correctly(detector: Detector, batch: FaceBatch, *, threshold: float) -> Bool[Tensor, " b"]:
    """Score labeled samples and tell which decisions are correct; without a finite score nothing is decided.

    Args:
        detector: that decides.
        batch: with labels.
        threshold: accept iff score >= threshold.
    """
    _, right = known_decisions(detector, batch, threshold=threshold)
    return right.to(batch.device)


def known_decisions(detector: Detector, batch: FaceBatch, *, threshold: float) -> tuple[Tensor, Tensor]:
    """Which labeled samples have a finite score, and which of them are decided correctly; `(b,)` bool on the CPU.

    Args:
        detector, batch, threshold: as in `decided_correctly`.
    """
    assert batch.label is not None
    scores = scores_of(detector, batch)
    known = torch.isfinite(scores)
    return known, known & ((scores >= threshold) == batch.label.cpu().bool())


def held_sensors(batches: Sequence[FaceBatch]) -> tuple[Modality, ...]:
    """The sensors of which every sample has a capture; an attack on another one would have no pixels to change."""
    return tuple(
        name
        for name in MODALITIES
        if batches and all(name in one.present and bool(one.present[name].all()) for one in batches)
    )


def correct_batches(batches: Sequence[FaceBatch], detector: Detector, *, threshold: float) -> list[FaceBatch]:
    """Keep the samples that a detector decides correctly, scored again in the batches that they will be attacked in."""
    kept = []
    for batch in batches:
        rows = torch.nonzero(known_decisions(detector, batch, threshold=threshold)[1]).flatten()
        if len(rows):
            kept.append(batch.select(rows))
    return kept


def missing_classes(there: Sequence[int | None], right: Sequence[int], attacked: Sequence[int]) -> tuple[str, ...]:
    """Sentences on the directions that have no rate.

    Args:
        there: labels of the captures of the test split.
        right: those of the captures that are decided correctly when clean.
        attacked: those of the captures in a rate.

    Example:
        >>> missing_classes([0, 0, 1], [1], [1])
        ('none of 2 attack captures is decided correctly when clean: attack_as_bona_fide is not measured',)
    """
    said = []
    for direction, label in DIRECTIONS.items():
        if label in attacked:
            continue
        word = "bona fide" if label else "attack"
        why = f"none of {list(there).count(label)} {word} captures is decided correctly when clean"
        if label not in there:
            why = f"the test split has no {word} capture"
        elif label in right:
            why = f"no {word} capture could be attacked"
        said.append(f"{why}: {direction} is not measured")
    return tuple(said)
