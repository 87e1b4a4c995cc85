"""Options of a training: an average of the weights, forward passes computed twice to save memory, compilation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from facewarden.core.errors import BadInputError

_BLOCKS = ("blocks", "layers", "stages")
"""Names under which networks keep their blocks, one after the other."""


class AveragedWeights:
    """An exponential moving average of a network's weights, which the training leaves at its end.

    Args:
        network: whose trainable weights are averaged; buffers are those of the last step.
        decay: share of the old average; 0 averages nothing. In the first steps it is smaller, `(1 + n) / (10 + n)`,
            since the weights that they begin with mean nothing.
    """

    def __init__(self, network: nn.Module, *, decay: float) -> None:
        self.network, self.decay, self._steps = network, decay, 0
        self.values = {name: value.detach().clone() for name, value in network.named_parameters()} if decay else {}

    @torch.no_grad()
    def step(self) -> None:
        """Take the weights after an optimizer step into the average."""
        self._steps += 1
        share = 1 - min(self.decay, (1 + self._steps) / (10 + self._steps))
        for name, value in self.network.named_parameters() if self.decay else ():
            self.values[name].lerp_(value, share)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """The averaged weights in the network for a while."""
        held = {name: value.detach().clone() for name, value in self.network.named_parameters()} if self.decay else {}
        self.apply()
        try:
            yield
        finally:
            self._put(held)

    def apply(self) -> None:
        """Put the averaged weights into the network."""
        self._put(self.values)

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint must hold; nothing where nothing is averaged."""
        return {"steps": self._steps, "values": dict(self.values)} if self.decay else {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a checkpoint."""
        if not self.decay or not state:
            return
        self._steps = int(state["steps"])
        for name, value in self.values.items():
            value.copy_(state["values"][name])

    @torch.no_grad()
    def _put(self, values: Mapping[str, Tensor]) -> None:
        for name, value in self.network.named_parameters() if values else ():
            value.copy_(values[name])


@contextmanager
def recomputed_blocks(network: nn.Module, *, on: bool) -> Iterator[None]:
    """Let the blocks of a network keep only their inputs for the backward pass, which computes them again.

    Args:
        network: of blocks one after the other, as transformers are.
        on: whether to.

    Raises:
        BadInputError: the network has no blocks.
    """
    blocks = [
        block
        for name, module in network.named_modules()
        if isinstance(module, nn.ModuleList | nn.Sequential) and name.rpartition(".")[2] in _BLOCKS
        for block in module
    ]
    if on and not blocks:
        raise BadInputError(
            f"{type(network).__name__} has no blocks to compute twice", hint='"training": {"recompute": false}'
        )
    for block in blocks if on else ():
        block.forward = partial(_twice, block)
    try:
        yield
    finally:
        for block in blocks if on else ():
            del block.forward  # the method of the class is there again


def _twice(block: nn.Module, *inputs: Any, **named: Any) -> Any:
    forward = partial(type(block).forward, block)
    if not torch.is_grad_enabled():
        return forward(*inputs, **named)
    return checkpoint(forward, *inputs, use_reentrant=False, **named)
