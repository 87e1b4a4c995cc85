"""Cheap repeated backward passes through one graph on a CPU: reusable GELU slopes, the faster attention."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from facewarden.nn.precision import at_least_single


class _Gelu(torch.autograd.Function):
    """GELU that computes its slope once, in the forward pass; each backward pass is then one product."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        full = at_least_single(x)
        half = torch.erf(full * math.sqrt(0.5)).add_(1).mul_(0.5)
        density = full.square().mul_(-0.5).exp_().mul_(full).mul_(1 / math.sqrt(2 * math.pi))
        ctx.save_for_backward(density.add_(half).to(x.dtype))
        return half.mul_(full).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (slope,) = ctx.saved_tensors
        product: Tensor = gradients[0] * slope
        return product


class ReusableGelu(nn.GELU):
    """The exact GELU, without parameters, whose slope is stored instead of computed by every backward pass.

    It stands in for `torch.nn.GELU` in a block through which several losses are differentiated one after the other; the
    slope takes the place of the input that the ordinary one stores.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Apply the GELU function."""
        if torch.is_grad_enabled() and input.requires_grad and self.approximate == "none":
            output: Tensor = _Gelu.apply(input)  # type: ignore[no-untyped-call]
            return output
        return F.gelu(input, approximate=self.approximate)


@contextmanager
def fastest_attention(blocks: Iterable[nn.Module], *, like: Tensor) -> Iterator[None]:
    """Choose, for a forward pass, the form of attention whose forward and backward passes together cost least.

    It is scaled dot product attention throughout, fused except in one case: the backward pass of the fused kernel in
    bfloat16 on a CPU takes three times as long as the products written out, so those are used where one will follow.

    Args:
        blocks: timm blocks, whose `attn.fused_attn` is set and put back.
        like: a tensor on the device of the computation.
    """
    half = torch.is_autocast_enabled(like.device.type) and torch.get_autocast_dtype(like.device.type) == torch.bfloat16
    layers: list[Any] = [block.attn for block in blocks]
    before = [layer.fused_attn for layer in layers]
    if like.device.type == "cpu" and half and torch.is_grad_enabled():
        for layer in layers:
            layer.fused_attn = False
    try:
        yield
    finally:
        for layer, fused in zip(layers, before, strict=True):
            layer.fused_attn = fused
