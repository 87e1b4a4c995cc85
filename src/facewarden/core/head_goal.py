"""`HeadLoss`: an attacker who climbs the loss of one head of a multitask detector; success stays the decision."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from facewarden.core.batch import FaceBatch
from facewarden.core.decision_goal import Evade
from facewarden.core.errors import BadInputError
from facewarden.core.guards.text import is_count
from facewarden.core.labels import MODALITIES
from facewarden.core.objective import Images, Objective
from facewarden.core.roles import Detector
from facewarden.core.tasks import CODES, HEADS, head_loss, head_margin, known

Form = Literal["loss", "logits"]


class HeadLoss(Objective):
    """Climb a head's own loss against the truth that it was trained to tell.

    Heads of `facewarden.core.tasks` have the loss of that module. For any other head it follows from the truth: whole
    numbers of one per sample are classes (cross-entropy), a vector of numbers in [0, 1] are attributes (binary
    cross-entropy), anything with more axes is a map (squared error). The truth of a head that is named after a sensor
    is the label. Where the truth of a sample is unknown (a negative class, NaN), its loss is zero: such a sample cannot
    be attacked through the head and belongs in no success rate; `labeled` finds the others.

    Args:
        detector: the model under attack; its `targets` say the truth.
        batch: clean samples with labels.
        head: name of the head whose gradient the attacker reads.
        threshold: the deployed decision threshold on the score.
        towards: a class of a head that names one, which it is to say: its cross-entropy is descended, of samples whose
            truth is known. None moves away from the truth, which for two classes is the same.
        form: "loss" climbs the head's loss, which saturates where the head is sure; "logits" its outputs before the
            part that saturates, see `facewarden.core.tasks.head_margin`.

    Raises:
        BadInputError: the detector has no such head, the batch not its truth, or the head not that class.

    Source: Yang et al., Exposing Fine-Grained Adversarial Vulnerability of Face Anti-Spoofing Models (2023), figure.
    """

    goal = "head"

    def __init__(
        self,
        detector: Detector,
        batch: FaceBatch,
        *,
        head: str,
        threshold: float,
        towards: int | None = None,
        form: Form = "loss",
    ) -> None:
        check_head(detector, head)
        if form != "loss" and towards is not None:
            raise BadInputError("a class to move towards has the loss of the head only", hint="form loss")
        if towards is not None:
            class_code(head, str(towards))
        self.towards, self.form = towards, form
        self._evade = Evade(detector, batch, threshold=threshold)
        self._truth = truth_of(detector, batch, head)
        self.differentiable = detector.differentiable
        self.clean, self.keys, self.head, self.label = batch.images, batch.key, head, batch.label

    def loss(self, images: Images) -> Float[Tensor, " b"]:
        """The head's loss, per sample."""
        output = self._evade.detector(self._evade.batch.with_images(images)).tasks[self.head]
        truth = self._truth.to(output.device)
        if self.towards is not None:
            aim = torch.where(truth >= 0, torch.full_like(truth, self.towards), truth)
            return -head_loss(self.head, output, aim)
        return head_margin(output, truth) if self.form == "logits" else loss_of_head(self.head, output, truth)

    def success(self, images: Images) -> Bool[Tensor, " b"]:
        """Whether the live/spoof decision is wrong."""
        return self._evade.success(images)

    def margin(self, images: Images) -> Float[Tensor, " b"]:
        """How far the score, not the head, is on the wrong side of the threshold."""
        return self._evade.margin(images)

    def with_copies(self) -> HeadLoss:
        """The same goal on a copy of the detector."""
        part = copy.copy(self)
        part._evade = self._evade.with_copies()
        return part

    def select(self, rows: Sequence[int]) -> HeadLoss:
        """Return the same goal for some of the samples."""
        part = copy.copy(self)
        part._evade, part._truth = self._evade.select(rows), self._truth[list(rows)]
        part.clean, part.keys, part.label = part._evade.clean, part._evade.keys, part._evade.label
        return part


def check_head(detector: Detector, head: str) -> str:
    """Return the name of a head that a detector has.

    Raises:
        BadInputError: it has none of that name; the hint lists those that it has.
    """
    if head not in detector.heads:
        known = ", ".join(detector.heads) or "none, only the decision"
        raise BadInputError(f"{type(detector).__name__} has no head {head!r}", hint=f"heads: {known}")
    return head


def class_code(head: str, text: str) -> int:
    """The code of a class of a head, by its name or its number.

    Args:
        head: one that names one of several classes.
        text: "phone", or "9".

    Raises:
        BadInputError: the head names no class, or has none of that name; the hint lists them.
    """
    if head not in CODES:
        raise BadInputError(f"head {head!r} names no class to move towards", hint=f"heads: {', '.join(CODES)}")
    names = CODES[head]
    if text in names:
        return names.index(text)
    if is_count(text) and int(text) < len(names):
        return int(text)
    raise BadInputError(f"head {head!r} has no class {text!r}", hint=f"one of: {', '.join(names)}")


def labeled(detector: Detector, batch: FaceBatch, *, head: str | None) -> Bool[Tensor, " b"]:
    """Which samples have any truth of a head, so that an attack through it has something to climb.

    Args:
        detector, batch: as in `HeadLoss`.
        head: None, or "live" on a detector without such a head, is the decision itself, whose truth is the label.

    Raises:
        BadInputError: the detector has no such head, or the batch not its truth.
    """
    if head is None or (head == "live" and head not in detector.heads):
        return torch.ones(len(batch), dtype=torch.bool, device=batch.device)
    truth = truth_of(detector, batch, check_head(detector, head)).to(batch.device)
    if head in HEADS:
        return known(head, truth)
    if truth.ndim == 1 and not truth.is_floating_point():
        return truth >= 0
    return (torch.isfinite(truth) & (truth >= 0)).flatten(1).any(dim=1)


def truth_of(detector: Detector, batch: FaceBatch, head: str) -> Tensor:
    """What a head should say of a batch, by the detector's own targets, or the label for a head of one sensor.

    Raises:
        BadInputError: the batch lacks it.
    """
    targets = detector.targets(batch)
    if head in targets:
        return targets[head]
    if head in MODALITIES and batch.label is not None:
        return batch.label.float()[:, None]
    raise BadInputError(
        f"the samples come without the truth of head {head!r}", hint=f"truth here: {', '.join(targets) or 'none'}"
    )


def loss_of_head(head: str, output: Tensor, truth: Tensor) -> Float[Tensor, " b"]:
    """What a head is wrong by, per sample; by its name where `facewarden.core.tasks` has it, else by its truth.

    Args:
        head: name.
        output: of the head.
        truth: as `truth_of` gives it, on the same device.

    Raises:
        BadInputError: output and truth do not fit together.
    """
    if head in HEADS:
        return head_loss(head, output, truth)
    if truth.ndim == 1 and not truth.is_floating_point() and output.ndim == 2:
        loss = functional.cross_entropy(output, truth.long().clamp(min=0), reduction="none")
        return torch.where(truth >= 0, loss, torch.zeros_like(loss))
    if truth.shape != output.shape:
        raise BadInputError(
            f"a head gives {tuple(output.shape)}, its truth is {tuple(truth.shape)}", hint="one truth per output"
        )
    truth = truth.to(output)
    here = torch.isfinite(truth) & (truth >= 0)
    filled = torch.where(here, truth, torch.zeros_like(truth))
    if output.ndim == 2:
        each = functional.binary_cross_entropy_with_logits(output, filled, reduction="none")
    else:
        each = (output - filled).square()
    return torch.where(here, each, torch.zeros_like(each)).flatten(1).mean(dim=1)


def goal_of(
    detector: Detector,
    batch: FaceBatch,
    *,
    head: str | None,
    threshold: float,
    towards: int | None = None,
    form: Form = "loss",
) -> Evade | HeadLoss:
    """The goal of an attack through a head: the decision's own cross-entropy, or the head's loss.

    Args:
        detector, batch, threshold, towards, form: as in `HeadLoss`.
        head: None, or "live" on a detector without such a head, attacks the decision itself.
    """
    if head is None or (head == "live" and head not in detector.heads):
        kind: Literal["margin", "cross_entropy"] = "cross_entropy" if form == "loss" else "margin"
        return Evade(detector, batch, threshold=threshold, loss=kind)
    return HeadLoss(detector, batch, head=head, threshold=threshold, towards=towards, form=form)
