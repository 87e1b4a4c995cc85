"""Resampling of whole subjects as weights, so that a count on all resamples is one matrix product."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from facewarden.core.errors import BadInputError
from facewarden.core.seeding import checked_seed
from facewarden.metrics.checked import Floats, Ints

MAX_UNITS = 2048
CHUNK = 250

Weights = np.ndarray[tuple[int, int], np.dtype[np.float32]]


@dataclass(frozen=True)
class Resampling:
    """What is drawn and how often.

    Attributes:
        unit: (n,) the unit each row belongs to: its subject or, above MAX_UNITS subjects, its group of subjects.
        weights: (rounds, units) how often each unit was drawn; whole numbers, so float32 products are exact.
        subjects: how many subjects there are.
    """

    unit: Ints
    weights: Weights
    subjects: int


def resampling(codes: Ints, subjects: int, *, seed: int, rounds: int) -> Resampling:
    """Draw `rounds` resamples of the subjects with replacement.

    More than MAX_UNITS subjects are first joined at random into MAX_UNITS groups of equal size, which are drawn whole.
    Subjects are independent, so this estimates the same variance; the price is about 1.6 % noise in the width.
    """
    if rounds < 1:
        raise BadInputError(f"a bootstrap needs at least one round, got {rounds}", hint="use rounds=1000")
    rng = np.random.default_rng(checked_seed(seed))
    unit, units = codes, subjects
    if subjects > MAX_UNITS:
        unit, units = rng.permutation(subjects)[codes] % MAX_UNITS, MAX_UNITS
    weights = np.empty((rounds, units), dtype=np.float32)
    for start in range(0, rounds, CHUNK):
        block = weights[start : start + CHUNK]
        drawn = rng.integers(0, units, size=block.shape) + np.arange(block.shape[0])[:, None] * units
        block[:] = np.bincount(drawn.ravel(), minlength=block.size).reshape(block.shape)
    return Resampling(unit=unit, weights=weights, subjects=subjects)


def rate_replicates(values: Floats, unit: Ints, weights: Weights) -> Floats:
    """Weighted mean of per-row values on every resample; NaN where none of the rows was drawn."""
    units = weights.shape[1]
    total = np.bincount(unit, weights=values, minlength=units)
    count = np.bincount(unit, minlength=units).astype(np.float64)
    wide = weights.astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        rate: Floats = (wide @ total) / (wide @ count)
    return rate
