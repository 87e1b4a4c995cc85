"""The detector of `color_cnn` after training under attack: less accurate, and harder to fool by small changes."""

from __future__ import annotations

from facewarden.pad.parts.multi_head import EQUALIZED, HeadsOnBackbone


class ColorCnnRobust(HeadsOnBackbone):
    """The network of `color_cnn`, trained on captures that were moved against its decision.

    Args:
        weights: an artifact folder as `facewarden train color_cnn_robust` writes it; by default the one of the package.

    Raises:
        MissingAssetError: the package came without its weights.
        BadInputError: no artifact, or one of another network.
    """

    name = "color_cnn_robust"
    defaults = EQUALIZED


entry = ColorCnnRobust
