"""A figure with its bootstrap replicates, and how several combine into one interval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from facewarden.metrics._core import Floats
from facewarden.metrics.intervals import BOOTSTRAP, Interval, is_bootstrap, percentile_interval, sum_interval


@dataclass(frozen=True)
class Estimate:
    """A share on the rows as they are and on every resample.

    Attributes:
        value: on the rows as they are.
        replicates: (rounds,) on the resamples.
        n: rows.
        subjects: subjects with such rows.
    """

    value: float
    replicates: Floats
    n: int
    subjects: int

    @classmethod
    def shifted(cls, value: float, replicates: Floats, *, n: int, subjects: int) -> Estimate:
        """From replicates of a thinned curve whose last entry is the rows as they are.

        All are moved by what the thinning costs there, so that the interval is centered on the exact value.
        """
        moved = np.clip(replicates[:-1] + (value - replicates[-1]), 0.0, 1.0)
        return cls(value, moved, n=n, subjects=subjects)

    @property
    def varies(self) -> bool:
        """Whether resamples differ at all."""
        return is_bootstrap(self.interval(0.95))

    def interval(self, confidence: float) -> Interval:
        """Percentile interval, or Wilson over subjects where resamples do not differ."""
        return percentile_interval(self.value, self.replicates, n=self.n, subjects=self.subjects, confidence=confidence)


def worst_of(found: dict[str, Estimate], confidence: float) -> tuple[Interval, str]:
    """Interval of the largest figure over species, and which species has it.

    Resampling the maximum itself is biased upward, the more the closer the species are. Instead: the true maximum is
    above its own species' upper bound no more often than that bound fails, so the highest upper bound is safe; the
    lower bound is the weakest species' own, at a level divided by the number of species because it was picked as the
    weakest.
    """
    weakest = max(found, key=lambda name: found[name].value)
    level = 1 - (1 - confidence) / len(found)
    upper = {name: one.interval(confidence) for name, one in found.items()}
    widest = max(upper, key=lambda name: upper[name].high)
    method = upper[widest].method
    return Interval(
        value=found[weakest].value,
        low=found[weakest].interval(level).low,
        high=upper[widest].high,
        n=found[weakest].n,
        method=method if method == BOOTSTRAP else f"upper bound of {widest}, {method}",
    ), weakest


def mean_of(one: Estimate, two: Estimate, confidence: float) -> Interval:
    """Interval of the mean of two shares on the same resamples."""
    value, n = (one.value + two.value) / 2, one.n + two.n
    if one.varies and two.varies:
        both = (one.replicates + two.replicates) / 2
        return Estimate(value, both, n=n, subjects=min(one.subjects, two.subjects)).interval(confidence)
    return sum_interval(value, [(0.5, one.interval(confidence)), (0.5, two.interval(confidence))], n=n)
