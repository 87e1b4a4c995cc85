"""Whether the weights of a network are still those that something was made of."""

from __future__ import annotations

from torch import nn

Stamp = tuple[tuple[int, int], ...]


def stamp_of(network: nn.Module) -> Stamp:
    """What changes when weights or buffers are written, replaced or moved."""
    return tuple(
        (tensor.data_ptr(), 0 if tensor.is_inference() else tensor._version)
        for tensors in (network.parameters(), network.buffers())
        for tensor in tensors
    )
