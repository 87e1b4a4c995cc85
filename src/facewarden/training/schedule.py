"""The learning-rate schedule of every training loop: a linear warmup, then half a cosine down to zero."""

from __future__ import annotations

import math

import torch


def scheduled_rate(step: int, total: int, *, peak: float, warmup: float) -> float:
    """Return the learning rate of one optimizer step.

    Args:
        step: number of the step, from 0.
        total: steps of the whole training.
        peak: the rate at the end of the warmup.
        warmup: share of all steps over which the rate rises; at least one step.
    """
    rise = max(1, round(warmup * total))
    if step < rise:
        return peak * (step + 1) / rise
    return peak * 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, total - rise)))


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Give every parameter group of an optimizer the same learning rate."""
    for group in optimizer.param_groups:
        group["lr"] = rate
