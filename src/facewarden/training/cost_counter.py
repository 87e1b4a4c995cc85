"""Count what a training costs: forward and backward passes of samples through a network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn


@dataclass(eq=False)
class Passes:
    """Samples that went through a network.

    Attributes:
        forward: forward passes, with and without gradients.
        backward: backward passes, to the weights or to the input; several through one forward pass count once.
    """

    forward: int = 0
    backward: int = 0


@contextmanager
def counted(network: nn.Module) -> Iterator[Passes]:
    """Count the samples that pass a network while the context lasts.

    Args:
        network: called with a `FaceBatch` or a tensor whose first axis is the sample; gives a tensor, or an object
            whose attributes are tensors and mappings of them.
    """
    passes = Passes()

    def seen(_module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        count = len(inputs[0])
        passes.forward += count
        waiting = [True]

        def returned(_gradient: Tensor) -> None:
            passes.backward += count * waiting[0]
            waiting[0] = False

        for tensor in _tensors(output):
            if tensor.requires_grad and torch.is_grad_enabled():
                tensor.register_hook(returned)  # type: ignore[no-untyped-call]

    hook = network.register_forward_hook(seen)
    try:
        yield passes
    finally:
        hook.remove()


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _tensors(item)
    elif hasattr(value, "__dict__"):
        yield from _tensors(vars(value))
