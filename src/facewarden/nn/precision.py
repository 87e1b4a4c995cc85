"""Parts that must not run in half precision: sums, softmaxes and losses use float32 or wider."""

from __future__ import annotations

from contextlib import AbstractContextManager

import torch
from torch import Tensor

from facewarden.core.compute.precision import at_least_single

__all__ = ["at_least_single", "full_precision"]


def full_precision(x: Tensor) -> AbstractContextManager[None]:
    """Switch autocast off on the tensor's device: a head in bfloat16 would give scores in steps of a few per mille."""
    return torch.autocast(x.device.type, enabled=False)
