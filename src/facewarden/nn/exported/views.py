"""Cut the views of an exported detector out of frames."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from facewarden.core.batch import FaceBatch
from facewarden.nn.crop import crop_resize
from facewarden.nn.exported.settings import CropView, ExportedSettings


def views_of(batch: FaceBatch, settings: ExportedSettings) -> dict[str, Tensor]:
    """Inputs of a graph for a batch: views `(b, c, s, s)` in [0, 1], 0 where a sensor is absent, and the mask.

    Args:
        batch: frames with boxes, or crops.
        settings: of the card.
    """
    inputs = {view.input: _view(batch, view) for view in settings.views}
    if settings.present:
        masks = [_present(batch, name) for name in settings.sensors]
        inputs["present"] = torch.stack(masks, dim=1).float()
    return inputs


def _view(batch: FaceBatch, view: CropView) -> Tensor:
    images = batch.images.get(view.modality)
    if images is None:
        return torch.zeros(len(batch), view.channels, view.size, view.size, device=batch.device)
    there = _present(batch, view.modality)[:, None, None, None]
    return cut(images.float(), batch.box, view).masked_fill(~there, 0.0)


def cut(images: Tensor, box: Tensor | None, view: CropView) -> Tensor:
    """One view `(b, c, s, s)` of frames `(b, c, h, w)`.

    Args:
        images: in [0, 1].
        box: `(b, 4)` in pixels, None for frames that are the face already.
        view: how.
    """
    size = view.size
    if box is None:
        if images.shape[-2:] == (size, size):
            return images
        if view.whole == "press":
            return functional.interpolate(images, (size, size), mode="bilinear", align_corners=False).clamp(0, 1)
        whole = images.new_tensor([[0.0, 0.0, images.shape[-1], images.shape[-2]]]).expand(len(images), -1)
        return crop_resize(images, whole, scale=1.0, size=size, border=view.border, antialias=view.antialias).clamp(
            0, 1
        )
    return crop_resize(
        images, box.float(), scale=view.scale, size=size, border=view.border, antialias=view.antialias
    ).clamp(0, 1)


def _present(batch: FaceBatch, modality: str) -> Tensor:
    mask = batch.present.get(modality)  # type: ignore[call-overload]
    return torch.zeros(len(batch), dtype=torch.bool, device=batch.device) if mask is None else mask
