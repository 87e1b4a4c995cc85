"""Ridge regression on local binary patterns and histograms of gradients, for each of three sensors."""

from __future__ import annotations

from torch import nn

from facewarden.nn.floors.describer import Describer
from facewarden.nn.floors.texture import Texture
from facewarden.pad.parts.floor import Floor


class TextureRidge(Floor):
    """A line on local binary patterns and oriented gradients: the texture of paper, screens and skin.

    Source: Ojala et al., TPAMI 2002, and Dalal and Triggs, CVPR 2005.
    """

    name = "texture_ridge"
    summary = "Ridge regression on histograms of local binary patterns and gradients of three sensors."
    source = "Ojala et al., TPAMI 2002, and Dalal and Triggs, CVPR 2005"

    def describer(self, trunk: nn.Module | None) -> Describer:
        """The numbers of `Texture`."""
        return Texture()


entry = TextureRidge
