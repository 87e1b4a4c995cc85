"""AWP: adversarial training with the weights moved against the loss as well."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from facewarden.core import registry
from facewarden.core.batch import FaceBatch
from facewarden.core.errors import BadInputError
from facewarden.core.roles import Detector
from facewarden.training.objectives.parts.adversarial import AdversarialLoss, AdversarialObjective
from facewarden.training.objectives.parts.base import Loss, TrainingObjective


class Awp(TrainingObjective):
    """Gradients of another adversarial loss at weights `w + gamma |w| g / |g|`, g the gradient of that loss at w.

    Every matrix and filter is moved by that share of its own length; biases and normalization stay. Afterwards the
    weights, and the batch statistics of the second look, are put back.

    Args:
        inner, inner_settings: `pgd_at` or `trades`, and its arguments.
        gamma: relative length of the move; published: .01 with adversarial training, .005 with TRADES.
        warmup: epochs before it begins.

    Raises:
        BadInputError: an inner objective that is not adversarial, or a negative gamma.

    Source: Wu et al., Adversarial Weight Perturbation Helps Robust Generalization (2020), equations 8 to 11.
    """

    def __init__(
        self,
        *,
        inner: str = "pgd_at",
        inner_settings: Mapping[str, Any] | None = None,
        gamma: float = 0.01,
        warmup: int = 0,
    ) -> None:
        made = registry.load("objectives", inner)(**(inner_settings or {}))
        if not isinstance(made, AdversarialObjective):
            raise BadInputError(f"awp goes on top of adversarial training, not of {inner}", hint="pgd_at or trades")
        if not 0.0 <= gamma < float("inf") or warmup < 0:
            raise BadInputError(f"gamma {gamma:g}, warmup {warmup}", hint="gamma=0.01, warmup=0")
        self.inner, self.gamma, self.warmup = made, gamma, warmup
        self._epoch = 0

    def compute(self, model: Detector, batch: FaceBatch) -> AdversarialLoss:
        """The inner loss."""
        loss = self.inner.compute(model, batch)
        if self._active:
            more = loss.parts["gradients"] + self.inner.passes
            return AdversarialLoss(loss.total, {**loss.parts, "gradients": more}, loss.batch, loss.attacked)
        return loss

    @property
    def _active(self) -> bool:
        return self.gamma > 0.0 and self._epoch >= self.warmup

    def backward(self, model: Detector, loss: Loss, *, run: Callable[[Tensor], None]) -> None:
        """Gradients of the inner loss at the moved weights."""
        if not self._active or not isinstance(loss, AdversarialLoss) or loss.batch is None or loss.attacked is None:
            run(loss.total)
            return
        weights = [parameter for parameter in model.parameters() if parameter.requires_grad and parameter.ndim > 1]
        slopes = torch.autograd.grad(loss.total, weights, allow_unused=True)
        with _moved(model, weights, slopes, gamma=self.gamma):
            run(self.inner.learn(model, loss.batch, loss.attacked).total)

    def refresh(self, model: Detector, batches: Iterable[FaceBatch], *, epoch: int, seed: int = 0) -> None:
        """Note the epoch, and let the inner objective look."""
        self._epoch = epoch
        self.inner.refresh(model, batches, epoch=epoch, seed=seed)

    def helpers(self) -> dict[str, torch.nn.Module]:
        """Those of the inner objective."""
        return self.inner.helpers()

    def state_dict(self) -> dict[str, Any]:
        """State of the inner objective."""
        return {"inner": self.inner.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Put back what `state_dict` gave."""
        self.inner.load_state_dict(state.get("inner", {}))


@contextmanager
def _moved(
    model: torch.nn.Module, weights: list[torch.nn.Parameter], slopes: tuple[Tensor | None, ...], *, gamma: float
) -> Iterator[None]:
    before = [weight.detach().clone() for weight in weights]
    buffers = {name: value.clone() for name, value in model.named_buffers()}
    with torch.no_grad():
        for weight, slope in zip(weights, slopes, strict=True):
            length = 0.0 if slope is None else float(slope.norm())
            if slope is not None and length > 0.0:
                weight.add_(slope, alpha=gamma * float(weight.norm()) / length)
    try:
        yield
    finally:
        with torch.no_grad():
            for weight, value in zip(weights, before, strict=True):
                weight.copy_(value)
            for name, value in model.named_buffers():
                value.copy_(buffers[name])


entry = Awp
