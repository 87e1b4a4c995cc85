"""Uncertainty estimation by dropout on attention outputs: sampled as published, or in its exact closed form."""

from __future__ import annotations

import math
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from facewarden.core.errors import BadInputError
from facewarden.nn.precision import at_least_single

UncertaintyMode = Literal["closed_form", "mc"]

DROPOUT = 0.3
RATE = 2.25
SAMPLES = 20


@torch.no_grad()
def certainty_closed_form(
    activation: Float[Tensor, "*b c"], *, dropout: float = DROPOUT, rate: float = RATE
) -> Float[Tensor, "*b"]:
    """Certainty of each token, the limit of the published sampling for infinitely many samples.

    Inverted dropout of a value a has standard deviation |a| sqrt(p / (1 - p)), so nothing has to be drawn:
    `U = mean_c exp(-r |a_c| sqrt(p / (1 - p)))`, in (0, 1], 1 for a token of zeros. No gradient flows.

    Source: Lin et al., "Suppress and Rebalance", CVPR 2024, section 3.2; the variance of dropout is elementary.

    Args:
        activation: outputs of the attention, any leading axes.
        dropout: probability p of dropping a value.
        rate: r of the exponential.
    """
    _check(dropout, rate)
    scale = -rate * math.sqrt(dropout / (1 - dropout))
    return at_least_single(activation.abs()).mul_(scale).exp_().mean(dim=-1)


@torch.no_grad()
def certainty_mc(
    activation: Float[Tensor, "*b c"],
    *,
    dropout: float = DROPOUT,
    rate: float = RATE,
    samples: int = SAMPLES,
    generator: torch.Generator | None = None,
    shared: bool = False,
) -> Float[Tensor, "*b"]:
    """Certainty of each token from the standard deviation over several dropout samples, as published.

    Of t samples of a value a, k keep it as a / (1 - p) and the others are 0, so their unbiased standard deviation is
    |a| / (1 - p) sqrt(k (t - k) / (t (t - 1))) and only k, which is binomial, has to be drawn: the same distribution
    as t masks, at the price of one.

    Args:
        activation: outputs of the attention, any leading axes.
        dropout: probability p of dropping a value.
        rate: r of the exponential.
        samples: t, at least 2.
        generator: source of the draws; without one, the generator that `torch.nn.Dropout` uses too.
        shared: the whole second axis gets the same draws. In evaluation it is the batch, so that no score depends on
            its neighbors.

    Source: Lin et al., CVPR 2024, section 3.2 and the released settings (p 0.3, r 2.25, t 20, standard deviation).
    """
    _check(dropout, rate)
    if samples < 2:
        raise BadInputError(f"{samples} dropout samples have no spread", hint="samples=20")
    shape = list(activation.shape)
    if shared:
        shape[1] = 1
    uniform = torch.rand(shape, generator=generator, device=activation.device)
    spread = _spread(samples, dropout).to(activation.device)
    kept = torch.bucketize(1 - uniform, _cumulative(samples, dropout).to(activation.device))
    return (at_least_single(activation.abs()) * spread[kept]).mul_(-rate).exp_().mean(dim=-1)


def _check(dropout: float, rate: float) -> None:
    if not (0 <= dropout < 1 and rate >= 0):
        raise BadInputError(f"dropout {dropout} and rate {rate}", hint="0 <= dropout < 1, rate >= 0")


def _cumulative(samples: int, dropout: float) -> Tensor:
    """Boundaries that turn a uniform number into the binomial count of kept values."""
    if dropout == 0:
        return torch.zeros(samples)  # all are kept
    kept = torch.arange(samples, dtype=torch.float64)
    ways = math.lgamma(samples + 1) - torch.lgamma(kept + 1) - torch.lgamma(samples - kept + 1)
    mass = (ways + kept * math.log(1 - dropout) + (samples - kept) * math.log(dropout)).exp()
    return mass.cumsum(0).float()


def _spread(samples: int, dropout: float) -> Tensor:
    """Standard deviation of the samples of a unit value, by the count of those that keep it."""
    kept = torch.arange(samples + 1, dtype=torch.float64)
    variance = kept * (samples - kept) / (samples * (samples - 1))
    return (variance.sqrt() / (1 - dropout)).float()
