"""The goal of an attacker against a detector: flip its decision."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from facewarden.core.batch import FaceBatch
from facewarden.core.compute.gradient_copy import detector_for_gradients
from facewarden.core.errors import BadInputError
from facewarden.core.objective import Images, Objective
from facewarden.core.roles import Detector


class Evade(Objective):
    """Flip a detector's decision: attacks are to be accepted, bona fide presentations rejected.

    Args:
        detector: the model under attack.
        batch: clean samples with labels.
        threshold: the deployed decision threshold on the score.
        loss: "margin" climbs the score itself, which never saturates; "cross_entropy" climbs the two-class
            cross-entropy of the logits (0, score), as attack libraries do.
    """

    goal = "evade"

    def __init__(
        self,
        detector: Detector,
        batch: FaceBatch,
        *,
        threshold: float,
        loss: Literal["margin", "cross_entropy"] = "margin",
    ) -> None:
        if batch.label is None:
            raise BadInputError("evasion needs the label of every sample", hint="FaceBatch(..., label=...)")
        if loss not in ("margin", "cross_entropy"):
            raise BadInputError(f"unknown loss {loss!r}", hint="margin or cross_entropy")
        self.differentiable = detector.differentiable
        self.detector, self.batch, self.threshold, self.loss_name = detector, batch, threshold, loss
        self.clean, self.keys, self.label = batch.images, batch.key, batch.label
        self._bona_fide = batch.label.bool()

    def _score(self, images: Images) -> Tensor:
        score: Tensor = self.detector(self.batch.with_images(images)).score
        return score

    def _signed(self, score: Tensor) -> Tensor:
        return torch.where(self._bona_fide.to(score.device), -score, score)

    def loss(self, images: Images) -> Float[Tensor, " b"]:
        """Negative score for bona fide samples, score for attacks (or the cross-entropy of the true class)."""
        return self._loss_of(self._score(images))

    def _loss_of(self, score: Tensor) -> Tensor:
        signed = self._signed(score)
        return signed if self.loss_name == "margin" else torch.nn.functional.softplus(signed)

    def margin(self, images: Images) -> Float[Tensor, " b"]:
        """How far the score is on the wrong side of the deployed threshold."""
        return self._signed(self._score(images) - self.threshold)

    def with_copies(self) -> Evade:
        """The same goal on a copy of the detector."""
        part = copy.copy(self)
        part.detector = detector_for_gradients(self.detector, self.batch)
        return part

    def select(self, rows: Sequence[int]) -> Evade:
        """Return the same goal for some of the samples."""
        part = copy.copy(self)
        part.batch, part._bona_fide = self.batch.select(rows), self._bona_fide[list(rows)]
        part.clean, part.keys, part.label = part.batch.images, part.batch.key, part.batch.label
        return part

    def success(self, images: Images) -> Bool[Tensor, " b"]:
        """Whether the decision at the deployed threshold is wrong."""
        with torch.no_grad():
            return self._wrong(self._score(images))

    def _wrong(self, score: Tensor) -> Tensor:
        return (score >= self.threshold) != self._bona_fide.to(score.device)

    def evaluate(self, images: Images) -> tuple[Float[Tensor, " b"], Bool[Tensor, " b"]]:
        """Loss and success of one pass."""
        score = self._score(images)
        return self._loss_of(score), self._wrong(score.detach())
