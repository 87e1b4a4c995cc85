"""OGM-GE: the gradient of the modality that is ahead is shrunk by its lead, and noise makes up for what it loses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from facewarden.core.batch import FaceBatch
from facewarden.core.errors import BadInputError, ContractError
from facewarden.core.labels import MODALITIES
from facewarden.core.roles import Detector
from facewarden.training.objectives.parts.base import Loss, TrainingObjective
from facewarden.training.objectives.parts.prototype_objective import present_of, tokens_of, unwrap
from facewarden.training.objectives.parts.statistics import Owned


@dataclass(frozen=True, eq=False, kw_only=True)
class RatioLoss(Loss):
    """A loss with the share of the right class that each modality would give alone, `(m,)`, 0 where none was there."""

    shares: Tensor


def coefficients(shares: Float[Tensor, " m"], *, alpha: float) -> Float[Tensor, " m"]:
    """Factor on the gradient of each modality: `1 - tanh(alpha rho)` where `rho > 1`, else 1.

    rho is a modality's share in the mean of the others'. With two modalities that is the published ratio; the mean
    over more than one other is ours. A modality that was not there is neither ahead nor an other.

    Source: Peng et al., "Balanced Multimodal Learning via On-the-fly Gradient Modulation", CVPR 2022, equations 8, 9.

    Args:
        shares: sums or means over the samples of the probability of the right class.
        alpha: how much a lead is held against a modality.
    """
    there = shares > 0
    factors = torch.ones_like(shares)
    for m in there.nonzero().flatten().tolist():
        others = there.clone()
        others[m] = False
        if bool(others.any()):
            ratio = shares[m] / shares[others].mean()
            if float(ratio) > 1:
                factors[m] = 1 - torch.tanh(alpha * ratio)
    return factors


class OgmGe(TrainingObjective):
    """Cross-entropy whose gradients are modulated by the ratio of what the modalities would decide alone.

    The share of modality m is the mean probability of the right class under `W_m token_m + b / 3`, the part of the
    joint linear head that belongs to its class token. Gradients of all parameters that m owns are multiplied by its
    factor, and where that is below 1 (`enhance`) Gaussian noise of the standard deviation of the tensor's gradient
    before is added. The published code modulates convolutions only, as its encoders are such.

    It needs a joint linear head on class tokens and parameters that modalities own: `vit_concat`, `vit_cdc_adapter`,
    `cmfl`, `mmdg`.

    Source: Peng et al., "Balanced Multimodal Learning via On-the-fly Gradient Modulation", CVPR 2022.

    Args:
        alpha: how much a lead is held against a modality.
        enhance: add the noise (GE).
    """

    def __init__(self, *, alpha: float = 0.5, enhance: bool = True) -> None:
        if alpha < 0:
            raise BadInputError(f"ogm_ge: alpha {alpha}", hint="alpha >= 0")
        self.alpha, self.enhance = alpha, enhance
        self._told: dict[str, float] = {}

    def compute(self, model: Detector, batch: FaceBatch) -> RatioLoss:
        """Loss of a labeled batch.

        Raises:
            ContractError: the detector has no joint linear head on class tokens of its modalities.
        """
        inner: Any = unwrap(model)
        output = model(batch)
        tokens = tokens_of(output.features)
        weight, bias = _head(inner, width=tokens.shape[-1])
        assert batch.label is not None  # checked by the caller
        sign = batch.label.to(output.score) * 2 - 1
        present = present_of(batch)
        with torch.no_grad():
            alone = torch.einsum("mbd,md->mb", tokens, weight) + bias / len(tokens)
            right = torch.sigmoid(alone * sign) * present
            shares = right.sum(dim=1) / present.sum(dim=1).clamp(min=1)
        total = -F.logsigmoid(output.score * sign).mean()
        parts = {"cross_entropy": total.detach()}
        parts |= {
            f"share/{m}": value for m, value, here in zip(MODALITIES, shares, present.any(dim=1), strict=True) if here
        }
        return RatioLoss(total, parts, shares=shares)

    def backward(self, model: Detector, loss: Loss, *, run: Callable[[Tensor], None]) -> None:
        """Backpropagate, then change the gradients that modalities own; noise comes from torch's generator."""
        assert isinstance(loss, RatioLoss)
        run(loss.total)
        network: Any = unwrap(model)
        factors = dict(zip(MODALITIES, coefficients(loss.shares, alpha=self.alpha).tolist(), strict=True))
        for _, parameter, owner in network.network.owned():
            if owner is None or parameter.grad is None or factors[owner] == 1.0:
                continue
            gradient = parameter.grad
            spread = float(gradient.std(correction=0)) + 1e-8
            gradient.mul_(factors[owner])
            if self.enhance:
                gradient.add_(torch.randn(gradient.shape).to(gradient) * spread)
        self._told = {f"factor/{m}": value for m, value in factors.items()}

    def statistics(self, model: Detector) -> dict[str, float]:
        """Gradients by owner, and the factor of each modality."""
        return {**super().statistics(model), **self._told}


def _head(detector: Any, *, width: int) -> tuple[Tensor, Tensor]:
    """Weights `(m, d)` of the joint logit on each class token, and its bias; of two classes, their difference."""
    network = getattr(detector, "network", None)
    head = getattr(network, "head", None)
    many = len(MODALITIES)
    if not isinstance(network, Owned) or not isinstance(head, torch.nn.Linear) or head.in_features != many * width:
        raise ContractError(
            f"ogm_ge needs a joint linear head on class tokens, which {type(detector).__name__} has not",
            hint="train vit_concat, vit_cdc_adapter, cmfl or mmdg with it",
        )
    weight, bias = (value if len(value) == 1 else value[1:] - value[:1] for value in (head.weight, head.bias))
    return weight[0].view(many, width), bias[0]


entry = OgmGe
