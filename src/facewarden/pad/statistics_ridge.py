"""Ridge regression on global statistics of three sensors: moments, quantiles, sharpness."""

from __future__ import annotations

from torch import nn

from facewarden.nn.floors.describer import Describer
from facewarden.nn.floors.statistics import GlobalStatistics
from facewarden.pad.parts.floor import Floor


class StatisticsRidge(Floor):
    """A line on moments, quantiles and sharpness: what is known of a capture without looking at any place in it.

    Source: moments and quantiles.
    """

    name = "statistics_ridge"
    summary = "Ridge regression on global statistics of three sensors."
    source = "moments and quantiles"

    def describer(self, trunk: nn.Module | None) -> Describer:
        """The numbers of `GlobalStatistics`."""
        return GlobalStatistics()


entry = StatisticsRidge
