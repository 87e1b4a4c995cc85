"""A figure with its bootstrap replicates, and how several combine into one interval."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from facewarden.metrics.checked import Floats
from facewarden.metrics.intervals import Interval, is_ordinary, percentile_interval


@dataclass(frozen=True)
class Estimate:
    """A figure between 0 and 1 of the whole curve, on the rows as they are and on every resample.

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
        usable = self.replicates[np.isfinite(self.replicates)]
        return bool(usable.size and np.ptp(usable) > 1e-12)

    def interval(self, confidence: float) -> Interval:
        """Percentile interval, never narrower than people not seen allow."""
        return percentile_interval(self.value, self.replicates, n=self.n, subjects=self.subjects, confidence=confidence)


def worst_of(found: Mapping[str, Callable[[float], Interval]], confidence: float) -> tuple[Interval, str]:
    """Interval of the largest figure over species, and which species has it.

    Resampling the maximum itself is biased upward, the more the closer the species are. Instead: the true maximum is
    above its own species' upper bound no more often than that bound fails, so the highest upper bound is safe; the
    lower bound is the weakest species' own, at a level divided by the number of species because it was picked as the
    weakest.

    Args:
        found: species -> its interval at a confidence.
        confidence: of the bounds.
    """
    each = {name: interval(confidence) for name, interval in found.items()}
    weakest = max(each, key=lambda name: each[name].value)
    widest = max(each, key=lambda name: each[name].high)
    method = each[widest].method
    return Interval(
        value=each[weakest].value,
        low=found[weakest](1 - (1 - confidence) / len(found)).low,
        high=each[widest].high,
        n=each[weakest].n,
        method=method if is_ordinary(method) else f"upper bound of {widest}, {method}",
    ), weakest
