"""Streams that were computed beforehand, in the place of pixels: what stands for a sensor that is absent there."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from facewarden.core.batch import FaceBatch
from facewarden.core.labels import CHANNELS, MODALITIES
from facewarden.nn.multimodal.stream_vit import shared_trunk
from facewarden.nn.precision import at_least_single

KEPT = "streams"
"""Among a batch's `tasks`: `(b, 3, n, d)` streams of rgb, depth and infrared in front of the first changed block."""

Entered = Float[Tensor, "3 b 3 s s"] | Float[Tensor, "3 b n d"]
"""What a network takes: normalized images, or streams in front of its first changed block."""


def filled(
    stored: Float[Tensor, "3 b n d"], present: Tensor, *, fill: Float[Tensor, "3 n d"]
) -> Float[Tensor, "3 b n d"]:
    """Kept streams in single precision, with the fill where a sensor is absent.

    Args:
        stored: of 16 or 32 bits.
        present: `(3, b)` bool.
        fill: the streams of what stands for an absent sensor.
    """
    streams = at_least_single(stored)
    return torch.where(present[:, :, None, None], streams, fill.to(streams)[:, None])


def nobody(size: int, *, device: torch.device) -> FaceBatch:
    """One sample without any sensor.

    Args:
        size: side of the view.
        device: of the tensors.
    """
    return FaceBatch(
        images={m: torch.zeros(1, CHANNELS[m], size, size, device=device) for m in MODALITIES},
        present={m: torch.zeros(1, dtype=torch.bool, device=device) for m in MODALITIES}, key=("",),
    )  # fmt: skip


@torch.no_grad()
def below(network: nn.Module, images: Float[Tensor, "3 b 3 s s"]) -> Float[Tensor, "mb n d"]:
    """The streams of normalized images in front of the first block that a network changes."""
    return shared_trunk(network).below(images).detach()
