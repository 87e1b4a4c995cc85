"""What networks say of samples one by one, so that NaN of one sample costs that sample and not the whole work."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor

from facewarden.core.batch import FaceBatch
from facewarden.core.errors import NotFiniteError
from facewarden.core.roles import Detector, PadOutput, Recognizer

NO_SCORE = "the detector's score is NaN or infinite"
"""Reason under which such a sample is counted."""

NO_VECTOR = "the recognizer's embedding is NaN, infinite or zero"
"""The same of a recognizer."""


T = TypeVar("T")


def scores_of(detector: Detector, batch: FaceBatch) -> Tensor:
    """Score a batch without gradients; NaN stands where the detector gave no finite number.

    Args:
        detector: that scores.
        batch: on any device.

    Returns:
        `(b,)` float64 on the CPU.
    """

    def score(rows: list[int]) -> Tensor:
        part = batch if len(rows) == len(batch) else batch.select(torch.tensor(rows, device=batch.device))
        output: PadOutput = detector(part)
        return output.score.double().cpu()

    return _filled(torch.full((len(batch),), float("nan"), dtype=torch.float64), score)


def vectors_of(recognizer: Recognizer, images: Tensor) -> Tensor:
    """Embed crops without gradients; a row of NaN stands where the recognizer gave no direction.

    Args:
        recognizer: that embeds.
        images: `(b, 3, 112, 112)` in [0, 1].

    Returns:
        `(b, d)` float32 on the CPU.
    """

    def embed(rows: list[int]) -> Tensor:
        return recognizer.embed(images if len(rows) == len(images) else images[rows]).float().cpu()

    return _filled(torch.full((len(images), recognizer.dim), float("nan")), embed)


def _filled(found: Tensor, compute: Callable[[list[int]], Tensor]) -> Tensor:
    """Compute the rows, again without those that are not finite until the rest is."""
    with torch.inference_mode():
        rows, values = computed_rows(len(found), compute)
        if values is not None:
            found[rows] = values
    return found


def computed_rows(count: int, compute: Callable[[list[int]], T]) -> tuple[list[int], T | None]:
    """Compute all rows, again without those to which a network gives no finite number until the rest is computed.

    Args:
        count: how many rows there are.
        compute: of some rows, each without influence on the others; raises `NotFiniteError` with places among these.

    Returns:
        The rows that are left and what was computed of them; None where no row is left.

    Raises:
        NotFiniteError: one that names no rows.
    """
    rows = list(range(count))
    while rows:
        try:
            return rows, compute(rows)
        except NotFiniteError as error:
            bad = frozenset(error.rows) & frozenset(range(len(rows)))
            if not bad:
                raise
            rows = [row for place, row in enumerate(rows) if place not in bad]
    return [], None
