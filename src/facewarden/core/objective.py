"""What an attack sees of the world: a per-sample loss to climb and a test of success, made from a model and a goal."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import final

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from facewarden.core.errors import BadInputError, NotFiniteError
from facewarden.core.labels import Modality

Images = Mapping[Modality, Tensor]
Transform = Callable[[Images], Images]
_CLIMBED = ("loss", "first_loss", "margin")


class Objective(ABC):
    """A goal of an attacker against a model, for a fixed set of clean samples.

    Attributes:
        clean: the unattacked images by modality.
        keys: one name per sample; random starts are drawn per name, so that batching never changes them.
        goal: a word for reports.
        differentiable: whether `loss` has a gradient; gradient attacks refuse an objective without one.
        label: `(b,)` what the attacker knows that each sample is, 1 = bona fide; None where the goal has no labels.
        people: who is on each sample; None where the goal does not know, and each sample is a person of its own.
        landmarks: `(b, 5, 2)` eyes, nose tip and mouth corners in pixels of the images; None where they are not known.
    """

    clean: Images
    keys: tuple[str, ...]
    goal: str
    differentiable: bool = True
    label: Tensor | None = None
    people: tuple[str, ...] | None = None
    landmarks: Tensor | None = None

    @abstractmethod
    def loss(self, images: Images) -> Float[Tensor, " b"]:
        """What the attacker climbs, one value per sample; samples of different people must not influence each other."""

    def first_loss(self, images: Images) -> Float[Tensor, " b"]:
        """What an attacker climbs in the first steps, where `loss` itself has no slope at the clean images."""
        return self.loss(images)

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

    @final
    def for_gradients(self) -> Objective:
        """The goal as gradients are read of it: with copies of its models, or the goal itself.

        The class nearest to the goal that defines one of the two decides: one with `with_copies` has its copy climbed;
        one that redefines `loss`, `first_loss` or `margin` without it is climbed itself, since the copy that it
        inherits may not do what it does. Success, loss and margin that are reported come from the goal itself.
        """
        for kind in type(self).__mro__:
            if "with_copies" in vars(kind):
                return self.with_copies()
            if any(name in vars(kind) for name in _CLIMBED):
                return self
        return self

    def with_copies(self) -> Objective:
        """The same goal on copies of its models that give equal gradients in less time; here there are none.

        Attacks ask `for_gradients`, which calls this only where the class that defines `loss`, `first_loss` or `margin`
        defines this too (`facewarden.core.compute.gradient_copy` makes the copies).
        """
        return self

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
        self.people = None if whole.people is None else tuple(whole.people[row] for row in rows)
        self.landmarks = None if whole.landmarks is None else whole.landmarks[self._where]

    def _fill(self, images: Images) -> Images:
        return {name: image.index_copy(0, self._where, images[name]) for name, image in self._whole.clean.items()}

    def with_copies(self) -> _Rows:
        part = copy.copy(self)
        part._whole = self._whole.for_gradients()
        return part

    def _of(self, ask: Callable[[Images], Tensor], images: Images) -> Tensor:
        try:
            return ask(self._fill(images))[self._where]
        except NotFiniteError as error:  # it names rows of the whole
            places = {row: place for place, row in enumerate(self._where.tolist())}
            error.rows = tuple(places[row] for row in error.rows if row in places)
            raise

    def loss(self, images: Images) -> Float[Tensor, " b"]:
        return self._of(self._whole.loss, images)

    def first_loss(self, images: Images) -> Float[Tensor, " b"]:
        return self._of(self._whole.first_loss, images)

    def success(self, images: Images) -> Bool[Tensor, " b"]:
        return self._of(self._whole.success, images)

    def margin(self, images: Images) -> Float[Tensor, " b"]:
        return self._of(self._whole.margin, images)


class TransformedObjective(Objective):
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
        self.people, self.landmarks = inner.people, inner.landmarks

    def loss(self, images: Images) -> Float[Tensor, " b"]:
        """The goal's loss of what is left of the images."""
        return self.inner.loss(self.view(images))

    def first_loss(self, images: Images) -> Float[Tensor, " b"]:
        """What the goal climbs first, of what is left of the images."""
        return self.inner.first_loss(self.view(images))

    def with_copies(self) -> TransformedObjective:
        """The goal's own, seen through the same."""
        return TransformedObjective(self.inner.for_gradients(), self.view, differentiable=self.differentiable)

    def success(self, images: Images) -> Bool[Tensor, " b"]:
        """Whether the goal is reached on what is left of the images."""
        with torch.no_grad():
            return self.inner.success(self.view(images))

    def margin(self, images: Images) -> Float[Tensor, " b"]:
        """The goal's margin on what is left of the images."""
        return self.inner.margin(self.view(images))
