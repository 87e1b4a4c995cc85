"""Cheaper ReGrad: the rule between class tokens instead of parameters, so that one backward pass is enough."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch
from torch import Tensor
from torch import distributed as dist

from facewarden.core.batch import FaceBatch
from facewarden.core.errors import BadInputError, ContractError
from facewarden.core.labels import MODALITIES
from facewarden.core.roles import Detector
from facewarden.training.objectives.parts.base import Loss
from facewarden.training.objectives.parts.gradients import average_gradients
from facewarden.training.objectives.parts.prototype_objective import PrototypeObjective, StreamLoss, unwrap
from facewarden.training.objectives.parts.regrad_math import Rule, rebalance

Space = Literal["shared", "own"]


@dataclass(frozen=True, eq=False, kw_only=True)
class TokenLoss(StreamLoss):
    """A `StreamLoss` with the class tokens `(m, b, d)` that it was computed from."""

    tokens: Tensor


class RegradToken(PrototypeObjective):
    """An approximation of `regrad` at the cost of a plain step: cotangents of class tokens are rebalanced.

    Each prototype loss reaches the network through the class token of its modality only. Its gradient there, of the
    whole batch, is what is rebalanced, and one backward pass carries it to the parameters with the cross-entropy. The
    slower modalities' cotangents stay as they are; that of the fastest is set against the sum of the others (`shared`:
    all tokens come from one trunk and lie in one space, so the three can be compared) and weighed by its certainty.
    With `own` they are not compared, as a token of one modality has no gradient from another's loss: then the rule does
    nothing but weigh the fastest by its certainty, which is exact ReGrad in a last block.

    With `rule="off"` the gradient is that of `regrad` with `rule="off"`, as far as tensors are owned; shared tensors
    have the prototype losses' gradient too (none of them has one under the preset `paper`).

    Args:
        rule: `full`, `off`, `conflict_only` or `aligned_only`, as for `regrad`.
        uncertainty: weigh the fastest by its certainty.
        space: `shared` or `own`.
        sources, factor, keep, probability: as for `ssp`.
    """

    def __init__(
        self,
        *,
        rule: Rule = "full",
        uncertainty: bool = True,
        space: Space = "shared",
        sources: Sequence[str] = (),
        factor: float = 0.3,
        keep: float = 0.2,
        probability: float = 0.5,
    ) -> None:
        super().__init__(sources=sources, factor=factor, keep=keep, probability=probability)
        if rule not in get_args(Rule) or space not in get_args(Space):
            raise BadInputError(
                f"regrad_token: rule {rule!r}, space {space!r}",
                hint=f"rule: {', '.join(get_args(Rule))}; space: shared, own",
            )
        self.rule, self.uncertainty, self.space = rule, uncertainty, space
        self._told: dict[str, float] = {}

    def compute(self, model: Detector, batch: FaceBatch) -> TokenLoss:
        """Loss of a labeled batch.

        Raises:
            ContractError: the detector has no streams, or there are no prototypes yet.
        """
        inner: Any = unwrap(model)
        if not hasattr(inner, "streams"):
            raise ContractError(
                f"regrad_token needs class tokens, which {type(inner).__name__} does not give", hint="train mmdg"
            )
        output = inner.streams(batch)
        loss = self.measure(output.logits, output.tokens, batch=batch, certainty=output.certainty)
        return TokenLoss(**vars(loss), tokens=output.tokens)

    def backward(self, model: Detector, loss: Loss, *, run: Callable[[Tensor], None]) -> None:
        """Rebalance the cotangents and run one backward pass of `entropy + tokens * cotangents`.

        With several processes inner products, losses and certainties are those of the joined batch, and gradients of
        local means are averaged.
        """
        assert isinstance(loss, TokenLoss)
        means = loss.prototype / loss.counts.clamp(min=1)
        (taken,) = torch.autograd.grad(means.sum(), loss.tokens, retain_graph=True)
        cotangents = self._rebalance(taken * self.factor, loss)
        run(loss.entropy / loss.count + (loss.tokens * cotangents.to(loss.tokens)).sum())
        average_gradients(model.parameters())

    def statistics(self, model: Detector) -> dict[str, float]:
        """The last step: gradients by owner, which modality was the fastest, whether it was in conflict."""
        return {**super().statistics(model), **self._told}

    def _rebalance(self, given: Tensor, loss: StreamLoss) -> Tensor:
        """What is sent back into each class token `(m, b, d)`."""
        sums = _joined(torch.stack([loss.prototype.detach(), loss.counts.float(), loss.certainty, loss.heard.float()]))
        speed = torch.where(sums[1] > 0, sums[0] / sums[1].clamp(min=1), torch.inf)
        weight = sums[2] / sums[3].clamp(min=1) if self.uncertainty else torch.ones_like(sums[2])
        fastest = int(speed.argmin())
        flat = _gathered(given.flatten(1))
        others = [m for m in range(len(flat)) if m != fastest]
        if self.space == "own":
            flat = flat.clone()
            flat[others] = 0.0  # no gradient from another's loss
        combined, conflict = rebalance(
            flat, [flat.shape[1]], owner=fastest, fast=True, certainty=weight.to(flat), rule=self.rule
        )
        made = (combined - flat[others].sum(dim=0)).view(-1, *given.shape[1:])
        rank = dist.get_rank() if _several() else 0
        self._told = {f"fastest/{m}": float(i == fastest) for i, m in enumerate(MODALITIES)}
        self._told[f"conflict/{MODALITIES[fastest]}"] = float(conflict.double().mean())
        return torch.cat([given[:fastest], made[rank][None], given[fastest + 1 :]])


def _several() -> bool:
    return dist.is_available() and dist.is_initialized()


def _joined(sums: Tensor) -> Tensor:
    if _several():
        dist.all_reduce(sums)
    return sums


def _gathered(flat: Tensor) -> Tensor:
    """The rows of all processes one after another; their batches must be of one size."""
    if not _several():
        return flat
    parts = [torch.empty_like(flat) for _ in range(dist.get_world_size())]
    dist.all_gather(parts, flat.contiguous())
    return torch.cat(parts, dim=1)


entry = RegradToken
