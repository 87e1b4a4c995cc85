"""Shared parts of the silent-face detectors: BGR input in 0..255, the published crop, and a score from class logits."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from facewarden.core.batch import FaceBatch
from facewarden.core.errors import ContractError
from facewarden.nn.crop import crop_resize


def bgr_crop(batch: FaceBatch, *, scale: float, size: int) -> Float[Tensor, "b 3 {size} {size}"]:
    """Crop the frame as the published preprocessing does and give it the channel order and range of its networks.

    Their released code never divides by 255: it feeds what the image reader gave, BGR in 0..255.

    Raises:
        ContractError: the batch has no boxes.
    """
    if batch.box is None:
        raise ContractError("the batch has no face boxes", hint="FaceBatch(..., box=...)")
    crop: Tensor = crop_resize(batch.images["rgb"], batch.box, scale=scale, size=size, border="inside")
    return crop.flip(1) * 255


def mean_live_logit(logits: Float[Tensor, "k b classes"], *, live: int) -> Float[Tensor, " b"]:
    """Logit of the mean, over k networks, of the softmax probability of the live class.

    log(p / (1 - p)) with both logarithms taken from log-softmax sums, so that it neither overflows nor loses its
    gradient when p rounds to 0 or 1.
    """
    logs = torch.log_softmax(logits, dim=-1)
    others = torch.cat([logs[..., :live], logs[..., live + 1 :]], dim=-1)
    return torch.logsumexp(logs[..., live], dim=0) - torch.logsumexp(others, dim=(0, 2))
