"""What an attack sees of the world: a per-sample loss to climb and a test of success, made from a model and a goal."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from facewarden.core.batch import FaceBatch
from facewarden.core.errors import BadInputError
from facewarden.core.labels import Modality
from facewarden.core.roles import Detector, Recognizer

Images = Mapping[Modality, Tensor]


class Objective(ABC):
    """A goal of an attacker against a model, for a fixed set of clean samples.

    Attributes:
        clean: the unattacked images by modality.
        keys: one name per sample; random starts are drawn per name, so that batching never changes them.
        goal: a word for reports.
        differentiable: whether `loss` has a gradient; gradient attacks refuse an objective without one.
        label: `(b,)` what the attacker knows that each sample is, 1 = bona fide; None where the goal has no labels.
    """

    clean: Images
    keys: tuple[str, ...]
    goal: str
    differentiable: bool = True
    label: Tensor | None = None

    @abstractmethod
    def loss(self, images: Images) -> Float[Tensor, " b"]:
        """What the attacker climbs, one value per sample; samples must not influence each other."""

    @abstractmethod
    def success(self, images: Images) -> Bool[Tensor, " b"]:
        """Whether the goal is reached, per sample, by the deployed decision."""

    def evaluate(self, images: Images) -> tuple[Float[Tensor, " b"], Bool[Tensor, " b"]]:
        """Loss and success, from one pass through the model where a subclass can."""
        return self.loss(images), self.success(images)

    def margin(self, images: Images) -> Float[Tensor, " b"]:
        """Signed distance to the decision, differentiable: positive where the goal is reached, negative elsewhere.

        Raises:
            BadInputError: this objective has none.
        """
        raise BadInputError(f"{type(self).__name__} has no margin", hint="an attack that climbs the loss: pgd, apgd")

    def select(self, rows: Sequence[int]) -> Objective:
        """Return the same goal for some of the samples; here evaluated on all of them, which saves nothing."""
        return _Rows(self, rows)


class _Rows(Objective):
    """Some samples of an objective that cannot be narrowed: the others stay clean and are evaluated in vain."""

    def __init__(self, whole: Objective, rows: Sequence[int]) -> None:
        self._whole, self._where = whole, torch.tensor(rows, dtype=torch.long)
        self.goal, self.differentiable = whole.goal, whole.differentiable
        self.clean = {name: image[self._where] for name, image in whole.clean.items()}
        self.keys = tuple(whole.keys[row] for row in rows)
        self.label = None if whole.label is None else whole.label[self._where.to(whole.label.device)]

    def _fill(self, images: Images) -> Images:
        return {name: image.index_copy(0, self._where, images[name]) for name, image in self._whole.clean.items()}

    def loss(self, images: Images) -> Float[Tensor, " b"]:
        return self._whole.loss(self._fill(images))[self._where]

    def success(self, images: Images) -> Bool[Tensor, " b"]:
        return self._whole.success(self._fill(images))[self._where]

    def margin(self, images: Images) -> Float[Tensor, " b"]:
        return self._whole.margin(self._fill(images))[self._where]


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
        self.detector, self.batch, self.threshold, self.kind = detector, batch, threshold, loss
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
        return signed if self.kind == "margin" else torch.nn.functional.softplus(signed)

    def margin(self, images: Images) -> Float[Tensor, " b"]:
        """How far the score is on the wrong side of the deployed threshold."""
        return self._signed(self._score(images) - self.threshold)

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


class HeadShift(Objective):
    """Move one head of a multitask detector away from what it says of the clean samples; success stays the decision.

    Args:
        detector, batch, threshold: as in `Evade`.
        head: name of the head whose gradient the attacker reads.
    """

    goal = "head"

    def __init__(self, detector: Detector, batch: FaceBatch, *, head: str, threshold: float) -> None:
        if head not in detector.heads:
            raise BadInputError(
                f"{type(detector).__name__} has no head {head!r}", hint=f"heads: {', '.join(detector.heads) or 'none'}"
            )
        self._evade = Evade(detector, batch, threshold=threshold)
        self.differentiable = detector.differentiable
        self.clean, self.keys, self.head, self.label = batch.images, batch.key, head, batch.label
        with torch.no_grad():
            self._reference = detector(batch).tasks[head].detach()

    def loss(self, images: Images) -> Float[Tensor, " b"]:
        """Mean squared distance of the head's output to its clean output."""
        output = self._evade.detector(self._evade.batch.with_images(images)).tasks[self.head]
        shift: Tensor = (output - self._reference).flatten(1).square().mean(dim=1)
        return shift

    def success(self, images: Images) -> Bool[Tensor, " b"]:
        """Whether the live/spoof decision is wrong."""
        return self._evade.success(images)

    def margin(self, images: Images) -> Float[Tensor, " b"]:
        """How far the score, not the head, is on the wrong side of the threshold."""
        return self._evade.margin(images)

    def select(self, rows: Sequence[int]) -> HeadShift:
        """Return the same goal for some of the samples."""
        part = copy.copy(self)
        part._evade, part._reference = self._evade.select(rows), self._reference[list(rows)]
        part.clean, part.keys, part.label = part._evade.clean, part._evade.keys, part._evade.label
        return part


class _Embedding(Objective):
    """Shared part of the goals on recognizers: an ensemble of embedders and a reference vector for each."""

    def __init__(
        self,
        recognizers: Sequence[Recognizer],
        images: Tensor,
        keys: Sequence[str],
        weights: Sequence[float] | None = None,
    ) -> None:
        if not recognizers:
            raise BadInputError("an embedding goal needs at least one recognizer", hint="recognizers=[...]")
        _refuse_twins(recognizers)
        given = [1.0] * len(recognizers) if weights is None else list(weights)
        if len(given) != len(recognizers) or min(given) < 0 or not 0 < sum(given) < float("inf"):
            raise BadInputError(f"{len(recognizers)} recognizers with weights {given}", hint="one weight >= 0 for each")
        # their mean is one, so that the loss keeps its scale
        self._weights = [weight * len(given) / sum(given) for weight in given]
        if len(set(keys)) != len(images) or len(keys) != len(images):
            raise BadInputError(f"{len(images)} faces need as many different keys, got {len(keys)}", hint="keys=[...]")
        self.recognizers = tuple(recognizers)
        self.differentiable = all(model.differentiable for model in recognizers)
        self.clean, self.keys = {"rgb": images}, tuple(keys)
        self._reference: tuple[Tensor, ...] = ()

    def _similarity(self, images: Images) -> Tensor:
        """Cosine similarity to the references, `(recognizers, b)`."""
        pairs = zip(self.recognizers, self._reference, strict=True)
        return torch.stack([(model.embed(images["rgb"]) * reference).sum(dim=1) for model, reference in pairs])

    def select(self, rows: Sequence[int]) -> _Embedding:
        """Return the same goal for some of the samples."""
        part, where = copy.copy(self), list(rows)
        part.clean, part.keys = {"rgb": self.clean["rgb"][where]}, tuple(self.keys[row] for row in where)
        part._reference = tuple(reference[where] for reference in self._reference)
        return part

    def _mean(self, values: Tensor) -> Tensor:
        """Weighted mean over the recognizers of `(recognizers, b)`."""
        return (values * values.new_tensor(self._weights)[:, None]).mean(dim=0)


def _refuse_twins(recognizers: Sequence[Recognizer]) -> None:
    """Raise when an ensemble holds a network twice: published code has averaged two copies and called them an ensemble.

    Raises:
        BadInputError: the same object, or equal weights in the same order.
    """
    held = [list(model.parameters()) for model in recognizers]
    for second in range(len(recognizers)):
        for first in range(second):
            one, other = held[first], held[second]
            same = recognizers[first] is recognizers[second] or (
                bool(one)
                and type(recognizers[first]) is type(recognizers[second])
                and [p.shape for p in one] == [p.shape for p in other]
                and all(torch.equal(p, q) for p, q in zip(one, other, strict=True))
            )
            if same:
                raise BadInputError(
                    f"surrogates {first + 1} and {second + 1} are the same network", hint="name different recognizers"
                )


class PushAway(_Embedding):
    """Move embeddings away from those of the clean faces (dodging, and the core of untargeted cloaks).

    Args:
        recognizers: surrogates, their losses are averaged.
        images: `(b, 3, 112, 112)` aligned faces.
        keys: one name per face.
        threshold: cosine similarity below which every surrogate no longer matches the clean face.
        weights: of the surrogates in the loss, equal by default. Cosines of different networks live in different bands:
            1 / (1 - threshold of the network) makes their terms comparable.
    """

    goal = "push_away"

    def __init__(
        self,
        recognizers: Sequence[Recognizer],
        images: Tensor,
        *,
        keys: Sequence[str],
        threshold: float = 0.25,
        weights: Sequence[float] | None = None,
    ) -> None:
        super().__init__(recognizers, images, keys, weights)
        self.threshold = threshold
        with torch.no_grad():
            self._reference = tuple(model.embed(images) for model in self.recognizers)

    def loss(self, images: Images) -> Float[Tensor, " b"]:
        """One minus cosine similarity to the clean embedding, averaged over surrogates.

        At the clean point itself this has zero gradient: attacks on it need a random start.
        """
        return self._mean(1.0 - self._similarity(images))

    def success(self, images: Images) -> Bool[Tensor, " b"]:
        """Whether all surrogates see another person."""
        with torch.no_grad():
            return (self._similarity(images) < self.threshold).all(dim=0)

    def margin(self, images: Images) -> Float[Tensor, " b"]:
        """How far the surrogate that still sees the person best is below the threshold."""
        return self.threshold - self._similarity(images).amax(dim=0)


class Impersonate(_Embedding):
    """Move embeddings to those of other faces.

    Args:
        recognizers, images, keys, weights: as in `PushAway`.
        targets: `(b, 3, 112, 112)` faces to be taken for.
        threshold: cosine similarity from which every surrogate matches the target.
    """

    goal = "impersonate"

    def __init__(
        self,
        recognizers: Sequence[Recognizer],
        images: Tensor,
        *,
        targets: Tensor,
        keys: Sequence[str],
        threshold: float = 0.25,
        weights: Sequence[float] | None = None,
    ) -> None:
        super().__init__(recognizers, images, keys, weights)
        if len(targets) != len(images):
            raise BadInputError(f"{len(targets)} targets for {len(images)} faces", hint="one target per face")
        self.threshold = threshold
        with torch.no_grad():
            self._reference = tuple(model.embed(targets) for model in self.recognizers)

    def loss(self, images: Images) -> Float[Tensor, " b"]:
        """Cosine similarity to the target, averaged over surrogates."""
        return self._mean(self._similarity(images))

    def success(self, images: Images) -> Bool[Tensor, " b"]:
        """Whether all surrogates see the target."""
        with torch.no_grad():
            return (self._similarity(images) >= self.threshold).all(dim=0)

    def margin(self, images: Images) -> Float[Tensor, " b"]:
        """How far the surrogate that sees the target least is above the threshold."""
        return self._similarity(images).amin(dim=0) - self.threshold


class Through(Objective):
    """Another goal, seen through something that happens to every image first: a mask, a purifier, an alignment.

    An attack on it is an attacker who knows what will happen to the image and plans for it.

    Args:
        inner: the goal; its clean images are those that the attacker changes.
        view: what happens to the images, differentiable where the goal is, sample by sample.
        differentiable: False when the view gives no gradient.
    """

    def __init__(self, inner: Objective, view: Callable[[Images], Images], *, differentiable: bool = True) -> None:
        self.inner, self.view = inner, view
        self.clean, self.keys, self.goal, self.label = inner.clean, inner.keys, inner.goal, inner.label
        self.differentiable = inner.differentiable and differentiable

    def loss(self, images: Images) -> Float[Tensor, " b"]:
        """The goal's loss of what is left of the images."""
        return self.inner.loss(self.view(images))

    def success(self, images: Images) -> Bool[Tensor, " b"]:
        """Whether the goal is reached on what is left of the images."""
        with torch.no_grad():
            return self.inner.success(self.view(images))

    def margin(self, images: Images) -> Float[Tensor, " b"]:
        """The goal's margin on what is left of the images."""
        return self.inner.margin(self.view(images))
