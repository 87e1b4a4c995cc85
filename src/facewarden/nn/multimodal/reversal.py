"""Gradient reversal: forward nothing changes, backward the gradient changes its sign."""

from __future__ import annotations

import math
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor


class _Reverse(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, strength: float) -> Tensor:
        ctx.strength = strength
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        return -ctx.strength * gradients[0], None


def reverse_gradient(x: Float[Tensor, "*s"], *, strength: float) -> Float[Tensor, "*s"]:
    """The same values, whose gradient arrives times minus `strength`.

    Source: Ganin and Lempitsky, "Unsupervised Domain Adaptation by Backpropagation", ICML 2015.
    """
    reversed_: Tensor = _Reverse.apply(x, strength)  # type: ignore[no-untyped-call]
    return reversed_


def rising_strength(taken: int, *, steps: int) -> float:
    """`2 / (1 + exp(-10 t)) - 1` with t = taken / steps: from 0 to nearly 1 over a training.

    So the adversary has learned something before the features are turned against it.

    Source: Ganin and Lempitsky, ICML 2015, with gamma 10.
    """
    return 2 / (1 + math.exp(-10 * taken / steps)) - 1
