"""A frozen convolution on a CPU whose weights are laid out once, for both directions, instead of at every call."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

_WORTH = 16_384
"""Weights from which on a convolution is packed: smaller ones lose by it (`multi_cnn`: 1.2 times the time)."""
_DTYPES = (torch.float32, torch.bfloat16)
_Pair = tuple[int, int]


def can_pack(convolution: nn.Module) -> bool:
    """Whether a module is a plain convolution on the CPU that gains, and torch has what `PackedConvolution` calls.

    torch offers the calls to its own compiler, under names that it may change.
    """
    return (
        type(convolution) is nn.Conv2d
        and convolution.groups == 1
        and convolution.weight.numel() >= _WORTH
        and convolution.weight.device.type == "cpu"
        and type(convolution.weight.data) is Tensor
        and convolution.padding_mode == "zeros"
        and not isinstance(convolution.padding, str)
        and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
        and hasattr(torch._C._nn, "mkldnn_reorder_conv2d_weight")
        and hasattr(torch.ops.mkldnn, "_convolution_pointwise")
    )


class PackedConvolution(nn.Module):
    """Computes what a convolution computes; images and gradients are channels-last, weights as oneDNN wants them.

    torch lays the weights out anew at every call, and computes 1x1 convolutions of small batches image by image. The
    gradient with respect to the input of a convolution of stride 1 is a convolution too, with its kernels turned
    around, and is computed as one. No gradient reaches the weights.

    Args:
        convolution: one that `can_pack` accepts; it computes itself what is not float32 or bfloat16 on the CPU.
    """

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        self.convolution = convolution
        weight = convolution.weight.detach()
        self._weight = weight.contiguous(memory_format=torch.channels_last)
        self._bias = None if convolution.bias is None else convolution.bias.detach()
        reach = [d * (k - 1) for d, k in zip(convolution.dilation, convolution.kernel_size, strict=True)]
        back = [far - near for far, near in zip(reach, _pair(convolution.padding), strict=True)]
        turned = convolution.groups == 1 and tuple(convolution.stride) == (1, 1) and min(back) >= 0
        self._back: _Pair | None = (back[0], back[1]) if turned else None
        self._laid_out: dict[str, tuple[Any, Tensor]] = {}

    def forward(self, images: Tensor) -> Tensor:
        """Convolve `(b, c, h, w)`."""
        if torch.is_autocast_enabled("cpu"):
            images = images.to(torch.get_autocast_dtype("cpu"))
        known = type(images) is Tensor and images.device.type == "cpu" and images.dtype in _DTYPES
        if not known or images.numel() == 0:
            convolved: Tensor = self.convolution(images)
            return convolved
        found: Tensor = _Convolve.apply(images, self)  # type: ignore[no-untyped-call]
        return found

    def forwards(self, images: Tensor) -> Tensor:
        """The convolution itself."""
        own = self.convolution
        padding, stride = _pair(own.padding), _pair(own.stride)
        weight = self._arranged("forwards", self._weight, images, padding=padding, stride=stride)
        bias = None if self._bias is None else self._bias.to(images.dtype)
        return _convolved(images, weight, bias, padding, stride, _pair(own.dilation), own.groups)

    def backwards(self, gradient: Tensor, images: Tensor) -> Tensor:
        """The gradient with respect to the images, from that with respect to the output."""
        own = self.convolution
        stride, padding, dilation = _pair(own.stride), _pair(own.padding), _pair(own.dilation)
        if self._back is None:
            found: Tensor = torch.ops.aten.convolution_backward(
                gradient, images, self._weight.to(gradient.dtype), None, stride, padding, dilation, False, [0, 0],
                own.groups, [True, False, False],
            )[0]  # fmt: skip
            return found
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        turned = self._weight.flip(2, 3).transpose(0, 1)
        weight = self._arranged("backwards", turned, gradient, padding=self._back, stride=(1, 1))
        return _convolved(gradient, weight, None, self._back, (1, 1), dilation, 1)

    def _arranged(self, way: str, weight: Tensor, images: Tensor, *, padding: _Pair, stride: _Pair) -> Tensor:
        """The weights for images of a shape; those of another shape are dropped, so that bits depend on no history."""
        shape = (images.shape, images.dtype)
        held = self._laid_out.get(way)
        if held is None or held[0] != shape:
            dense = weight.contiguous().to(images.dtype).to_mkldnn()
            own, lay_out = self.convolution, torch._C._nn.mkldnn_reorder_conv2d_weight
            packed: Tensor = lay_out(  # type: ignore[call-arg]
                dense, [*padding], [*stride], [*_pair(own.dilation)], own.groups, list(images.shape)
            )
            held = self._laid_out[way] = (shape, packed)
        return held[1]


class _Convolve(torch.autograd.Function):
    """Joins both directions."""

    @staticmethod
    def forward(context: Any, images: Tensor, own: PackedConvolution) -> Tensor:
        context.own = own
        context.save_for_backward(images)
        return own.forwards(images)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (images,) = context.saved_tensors
        return context.own.backwards(gradients[0], images), None


def _convolved(
    images: Tensor, weight: Tensor, bias: Tensor | None, padding: _Pair, stride: _Pair, dilation: _Pair, groups: int
) -> Tensor:
    found: Tensor = torch.ops.mkldnn._convolution_pointwise(
        images, weight, bias, padding, stride, dilation, groups, "none", [], ""
    )
    return found


def _pair(values: Any) -> _Pair:
    return int(values[0]), int(values[1])
