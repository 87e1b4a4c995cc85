"""Where half precision must not go: sums, softmaxes and losses are computed in float32 or what is wider."""

from __future__ import annotations

from contextlib import AbstractContextManager

import torch
from torch import Tensor


def at_least_single(x: Tensor) -> Tensor:
    """The tensor in float32 where it is narrower, as it is where it is float32 or float64."""
    return x.float() if x.dtype in (torch.bfloat16, torch.float16) else x


def full_precision(x: Tensor) -> AbstractContextManager[None]:
    """Switch autocast off on the tensor's device: a head in bfloat16 would give scores in steps of a few per mille."""
    return torch.autocast(x.device.type, enabled=False)
