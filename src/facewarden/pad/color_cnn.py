"""Detector on color alone that does not go by color cast: pictures are equalized before its network sees them."""

from __future__ import annotations

from facewarden.pad.parts.multi_head import EQUALIZED, HeadsOnBackbone


class ColorCnn(HeadsOnBackbone):
    """The network of `multitask` on the first stages of EfficientNet-Lite0, made to be accurate, not robust.

    Every channel of a view is brought to mean 0 and deviation 1 before the network sees it, so that exposure, white
    balance and the color of a screen or of a print cannot decide.

    Args:
        weights: an artifact folder as `facewarden train color_cnn` writes it; by default the one of the package.

    Raises:
        MissingAssetError: the package came without its weights.
        BadInputError: no artifact, or one of another network.
    """

    name = "color_cnn"
    defaults = EQUALIZED


entry = ColorCnn
