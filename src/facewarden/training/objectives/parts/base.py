"""`TrainingObjective`: a loss with named parts, and the say over how it is turned into gradients."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, final

import torch
from torch import Tensor, nn

from facewarden.core.batch import FaceBatch
from facewarden.core.errors import BadInputError, ContractError
from facewarden.core.guards.contracts import forbid_override
from facewarden.core.roles import Detector
from facewarden.training.objectives.parts.statistics import owned_norms


@dataclass(frozen=True, eq=False)
class Loss:
    """A training loss and its terms.

    Attributes:
        total: scalar to minimize.
        parts: its terms by name, as they are logged, `loss/rgb` for one of a modality; without gradient.
    """

    total: Tensor
    parts: Mapping[str, Tensor] = field(default_factory=dict)


class TrainingObjective(ABC):
    """What a detector learns: implement `compute`, and `backward` where gradients are not just those of the total."""

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        forbid_override(cls, TrainingObjective, "__call__")

    @abstractmethod
    def compute(self, model: Detector, batch: FaceBatch) -> Loss:
        """Loss of a labeled batch."""

    def backward(self, model: Detector, loss: Loss, *, run: Callable[[Tensor], None]) -> None:
        """Fill the parameters' gradients.

        Args:
            model: whose gradients may be read and changed afterwards.
            loss: as `compute` gave it.
            run: backpropagates a scalar; it scales for mixed precision.
        """
        run(loss.total)

    def begin(self, *, domains: Sequence[str], steps: int) -> None:  # noqa: B027
        """Learn what lies ahead, before the first epoch and before a checkpoint is put back; nothing by default.

        Args:
            domains: names of the training data's domains.
            steps: of the whole training.
        """

    def gather(self, batches: int) -> None:
        """Learn, before the first step, how many batches are one optimizer step.

        Plain losses need nothing: their gradients add up, and the loop divides. A rule of its own for gradients may not
        add up over batches, so an objective that has one is refused unless it says otherwise.

        Args:
            batches: of one step; the last step of an epoch may get fewer, `finish` then ends it.

        Raises:
            BadInputError: several, and it cannot.
        """
        if batches > 1 and type(self).backward is not TrainingObjective.backward:
            raise BadInputError(
                f"{type(self).__name__} cannot gather {batches} batches for a step", hint="training: accumulate 1"
            )

    def finish(self) -> None:  # noqa: B027
        """End a step that got fewer batches than it was told; nothing by default."""

    def after_step(self, model: Detector) -> None:  # noqa: B027
        """Change the model after an optimizer step, as methods do that project weights; nothing by default."""

    def statistics(self, model: Detector) -> dict[str, float]:
        """What the last step was like, for the log; called after `backward`, while the gradients are there.

        Names are `what/modality`: `gradient/rgb` is the length of the gradient on the parameters that belong to rgb,
        for networks that say which those are. A number that a step does not have is left out.
        """
        return owned_norms(model)

    def refresh(self, model: Detector, batches: Iterable[FaceBatch], *, epoch: int, seed: int = 0) -> None:  # noqa: B027
        """Look at the training data before an epoch; nothing by default.

        Args:
            model: as it is trained.
            batches: all training samples, unchanged, read only when they are asked for.
            epoch, seed: decide any draw.
        """

    def helpers(self) -> dict[str, nn.Module]:
        """Networks that it uses besides the model, by name, so that their passes can be counted; none by default."""
        return {}

    def state_dict(self) -> dict[str, Any]:
        """What `refresh` has learned, as nested mappings of tensors and JSON values; a checkpoint keeps it."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:  # noqa: B027
        """Put back what `state_dict` gave."""

    @final
    def __call__(self, model: Detector, batch: FaceBatch) -> Loss:
        """Compute the loss and check it.

        Raises:
            ContractError: the batch has no labels, or the loss is not a finite scalar.
        """
        name = type(self).__name__
        if batch.label is None:
            raise ContractError(f"{name} needs labels", hint="FaceBatch(..., label=...)")
        loss = self.compute(model, batch)
        if loss.total.shape != () or not bool(torch.isfinite(loss.total.detach())):
            raise ContractError(
                f"{name} gave a loss of {loss.total.detach().tolist()}", hint="lower the learning rate, check the data"
            )
        return loss
