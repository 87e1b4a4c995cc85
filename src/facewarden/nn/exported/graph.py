"""What a model offers to be exported: a module of tensors alone, and the inputs that it takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from torch import nn

from facewarden.nn.exported.settings import CropView


@dataclass(frozen=True, eq=False)
class DetectorGraph:
    """A detector behind its crop.

    Attributes:
        module: views in [0, 1] in this order, then `(b, m)` with 1 where a sensor is there if `present`; gives scores
            `(b,)`, and with `heads` a tuple of these and of the outputs of each head.
        views: its inputs of pictures.
        present: whether it takes the mask.
        heads: further outputs in their order.
    """

    module: nn.Module
    views: tuple[CropView, ...]
    present: bool = False
    heads: tuple[str, ...] = ()


@runtime_checkable
class Exportable(Protocol):
    """A detector that can be exported."""

    def graph(self) -> DetectorGraph:
        """The detector as a graph; its weights are shared."""
        ...
