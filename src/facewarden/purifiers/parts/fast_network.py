"""What purifiers with a network for aligned crops share: the engine that is faster for them."""

from __future__ import annotations

from torch import nn

from facewarden.nn.fast_forward import FastForward

CROP = 112
"""Side of the crops that are purified again and again."""


class FastNetwork:
    """Gives a frozen network of aligned crops, `network`, in the engine that is faster."""

    network: nn.Module
    _fast: FastForward | None = None

    @property
    def engine(self) -> str:
        """What computes aligned crops without gradients: onnxruntime or torch."""
        return self._forward.engine

    @property
    def _forward(self) -> FastForward:
        """The network in that engine."""
        if self._fast is None or self._fast.network is not self.network:
            self._fast = FastForward(self.network, (3, CROP, CROP))
        return self._fast
