"""Where a gradient attack reads its gradients, and how many for one step; the step itself stays the attack's."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from facewarden.core.objective import Images, Transform
from facewarden.core.threat import ThreatModel


@dataclass(frozen=True)
class AttackStage:
    """How far a walk has come.

    Attributes:
        restart: which try it is.
        step, steps: which step of how many.
    """

    restart: int = 0
    step: int = 0
    steps: int = 1

    @property
    def share(self) -> float:
        """What part of the walk is done, 0 at its first step."""
        return self.step / self.steps


@dataclass(frozen=True, eq=False)
class GradientQuery:
    """One gradient to read.

    Attributes:
        images: the point at which it is read.
        through: a differentiable change of the images between this point and the model.
    """

    images: Images
    through: Transform | None = None


@runtime_checkable
class AttackView(Protocol):
    """What a reading may ask of the attack that it serves.

    Attributes:
        clean: images of all modalities.
        threat: the budget.
        label: `(b,)` of the samples, 1 = bona fide; None where the goal has none.
        stage: how far the attack has come.
    """

    clean: Images
    threat: ThreatModel
    label: Tensor | None
    stage: AttackStage

    def draws(self, *stream: str) -> list[torch.Generator]:
        """One generator a sample, another one at every reading of every step and restart."""
        ...


class GradientSource(ABC):
    """An option of every gradient attack: instead of at the image, gradients are read where this says, and averaged.

    The step is added to the image itself all the same, so that budget, success and the images that come out are the
    attack's own. Every look counts as one gradient.
    """

    def begin(self, objective: AttackView) -> dict[str, Tensor]:
        """Prepare what stays the same over a walk.

        Args:
            objective: gives clean images, labels and per-sample randomness.

        Returns:
            Tensors whose first axis is the sample.
        """
        return {}

    @abstractmethod
    def looks(self, images: Images, *, objective: AttackView, state: dict[str, Tensor]) -> Sequence[GradientQuery]:
        """Say where the gradients of one reading are taken; their mean is used.

        Args:
            images: where the attack stands.
            objective: as in `begin`; its `stage` and `generators` serve draws.
            state: what `begin` gave, for these samples.
        """
