"""FaceCloak style: one mask for a person from one photo or a few, seen through variants, where it shows least."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import torch
from annotated_types import Ge, Le
from torch import Tensor
from torch.nn import functional

from facewarden.attacks.parts.person_mask import (
    MOST_PHOTOS,
    Masks,
    Paint,
    PersonMask,
    mean_by_person,
    person_noise,
    within,
)
from facewarden.attacks.parts.steps import START_NOISE, ascend
from facewarden.core.attack import CountedObjective
from facewarden.core.labels import Modality
from facewarden.core.objective import Images, Transform
from facewarden.core.settings import Count, NotNegative, Share, check_fields

_STEP = 1 / 8  # of the budget
_TURN, _SHIFT, _SIZE, _LIGHT = 8.0, 0.05, 0.06, 0.15  # degrees; shares of the side, of the size, of the brightness
_NO_DIVISION_BY_ZERO = 1e-12


@dataclass(frozen=True, kw_only=True, eq=False)
class FaceCloak(PersonMask):
    """Sign steps on a mask times a weight for each pixel, both shared by all photos of the person.

    The paper makes variants of one photo with a diffusion model; ours are turned, moved, resized, mirrored and lit
    differently, or come from a few photos. The goal (`TowardsAnchor`) is the cosine to the farthest stranger less the
    one to the nearest known face of the person. The weight of each pixel moves with the standardized gradient of the
    change, weight <- weight + rate z(|g|), inside [0, 1], and starts at the local contrast of the photos: a change is
    seen least where there is detail. Keeping to the face is left to whoever pastes the mask.

    Args:
        steps: rounds, 10 as published.
        variants: of each photo in a round, 8 as published.
        rate: of the weights in a round.
        contrast: how much of the first weights is contrast; 0 starts with the whole budget everywhere.
        photos: at most so many photos of a person make the mask; it is put on all of them.
        precision: "bfloat16" reads gradients faster where the processor has it.

    Raises:
        BadInputError: a count below one, or a negative rate.

    Source: after FaceCloak, arXiv 2605.19032: loss, sign step, weight map, 10 rounds over 8 variants, budget 8/255.
    """

    wants_target: ClassVar[bool] = True
    person_goal = "anchor"

    steps: Count = 10
    variants: Count = 8
    rate: NotNegative = 0.1
    contrast: Share = 0.5
    photos: Annotated[int, Ge(1), Le(MOST_PHOTOS)] = 4

    def __post_init__(self) -> None:
        check_fields(self)
        super().__post_init__()

    @classmethod
    def example(cls, folder: Path) -> FaceCloak:
        """Return a short walk for the conformance tests; no file is needed."""
        return cls(steps=3, variants=2)

    def learn(self, objective: CountedObjective, paint: Paint) -> Masks:
        """Take the rounds; the masks that are returned are changes times weights."""
        threat, people = objective.threat, objective.people
        changes: Masks = {}
        weights: Masks = {}
        for name in threat.modalities:
            clean = objective.clean[name]
            noise = person_noise(objective, name, tuple(clean.shape[1:]))
            changes[name] = within(min(threat.eps, START_NOISE) * noise, threat)
            weights[name] = 1 - self.contrast + self.contrast * mean_by_person(local_contrast(clean), people)
        for number in range(self.steps):
            objective.at(number, steps=self.steps)
            slopes = self._slopes(objective, paint(_shown(changes, weights)))
            for name, slope in slopes.items():
                mean = mean_by_person(slope, people)
                moved = ascend({name: changes[name]}, {name: mean}, norm=threat.norm, size=threat.eps * _STEP)
                changes[name] = within(moved[name], threat)
                weights[name] = (weights[name] + self.rate * standardized(mean.abs())).clamp(0.0, 1.0)
        return _shown(changes, weights)

    def _slopes(self, objective: CountedObjective, images: Images) -> dict[Modality, Tensor]:
        """Mean gradient over the variants of every photo; the first variant is the photo itself."""
        total: dict[Modality, Tensor] = {}
        draws = objective.generators("variants", f"step {objective.stage.step}")
        for number in range(self.variants):
            view = None if number == 0 else variant(draws)
            found, _ = objective.gradient(images, through=view, precision=self.precision, valued=False)
            total = {name: total[name] + slope for name, slope in found.items()} if total else found
        return {name: slope / self.variants for name, slope in total.items()}


def variant(draws: list[torch.Generator]) -> Transform:
    """Draw how every photo is turned, moved, resized, mirrored and lit, and return what does it."""
    numbers = torch.stack([torch.rand(6, generator=one) for one in draws]) * 2 - 1
    angle = torch.deg2rad(_TURN * numbers[:, 0])
    size = 1 + _SIZE * numbers[:, 1]
    mirrored = torch.where(numbers[:, 2] > 0, 1.0, -1.0)
    turn = torch.stack([
        torch.stack([mirrored * size * angle.cos(), -size * angle.sin(), 2 * _SHIFT * numbers[:, 3]], dim=1),
        torch.stack([mirrored * size * angle.sin(), size * angle.cos(), 2 * _SHIFT * numbers[:, 4]], dim=1),
    ], dim=1)  # fmt: skip
    light = (1 + _LIGHT * numbers[:, 5]).view(-1, 1, 1, 1)

    def change(images: Tensor) -> Tensor:
        grid = functional.affine_grid(turn.to(images), list(images.shape), align_corners=False)
        moved = functional.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)
        return (light.to(images) * moved).clamp(0.0, 1.0)

    return lambda images: {name: change(image) for name, image in images.items()}


def local_contrast(images: Tensor) -> Tensor:
    """What a blur over 5 pixels takes away `(b, 1, h, w)`, in units of its largest value in each image."""
    gray = images.mean(dim=1, keepdim=True)
    smooth = functional.avg_pool2d(functional.pad(gray, (2, 2, 2, 2), mode="replicate"), 5, stride=1)
    detail = functional.avg_pool2d(functional.pad((gray - smooth).abs(), (2, 2, 2, 2), mode="replicate"), 5, stride=1)
    return detail / (detail.amax(dim=(1, 2, 3), keepdim=True) + _NO_DIVISION_BY_ZERO)


def standardized(values: Tensor) -> Tensor:
    """Values of each sample, averaged over its channels, less their mean and by their deviation: `(b, 1, h, w)`."""
    gray = values.mean(dim=1, keepdim=True)
    spread = gray.std(dim=(1, 2, 3), keepdim=True, correction=0)
    return (gray - gray.mean(dim=(1, 2, 3), keepdim=True)) / (spread + _NO_DIVISION_BY_ZERO)


def _shown(changes: Masks, weights: Masks) -> Masks:
    return {name: change * weights[name] for name, change in changes.items()}


entry = FaceCloak
