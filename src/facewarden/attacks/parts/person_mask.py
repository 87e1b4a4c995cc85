"""What cloaks share that make one mask for all photos of a person: whose photos they are, and the final choice."""

# No `from __future__ import annotations`: subclasses in other modules get these fields, and whoever reads their types
# there must find types, not names that only this module imports.

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Ge, Le
from torch import Tensor

from facewarden.core.attack import Attack, CountedObjective
from facewarden.core.compute.precision import Precision, check_precision
from facewarden.core.labels import Modality
from facewarden.core.objective import Images
from facewarden.core.settings import Count, check_fields
from facewarden.core.threat import ThreatModel

Masks = dict[Modality, Tensor]
Paint = Callable[[Masks], Images]
MOST_PHOTOS = 16
"""Photos of a person in a step of the published methods; more would not fit on every machine."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PersonMask(Attack):
    """Steps on one mask a person; subclasses say how a step is taken and how a mask changes a photo.

    Where the goal does not know who is on a photo, each photo is a person of its own, with a mask of its own.

    Args:
        steps: gradient steps.
        photos: at most so many photos of a person make the mask, the first ones in the order given; it is then put on
            all of them, so that the others say what it does to photos that it has not seen: neither its gradients nor
            its goal nor the final choice know them.
        precision: "bfloat16" reads gradients in less time on processors with its instructions; what was reached is
            measured in float32.

    Raises:
        BadInputError: fewer than one step or photo, or more than 16 photos.
    """

    steps: Count = 16
    photos: Annotated[int, Ge(1), Le(MOST_PHOTOS)] = MOST_PHOTOS
    precision: Precision = "float32"

    def __post_init__(self) -> None:
        object.__setattr__(self, "precision", check_precision(self.precision))
        check_fields(self)

    @abstractmethod
    def learn(self, objective: CountedObjective, paint: Paint) -> Masks:
        """Return the masks `(k, …)` of the k people of the objective, in the order of their numbers.

        Args:
            objective: the photos that make the mask.
            paint: puts masks on these photos.
        """

    def painter(self, objective: CountedObjective) -> Paint:
        """Return what puts masks on the photos of an objective, differentiable in the masks: here it adds them."""
        people = objective.people

        def paint(masks: Masks) -> Images:
            return {
                name: (image + masks[name][people]).clamp(0.0, 1.0) if name in masks else image
                for name, image in objective.clean.items()
            }

        return paint

    def perturb(self, objective: CountedObjective) -> Images:
        """Return every photo with its person's mask, or as it was where that gained nothing over those that made it."""
        if not len(objective) or objective.threat.eps == 0.0:
            return objective.clean
        people = objective.people
        first = _first_of_each(people, self.photos)
        shown = objective if bool(first.all()) else objective.narrow(first)
        paint = self.painter(objective)
        learned = paint if shown is objective else self.painter(shown)
        masks = self.learn(shown, learned)
        with torch.no_grad():
            images = paint(masks)
            seen = images if shown is objective else learned(masks)
        gain = mean_by_person(shown.loss(seen) - shown.loss(shown.clean), shown.people)
        better = (gain > 0)[people.to(gain.device)].view(-1, 1, 1, 1)
        return {
            name: torch.where(better.to(image.device), images[name].to(image), image)
            for name, image in objective.clean.items()
        }


def person_noise(objective: CountedObjective, modality: Modality, shape: tuple[int, ...]) -> Tensor:
    """`(k, …)` uniform numbers in [-1, 1), drawn by the name of each person's first photo."""
    numbers, generators = objective.people.tolist(), objective.generators("mask", modality)
    firsts = [generators[numbers.index(who)] for who in range(max(numbers) + 1)]
    return torch.stack([torch.rand(shape, generator=one) * 2 - 1 for one in firsts]).to(objective.clean[modality])


def mean_by_person(values: Tensor, people: Tensor) -> Tensor:
    """Mean over the samples of each person, `(k, …)`.

    Args:
        values: `(b, …)`.
        people: `(b,)` numbers from 0 on, each of which is there.
    """
    where = people.to(values.device)
    count = int(where.max()) + 1
    total = torch.zeros(count, *values.shape[1:], dtype=values.dtype, device=values.device).index_add(0, where, values)
    each = torch.bincount(where, minlength=count).to(values).view(-1, *[1] * (values.ndim - 1))
    return total / each


def within(mask: Tensor, threat: ThreatModel) -> Tensor:
    """Masks cut or shortened to the budget."""
    if threat.norm == "linf":
        return mask.clamp(-threat.eps, threat.eps)
    length = mask.flatten(1).norm(p=2, dim=1).clamp(min=1e-12)
    factor: Tensor = (threat.eps / length).clamp(max=1.0)
    return mask * factor.view(-1, 1, 1, 1)


def _first_of_each(people: Tensor, count: int) -> Tensor:
    """`(b,)` bool, the first so many samples of each person."""
    seen: dict[int, int] = {}
    kept = []
    for who in people.tolist():
        seen[who] = seen.get(who, 0) + 1
        kept.append(seen[who] <= count)
    return torch.tensor(kept, dtype=torch.bool)
