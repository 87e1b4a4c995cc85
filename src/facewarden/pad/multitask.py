"""Multitask detector on color: live/spoof, attributes, spoof type, illumination, depth and reflection; trained here."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from facewarden.pad.parts.multi_head import HEAD_SETS, HeadsOnBackbone

__all__ = ["HEAD_SETS", "SETTINGS", "Multitask"]

SETTINGS: Mapping[str, Any] = MappingProxyType(
    {
        "backbone": "mobilenetv3_small_100",
        "heads": "all",
        "size": 112,
        "scale": 1.1,
        "pretrained": False,
        "equal": False,
    }
)
"""Backbone, name of the head set, side of the view in pixels, factor on the face box, start from ImageNet weights, and
whether the network sees every picture with equal means and contrasts."""


class Multitask(HeadsOnBackbone):
    """AENet's heads on a chosen backbone; every head can be read, trained and attacked by its name.

    Args:
        weights: an artifact folder as `facewarden train multitask` writes it; by default the small detector that comes
            with the package, which was trained against gradient attacks.

    Raises:
        MissingAssetError: the package came without its weights.
        BadInputError: no artifact, or one of another network.
    """

    name = "multitask"
    defaults = SETTINGS


entry = Multitask
