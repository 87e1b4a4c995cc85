"""Shared parts of the silent-face detectors: BGR input in 0..255, the published crop, and a score from class logits."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from facewarden.core.batch import FaceBatch
from facewarden.core.errors import ContractError
from facewarden.nn.crop import crop_resize
from facewarden.nn.exported.graph import DetectorGraph
from facewarden.nn.exported.settings import CropView


def bgr_crop(batch: FaceBatch, *, scale: float, size: int) -> Float[Tensor, "b 3 {size} {size}"]:
    """Crop the frame as the published preprocessing does and give it the channel order and range of its networks.

    Their released code never divides by 255: it feeds what the image reader gave, BGR in 0..255.

    Raises:
        ContractError: the batch has no boxes.
    """
    if batch.box is None:
        raise ContractError("the batch has no face boxes", hint="FaceBatch(..., box=...)")
    crop: Tensor = crop_resize(batch.images["rgb"], batch.box, scale=scale, size=size, border="inside")
    return _levels(crop)


def _levels(crop: Tensor) -> Tensor:
    return crop.flip(1) * 255


def mean_live_logit(logits: Float[Tensor, "k b classes"], *, live: int) -> Float[Tensor, " b"]:
    """Logit of the mean, over k networks, of the softmax probability of the live class.

    log(p / (1 - p)) with both logarithms taken from log-softmax sums, so that it neither overflows nor loses its
    gradient when p rounds to 0 or 1.
    """
    logs = torch.log_softmax(logits, dim=-1)
    others = torch.cat([logs[..., :live], logs[..., live + 1 :]], dim=-1)
    return torch.logsumexp(logs[..., live], dim=0) - torch.logsumexp(others, dim=(0, 2))


def silent_graph(networks: Sequence[nn.Module], *, scales: Sequence[float], size: int, live: int) -> DetectorGraph:
    """The silent-face networks behind their crops, one view for each.

    Args:
        networks: each gives class logits and an embedding.
        scales: of their crops.
        size: side of their input.
        live: class of bona fide.
    """
    views = tuple(
        CropView(input=f"rgb_{scale:g}".replace(".", "_"), modality="rgb", size=size, scale=scale, border="inside")
        for scale in scales
    )
    return DetectorGraph(_SilentGraph(networks, live=live), views)


class _SilentGraph(nn.Module):
    """A view for each network in, scores out."""

    def __init__(self, networks: Sequence[nn.Module], *, live: int) -> None:
        super().__init__()
        self.networks, self.live = nn.ModuleList(networks), live

    def forward(self, *views: Tensor) -> Tensor:
        """Scores `(b,)`."""
        logits = [network(_levels(view))[0] for network, view in zip(self.networks, views, strict=True)]
        return mean_live_logit(torch.stack(logits), live=self.live)
