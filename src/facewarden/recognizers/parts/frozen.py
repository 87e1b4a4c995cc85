"""Load weights from a published file into our network, and freeze it."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from facewarden.core.errors import AssetError

Array = NDArray[np.float32]
_NEGLIGIBLE = 1e-20


def load_in_order(network: nn.Module, values: Iterable[Array | Tensor], *, source: str) -> None:
    """Fill the parameters of a network in the order in which it registers them, then freeze it in evaluation mode.

    Args:
        network: its parameters' shapes decide; a vector may be published with trailing axes of length 1.
        values: one array per parameter, in the order of the forward pass.
        source: the file, for error messages.

    Raises:
        AssetError: another number of arrays, or a shape that does not fit.
    """
    parameters, arrays = list(network.named_parameters()), [torch.as_tensor(value) for value in values]
    if len(parameters) != len(arrays):
        raise AssetError(f"{source} holds {len(arrays)} arrays, the network has {len(parameters)}", hint="report this")
    with torch.no_grad():
        for (name, parameter), array in zip(parameters, arrays, strict=True):
            if array.numel() != parameter.numel() or array.shape[: parameter.ndim] != parameter.shape:
                raise AssetError(
                    f"{source}: {name} is {tuple(array.shape)}, the network wants {tuple(parameter.shape)}",
                    hint="report this",
                )
            parameter.copy_(array.reshape(parameter.shape))
            # Weight decay leaves weights near 1e-38 behind: too small to reach any digit of an embedding, but their
            # products are subnormal numbers, which slow a CPU tenfold.
            parameter[parameter.abs() < _NEGLIGIBLE] = 0
    network.requires_grad_(False).eval()


def fold_scale(weight: Array | Tensor, scale: Tensor, shift: Tensor, *, bias: Tensor | None = None) -> list[Tensor]:
    """Merge `scale * (conv(x) + bias) + shift` into the weight and bias of the convolution.

    Args:
        weight: `(out, in, kh, kw)`.
        scale, shift, bias: `(out,)`.
    """
    filters = torch.as_tensor(weight)
    return [filters * scale[:, None, None, None], shift if bias is None else shift + scale * bias]


def fold_batch_norm(
    weight: Tensor, *, mean: Tensor, variance: Tensor, scale: Tensor, shift: Tensor, bias: Tensor | None = None
) -> list[Tensor]:
    """Merge a batch normalization in evaluation mode (epsilon 1e-5) into the convolution before it."""
    # In double precision: the quotient of small numbers would otherwise cost a digit of the parity with the original.
    factor = scale.double() / torch.sqrt(variance.double() + 1e-5)
    moved = shift.double() - mean.double() * factor
    merged = fold_scale(weight.double(), factor, moved, bias=None if bias is None else bias.double())
    return [tensor.float() for tensor in merged]
