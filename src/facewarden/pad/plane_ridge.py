"""Ridge regression on the residual of depth from a plane and on the ratio of infrared to color."""

from __future__ import annotations

from torch import nn

from facewarden.nn.floors.describer import Describer
from facewarden.nn.floors.plane import PlaneAndRatio
from facewarden.pad.parts.floor import Floor


class PlaneRidge(Floor):
    """A line on what physics gives away: how flat the face is, and how it reflects infrared.

    Source: least squares with Huber weights.
    """

    name = "plane_ridge"
    summary = "Ridge regression on the residual of depth from a plane and the ratio of infrared to color."
    source = "least squares with Huber weights"

    def describer(self, trunk: nn.Module | None) -> Describer:
        """The numbers of `PlaneAndRatio`."""
        return PlaneAndRatio()


entry = PlaneRidge
