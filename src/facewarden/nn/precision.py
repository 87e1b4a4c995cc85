"""Parts that must not run in half precision: sums, softmaxes and losses use float32 or wider."""

from __future__ import annotations

from contextlib import AbstractContextManager

import torch
from torch import Tensor


def at_least_single(x: Tensor) -> Tensor:
    """Return the tensor in float32 if it is narrower; float32 and float64 stay unchanged."""
    return x.float() if x.dtype in (torch.bfloat16, torch.float16) else x


def full_precision(x: Tensor) -> AbstractContextManager[None]:
    """Switch autocast off on the tensor's device: a head in bfloat16 would give scores in steps of a few per mille."""
    return torch.autocast(x.device.type, enabled=False)
