"""Goals of an attacker against recognizers: no longer be the person of the clean face, or be another one."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from facewarden.core.compute.gradient_copy import recognizer_for_gradients
from facewarden.core.errors import BadInputError
from facewarden.core.objective import Images, Objective
from facewarden.core.roles import Recognizer


class _Embedding(Objective):
    """Shared part of the goals on recognizers: an ensemble of embedders and a reference vector for each."""

    def __init__(
        self,
        recognizers: Sequence[Recognizer],
        images: Tensor,
        keys: Sequence[str],
        weights: Sequence[float] | None = None,
        *,
        people: Sequence[str] | None = None,
        landmarks: Tensor | None = None,
    ) -> None:
        if not recognizers:
            raise BadInputError("an embedding goal needs at least one recognizer", hint="recognizers=[...]")
        _refuse_twins(recognizers)
        check_surrogates(recognizers)
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
        if people is not None and len(people) != len(images):
            raise BadInputError(f"{len(images)} faces of {len(people)} people", hint="people=[...], one for each face")
        self.people, self.landmarks = None if people is None else tuple(people), landmarks
        self._reference: tuple[Tensor, ...] = ()

    def _similarity(self, images: Images) -> Tensor:
        """Cosine similarity to the references, `(recognizers, b)`."""
        pairs = zip(self.recognizers, self._reference, strict=True)
        return torch.stack([(model.embed(images["rgb"]) * reference).sum(dim=1) for model, reference in pairs])

    def with_copies(self) -> _Embedding:
        """The same goal on copies of the recognizers."""
        part = copy.copy(self)
        part.recognizers = tuple(recognizer_for_gradients(model, self.clean["rgb"]) for model in self.recognizers)
        return part

    def select(self, rows: Sequence[int]) -> _Embedding:
        """Return the same goal for some of the samples."""
        part, where = copy.copy(self), list(rows)
        part.clean, part.keys = {"rgb": self.clean["rgb"][where]}, tuple(self.keys[row] for row in where)
        part.people = None if self.people is None else tuple(self.people[row] for row in where)
        part.landmarks = None if self.landmarks is None else self.landmarks[where]
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


def check_surrogates(recognizers: Sequence[Recognizer]) -> None:
    """Raise when a recognizer that is kept for evaluation is to help make a cloak or a purifier.

    Raises:
        BadInputError: one is; results on it would no longer say how a cloak or a purifier carries over.
    """
    for model in recognizers:
        if model.evaluation_only:
            raise BadInputError(
                f"{model.card.name} is kept for evaluation and is no surrogate",
                hint="another recognizer: facewarden list recognizers",
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
        people, landmarks: as in `Objective`, where they are known.
    """

    goal = "push_away"
    with_copies = _Embedding.with_copies

    def __init__(
        self,
        recognizers: Sequence[Recognizer],
        images: Tensor,
        *,
        keys: Sequence[str],
        threshold: float = 0.25,
        weights: Sequence[float] | None = None,
        people: Sequence[str] | None = None,
        landmarks: Tensor | None = None,
    ) -> None:
        super().__init__(recognizers, images, keys, weights, people=people, landmarks=landmarks)
        self.threshold = threshold
        with torch.no_grad():
            self._reference = tuple(model.embed(images) for model in self.recognizers)

    def loss(self, images: Images) -> Float[Tensor, " b"]:
        """One minus cosine similarity to the clean embedding, averaged over surrogates.

        At the clean point itself this has zero gradient: attacks on it need a random start.
        """
        return self._mean(1.0 - self._similarity(images))

    def evaluate(self, images: Images) -> tuple[Float[Tensor, " b"], Bool[Tensor, " b"]]:
        """Loss and success of one pass."""
        similarity = self._similarity(images)
        return self._mean(1.0 - similarity), (similarity.detach() < self.threshold).all(dim=0)

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
    with_copies = _Embedding.with_copies

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

    def evaluate(self, images: Images) -> tuple[Float[Tensor, " b"], Bool[Tensor, " b"]]:
        """Loss and success of one pass."""
        similarity = self._similarity(images)
        return self._mean(similarity), (similarity.detach() >= self.threshold).all(dim=0)

    def success(self, images: Images) -> Bool[Tensor, " b"]:
        """Whether all surrogates see the target."""
        with torch.no_grad():
            return (self._similarity(images) >= self.threshold).all(dim=0)

    def margin(self, images: Images) -> Float[Tensor, " b"]:
        """How far the surrogate that sees the target least is above the threshold."""
        return self._similarity(images).amin(dim=0) - self.threshold
