"""Batch statistics of clean samples alone: what the pass of attacked samples does not move."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


@contextmanager
def statistics_kept(model: nn.Module, *, on: bool = True) -> Iterator[None]:
    """Running means and variances stay as they are; inside, batches are normalized by their own.

    Inside, the norms have copies. At the end they get their own tensors back, which nothing has written to: the
    backward pass of what was computed before or inside still finds what it has saved.

    Source: the split of Xie et al., Adversarial Examples Improve Image Recognition (2020), where the norms of attacked
    samples are dropped after the training; here gains and biases are shared, statistics are not.

    Args:
        model: with any batch normalization.
        on: whether to do so at all.
    """
    norms = [module for module in model.modules() if isinstance(module, _BatchNorm)] if on else []
    own = [dict(norm.named_buffers(recurse=False)) for norm in norms]
    _put(norms, [{name: value.clone() for name, value in held.items()} for held in own])
    try:
        yield
    finally:
        _put(norms, own)


def _put(norms: Sequence[nn.Module], buffers: Sequence[Mapping[str, Tensor]]) -> None:
    for norm, held in zip(norms, buffers, strict=True):
        for name, value in held.items():
            setattr(norm, name, value)
