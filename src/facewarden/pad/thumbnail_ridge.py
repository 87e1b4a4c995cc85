"""Ridge regression on gray thumbnails of three sensors: the floor that a deep method must beat."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from facewarden.core.settings import Count
from facewarden.nn.floors.describer import Describer
from facewarden.nn.floors.thumbnails import Thumbnails
from facewarden.pad.parts.floor import Floor, FloorSettings


@dataclass(frozen=True)
class ThumbnailSettings(FloorSettings):
    """Settings of the view, and of the thumbnails.

    Attributes:
        pixels: side of a thumbnail.
    """

    pixels: Count = 24


class ThumbnailRidge(Floor):
    """A line on the mean gray values of a coarse grid: what coarse depth and infrared brightness alone give away.

    Source: Hoerl and Kennard, "Ridge Regression", Technometrics 12, 1970.
    """

    kind = ThumbnailSettings
    name = "thumbnail_ridge"
    summary = "Ridge regression on gray thumbnails of three sensors."
    source = "ridge regression after Hoerl and Kennard, 1970"
    options: ThumbnailSettings

    def describer(self, trunk: nn.Module | None) -> Describer:
        """Thumbnails of the three sensors."""
        return Thumbnails(self.options.pixels)


entry = ThumbnailRidge
