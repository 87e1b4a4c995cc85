"""Cheaper ReGrad: the exact rule at every k-th step only, in between one ordinary backward pass."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from facewarden.core import registry
from facewarden.core.batch import FaceBatch
from facewarden.core.errors import BadInputError
from facewarden.core.roles import Detector
from facewarden.training.objectives.parts.base import Loss, TrainingObjective
from facewarden.training.objectives.parts.gradients import average_gradients

Between = Literal["plain", "last"]


class RegradEvery(TrainingObjective):
    """An approximation of `regrad` that costs `(k - 1 + r) / k` of a plain step, r being the exact step's cost.

    Steps 0, k, 2k … take the exact rule. The others backpropagate the total loss once; with `between="plain"` that is
    all, with "last" the difference that the rule made at the last exact step (its gradient less the plain one, on the
    owned tensors) is added again, unchanged. With k = 1 it is `regrad`. In a plain step shared tensors have the
    prototype losses' gradient too, which reaches none of them under the preset `paper`; with several
    processes they average the gradients of local means, and "last" compares with the local plain gradient.

    Args:
        every: k.
        between: `plain` or `last`.
        rule, uncertainty, speed, momentum, sources, factor, keep, probability: as for `regrad`.
    """

    def __init__(
        self,
        *,
        every: int = 4,
        between: Between = "plain",
        rule: str = "full",
        uncertainty: bool = True,
        speed: str = "batch",
        momentum: float = 0.9,
        sources: Sequence[str] = (),
        factor: float = 0.3,
        keep: float = 0.2,
        probability: float = 0.5,
    ) -> None:
        if every < 1 or between not in get_args(Between):
            raise BadInputError(
                f"regrad_every: every {every}, between {between!r}", hint="every >= 1; between: plain, last"
            )
        self.every, self.between = every, between
        self.exact = registry.load("objectives", "regrad")(
            rule=rule, uncertainty=uncertainty, speed=speed, momentum=momentum, sources=sources, factor=factor,
            keep=keep, probability=probability,
        )  # fmt: skip
        self._step = 0
        self._made: dict[str, Tensor] = {}

    def begin(self, *, domains: Sequence[str], steps: int) -> None:
        """As for `regrad`; steps are counted from here."""
        self.exact.begin(domains=domains, steps=steps)
        self._step, self._made = 0, {}

    def compute(self, model: Detector, batch: FaceBatch) -> Loss:
        """Loss of a labeled batch, as `regrad` has it."""
        loss: Loss = self.exact.compute(model, batch)
        return loss

    def backward(self, model: Detector, loss: Loss, *, run: Callable[[Tensor], None]) -> None:
        """Exact at every k-th call, one backward pass otherwise."""
        turn, self._step = self._step % self.every, self._step + 1
        owned = {name: p for name, p, owner in _network(model).owned() if owner is not None}
        if turn:
            run(loss.total)
            average_gradients(model.parameters())
            for name, correction in self._made.items():
                parameter = owned[name]
                own = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
                parameter.grad = own + correction.to(own)
            return
        if self.between == "plain" or self.every == 1:
            self.exact.backward(model, loss, run=run)
            return
        before = torch.autograd.grad(
            loss.total, list(owned.values()), retain_graph=True, allow_unused=True, materialize_grads=True
        )
        self.exact.backward(model, loss, run=run)
        pairs = zip(owned.items(), before, strict=True)
        self._made = {name: p.grad - plain for (name, p), plain in pairs if p.grad is not None}

    def statistics(self, model: Detector) -> dict[str, float]:
        """As for `regrad` at an exact step; the gradients alone at the others."""
        exact = (self._step - 1) % self.every == 0
        found: dict[str, float] = self.exact.statistics(model) if exact else super().statistics(model)
        return found

    def refresh(self, model: Detector, batches: Iterable[FaceBatch], *, epoch: int, seed: int = 0) -> None:
        """Measure the prototypes anew."""
        self.exact.refresh(model, batches, epoch=epoch, seed=seed)

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint must hold."""
        return {"exact": self.exact.state_dict(), "step": self._step, "made": self._made}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.exact.load_state_dict(state["exact"])
        self._step, self._made = int(state["step"]), dict(state.get("made", {}))


def _network(model: Detector) -> Any:
    return getattr(model, "module", model).network


entry = RegradEvery
