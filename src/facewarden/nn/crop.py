"""Differentiable crop of the face box: one view of a frame, enlarged about the box, resampled to a fixed square."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from facewarden.core.errors import ContractError

Border = Literal["inside", "zero", "stretch"]


def crop_resize(
    images: Float[Tensor, "b c h w"],
    boxes: Float[Tensor, "b 4"],
    *,
    scale: float,
    size: int,
    border: Border = "zero",
    antialias: bool = False,
) -> Float[Tensor, "b c {size} {size}"]:
    """Crop the box of each image, enlarged about its center, and resample the crop bilinearly to a square.

    Gradients flow to the images, not to the boxes. Resampling is a product with two small matrices per image, so it is
    deterministic on every device, forward and backward.

    Args:
        images: frames, any value range.
        boxes: x0 y0 x1 y1 in pixels of the frame; (0, 0, w, h) is the whole frame.
        scale: factor on the sides of the box.
        size: side of the output in pixels.
        border: "inside" is the rule of the published MiniFASNet preprocessing: both sides keep the box's aspect, the
            factor is reduced until the crop fits into the frame, the crop is then moved inside and its corners cut to
            whole pixels; its aspect is squeezed into the square. "zero" takes the square on the longer side at subpixel
            position and reads 0 outside of the frame. "stretch" takes the box itself, each side by its own
            factor, and reads 0 outside of the frame.
        antialias: widen the triangle kernel by the factor of reduction, so that fine patterns do not alias. Without it
            the sampling is that of `cv2.INTER_LINEAR`.

    Raises:
        ContractError: a box without area, or not finite.
    """
    if not bool((torch.isfinite(boxes).all(dim=1) & (boxes[:, 2:] > boxes[:, :2]).all(dim=1)).all()):
        raise ContractError("a face box is empty or not finite", hint="x0 < x1 and y0 < y1, in pixels of the frame")
    height, width = images.shape[-2:]
    box = boxes.detach().double()
    if border == "inside":
        start, length = _inside(box, scale, width, height)
    else:
        start, length = _square(box, scale) if border == "zero" else _stretched(box, scale)
    clamp = border == "inside"
    across = _sampling(start[:, 0], length[:, 0], extent=width, size=size, clamp=clamp, antialias=antialias)
    down = _sampling(start[:, 1], length[:, 1], extent=height, size=size, clamp=clamp, antialias=antialias)
    # what has no weight in any crop of the batch is not multiplied: a face is a small part of a large frame
    high, wide = _used(down), _used(across)
    rows = down[..., high].to(images.dtype)[:, None] @ images[..., high, wide]
    return rows @ across[..., wide].to(images.dtype)[:, None].transpose(-1, -2)


def _used(weights: Tensor) -> slice:
    """The pixels along a side that have a weight, one at least."""
    places = torch.nonzero((weights != 0).flatten(0, -2).any(dim=0)).flatten()
    return slice(int(places[0]), int(places[-1]) + 1) if len(places) else slice(0, 1)


def _square(box: Tensor, scale: float) -> tuple[Tensor, Tensor]:
    center = (box[:, :2] + box[:, 2:]) / 2
    side = (box[:, 2:] - box[:, :2]).amax(dim=1, keepdim=True) * scale
    return center - side / 2, side.expand(-1, 2)


def _stretched(box: Tensor, scale: float) -> tuple[Tensor, Tensor]:
    sides = (box[:, 2:] - box[:, :2]) * scale
    return (box[:, :2] + box[:, 2:]) / 2 - sides / 2, sides


def _inside(box: Tensor, scale: float, width: int, height: int) -> tuple[Tensor, Tensor]:
    last = torch.tensor([width - 1, height - 1], dtype=box.dtype, device=box.device)
    side = box[:, 2:] - box[:, :2]
    factor = (last / side).amin(dim=1).clamp(max=scale)  # 1 pixel less than the frame, as published
    side = side * factor[:, None]
    low = (box[:, :2] + box[:, 2:]) / 2 - side / 2
    high = low + side
    high = high - low.clamp(max=0)
    low = low.clamp(min=0)
    over = (high - last).clamp(min=0)
    low, high = (low - over).clamp(min=0).floor(), (high - over).floor()
    return low, high - low + 1  # both corners belong to the crop


def _sampling(start: Tensor, length: Tensor, *, extent: int, size: int, clamp: bool, antialias: bool) -> Tensor:
    """Matrix `(b, size, extent)` whose rows hold the weights of the frame's pixels in one output pixel."""
    steps = torch.arange(size, dtype=start.dtype, device=start.device) + 0.5
    where = start[:, None] + steps * (length / size)[:, None] - 0.5  # half-pixel centers
    reach = (length / size).clamp(min=1) if antialias else torch.ones_like(length)
    if clamp and not antialias:
        where = where.clamp(min=start[:, None], max=(start + length - 1)[:, None])
    pixels = torch.arange(extent, dtype=start.dtype, device=start.device)
    weight = (1 - (where[..., None] - pixels).abs() / reach[:, None, None]).clamp(min=0)
    if not antialias:
        return weight
    if clamp:
        outside = (pixels < start[:, None]) | (pixels >= (start + length)[:, None])
        weight = weight.masked_fill(outside[:, None], 0)
        return weight / weight.sum(dim=-1, keepdim=True)
    taps = int(reach.amax().ceil()) + 1  # the kernel's whole mass, also where it hangs over the frame
    around = torch.arange(-taps, taps + 1, dtype=start.dtype, device=start.device)
    offset = (where - where.floor())[..., None] - around
    mass = (1 - offset.abs() / reach[:, None, None]).clamp(min=0).sum(dim=-1, keepdim=True)
    return weight / mass
