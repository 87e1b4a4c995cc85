"""Batch normalization over the batches of all processes, so that several train as one does on the joined batch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.nn.modules.batchnorm import _BatchNorm

from facewarden.core.errors import ContractError
from facewarden.training.parts.ranks import ranks


@contextmanager
def shared_batch_norm(model: nn.Module) -> Iterator[None]:
    """Let the batch normalization of a network take its statistics over all processes inside the block.

    Nothing changes with one process, nor for the names of weights. All processes must run the same layers in the same
    order.
    """
    norms = [module for module in model.modules() if isinstance(module, _BatchNorm)] if ranks().count > 1 else []
    for module in norms:
        # timm's normalization drops and activates behind itself
        if type(module).forward is not _BatchNorm.forward and not (hasattr(module, "act") and hasattr(module, "drop")):
            raise ContractError(
                f"{type(module).__name__} cannot be shared over processes", hint="train it in one process"
            )
        module.forward = partial(_forward, module)  # type: ignore[method-assign]
    try:
        yield
    finally:
        for module in norms:
            del module.forward  # the method of the class is there again


def mean_of_all(values: Tensor) -> Tensor:
    """The mean over the values of all processes, through which gradients flow."""
    if ranks().count == 1:
        return values.mean()
    count = torch.tensor(float(values.numel()), device=values.device)
    dist.all_reduce(count)
    return _summed(values.sum()) / count


def _forward(module: Any, images: Tensor) -> Tensor:
    if not module.training and module.track_running_stats:
        found: Tensor = type(module).forward(module, images)
        return found
    axes = [axis for axis in range(images.ndim) if axis != 1]
    shape = [1, -1] + [1] * (images.ndim - 2)
    values = images.float()
    count = torch.tensor(float(values.numel() // values.shape[1]), device=images.device)
    dist.all_reduce(count)
    mean = _summed(values.sum(dim=axes)) / count
    apart = values - mean.reshape(shape)
    variance = _summed(apart.square().sum(dim=axes)) / count
    if module.track_running_stats:
        _remember(module, mean.detach(), variance.detach() * count / (count - 1).clamp(min=1))
    made = apart * torch.rsqrt(variance + module.eps).reshape(shape)
    if module.weight is not None:
        made = made * module.weight.reshape(shape) + module.bias.reshape(shape)
    whole: Tensor = made.to(images.dtype)
    return whole if type(module).forward is _BatchNorm.forward else module.act(module.drop(whole))


def _summed(values: Tensor) -> Tensor:
    """The sum over all processes, through which gradients flow."""
    whole: Tensor = _Sum.apply(values)  # type: ignore[no-untyped-call]
    return whole


class _Sum(torch.autograd.Function):
    """A sum over processes; every process has its own loss, and the gradient is that of all of them."""

    @staticmethod
    def forward(context: Any, values: Tensor) -> Tensor:
        whole = values.clone()
        dist.all_reduce(whole)
        return whole

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> Tensor:
        whole = gradients[0].clone()
        dist.all_reduce(whole)
        return whole


def _remember(module: Any, mean: Tensor, variance: Tensor) -> None:
    with torch.no_grad():
        module.num_batches_tracked.add_(1)
        share = module.momentum if module.momentum is not None else 1.0 / float(module.num_batches_tracked)
        module.running_mean.lerp_(mean.to(module.running_mean), share)
        module.running_var.lerp_(variance.to(module.running_var), share)
