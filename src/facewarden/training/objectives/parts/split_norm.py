"""Batch statistics of clean samples alone: what the pass of attacked samples does not move."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


@contextmanager
def statistics_kept(model: nn.Module, *, on: bool = True) -> Iterator[None]:
    """Running means and variances are put back at the end; inside, batches are normalized by their own.

    Source: the split of Xie et al., Adversarial Examples Improve Image Recognition (2020), where the norms of attacked
    samples are dropped after the training; here gains and biases are shared, statistics are not.

    Args:
        model: with any batch normalization.
        on: whether to do so at all.
    """
    norms = [module for module in model.modules() if isinstance(module, _BatchNorm)] if on else []
    before = [[value.clone() for value in norm.buffers()] for norm in norms]
    try:
        yield
    finally:
        for norm, kept in zip(norms, before, strict=True):
            for value, old in zip(norm.buffers(), kept, strict=True):
                value.copy_(old)
