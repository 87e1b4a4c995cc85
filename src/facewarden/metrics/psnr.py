"""Peak signal-to-noise ratio of a set of pictures: all pixels together, the middle picture, and the worst ones.

The mean of PSNRs is none of them: a picture that did not change at all counts 100 dB in it and hides many bad ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from facewarden.metrics.checked import Floats

WORST = 0.05


def pooled_psnr(psnr: Floats, weights: Floats) -> float:
    """PSNR of the mean squared error over all pictures of one size, in dB.

    Args:
        psnr: (n,) of each picture, in dB.
        weights: (n,) how often each counts.

    >>> round(pooled_psnr(np.array([20.0, 100.0]), np.ones(2)), 2)
    23.01
    """
    return float(-10 * np.log10(np.average(10 ** (-np.asarray(psnr, np.float64) / 10), weights=weights)))


def median_psnr(psnr: Floats, weights: Floats) -> float:
    """PSNR that half of the pictures stay below, in dB."""
    return _at(psnr, weights, 0.5)


def worst_psnr(psnr: Floats, weights: Floats) -> float:
    """PSNR that the worst 5 % of the pictures stay below, in dB; the worst one where there are fewer than twenty."""
    return _at(psnr, weights, WORST)


def _at(psnr: Floats, weights: Floats, share: float) -> float:
    """The lowest value that this share of the weight does not exceed."""
    order = np.argsort(psnr, kind="stable")
    reached = np.cumsum(np.asarray(weights, np.float64)[order])
    return float(np.asarray(psnr)[order][np.searchsorted(reached, share * reached[-1])])


SET_PSNR: Mapping[str, tuple[str, Callable[[Floats, Floats], float]]] = MappingProxyType(
    {
        "cloak_psnr": ("of all pixels together", pooled_psnr),
        "cloak_psnr_median": ("the median", median_psnr),
        "cloak_psnr_worst": ("the worst 5 %", worst_psnr),
    }
)
"""Name of a metric -> what it is, and how it is computed from PSNRs and weights."""
