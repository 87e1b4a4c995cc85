"""How strongly a training changes its crops."""

from __future__ import annotations

from dataclasses import dataclass

from facewarden.core.settings import NotNegative, Share, ShareBelowOne


@dataclass(frozen=True)
class Augmentation:
    """Strength of the changes; all zero leaves nothing but the central crop.

    Attributes:
        rotation: standard deviation in degrees.
        zoom: largest change of size, as a logarithm.
        shift: largest shift as a share of the side.
        exposure: standard deviation of the logarithm of brightness, gamma and, a third of it, of each color.
        blur: largest weight of a 3x3 mean.
        noise: largest standard deviation of pixel noise.
        drop: chance that one or two of several sensors are taken away.
        offset: largest value added to a channel, drawn uniformly for every channel of every sensor by itself.
        gamma: largest distance of an exponent from 1, drawn uniformly for every sensor by itself.
        mirror: chance that a sample is mirrored where nothing rotates; what rotates is mirrored half of the time.
        copies: depth and infrared, which models of three streams take as three equal channels, have an offset for each
            of the three. The batch then says which, and the model applies it.
    """

    rotation: NotNegative = 6.0
    zoom: NotNegative = 0.12
    shift: NotNegative = 0.06
    exposure: NotNegative = 0.2
    blur: Share = 1.0
    noise: NotNegative = 0.03
    drop: Share = 0.4
    offset: NotNegative = 0.0
    gamma: ShareBelowOne = 0.0
    mirror: Share = 0.0
    copies: bool = False


STILL = Augmentation(rotation=0.0, zoom=0.0, shift=0.0, exposure=0.0, blur=0.0, noise=0.0, drop=0.0)
"""No change: the central view of every crop."""


PUBLISHED = Augmentation(
    rotation=0.0, zoom=0.0, shift=0.0, exposure=0.0, blur=0.0, noise=0.0, drop=0.0,
    offset=40 / 255, gamma=0.5, mirror=0.5, copies=True,
)  # fmt: skip
"""What MMDG's lineage does: color of every sensor changed by itself, one mirroring shared by all."""
