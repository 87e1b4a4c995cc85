"""Map supervision: a map of ones for bona fide faces and of zeros for attacks, in its values and its steps."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from facewarden.core.batch import FaceBatch
from facewarden.core.errors import BadInputError, ContractError
from facewarden.core.roles import Detector
from facewarden.training.objectives.parts.base import Loss, TrainingObjective

Target = Literal["mask", "depth"]
Border = Literal["zeros", "inside"]


def contrast(maps: Float[Tensor, "b 1 h w"], *, border: Border = "zeros") -> Float[Tensor, "b 8 y x"]:
    """Each of the eight neighbors less the center.

    Args:
        maps: at least 3 pixels a side where only the inside counts.
        border: `zeros` surround the map, or only pixels `inside` that have all neighbors count, as released.

    Source: the contrastive depth loss of Wang et al., "Deep Spatial Gradient and Temporal Depth Learning for Face
    Anti-Spoofing", CVPR 2020, which CDCN uses.
    """
    kernel = torch.zeros(8, 1, 3, 3, dtype=maps.dtype, device=maps.device)
    kernel[:, 0, 1, 1] = -1
    for number, place in enumerate(place for place in range(9) if place != 4):
        kernel[number, 0, place // 3, place % 3] = 1
    return F.conv2d(maps, kernel, padding=1 if border == "zeros" else 0)


class Cdcn(TrainingObjective):
    """`MSE(map, target) + MSE(contrast(map), contrast(target))` for detectors with the head "map".

    The target of an attack is 0 everywhere. That of a bona fide face is, by `target`: "mask", 1 wherever the image is
    not black, which is how the multi-modal network was trained; or "depth", the depth image where the sample has one
    (exact in simulated captures) and the mask where it has none, which is how the network for color alone was trained.

    Source: Yu et al., "Multi-Modal Face Anti-Spoofing Based on Central Difference Networks", CVPRW 2020.

    Args:
        target: what bona fide faces are painted as.
        contrast: factor of the second term.
        border: of the maps in the second term, see `contrast`; the released code has `inside`. With `zeros` the edge of
            a map of ones is told to fall, so that it counts more than once.
    """

    def __init__(self, *, target: Target = "mask", contrast: float = 1.0, border: Border = "zeros") -> None:
        if target not in get_args(Target) or border not in get_args(Border) or contrast < 0:
            raise BadInputError(
                f"cdcn: target {target!r}, contrast {contrast}, border {border!r}",
                hint="mask or depth; contrast >= 0; zeros or inside",
            )
        self.target, self.factor, self.border = target, contrast, border

    def compute(self, model: Detector, batch: FaceBatch) -> Loss:
        """Loss of a labeled batch of crops.

        Raises:
            ContractError: the detector paints no map, or the batch holds frames.
        """
        if batch.box is not None:
            raise ContractError("the map is supervised on crops, this batch has boxes", hint="crop first: model.crop")
        output = model(batch)
        if "map" not in output.tasks:
            raise ContractError("cdcn needs the head 'map'", hint="train mm_cdcn with it")
        painted = output.tasks["map"]
        if self.border == "inside" and min(painted.shape[-2:]) < 3:
            raise ContractError(
                "a map of less than 3 pixels has no inside", hint="model size 24 or more, border: zeros"
            )
        target = self.paint(batch, size=(int(painted.shape[-2]), int(painted.shape[-1]))).to(painted)
        absolute = F.mse_loss(painted, target)
        relative = F.mse_loss(contrast(painted, border=self.border), contrast(target, border=self.border))
        parts = {"map": absolute.detach(), "contrast": relative.detach()}
        return Loss(absolute + self.factor * relative, parts)

    def paint(self, batch: FaceBatch, *, size: tuple[int, int]) -> Tensor:
        """Target maps `(b, 1, *size)` of a labeled batch."""
        assert batch.label is not None  # checked by the caller
        shown = torch.zeros(len(batch), 1, *next(iter(batch.images.values())).shape[-2:], device=batch.device)
        for name, image in batch.images.items():
            here = batch.present[name][:, None, None, None]
            shown = torch.maximum(shown, ((image > 0).any(dim=1, keepdim=True) & here).to(shown))
        if self.target == "depth" and "depth" in batch.images:
            shown = torch.where(batch.present["depth"][:, None, None, None], batch.images["depth"], shown)
        small = F.interpolate(shown, size=size, mode="area")
        return small * batch.label[:, None, None, None].to(small)


entry = Cdcn
