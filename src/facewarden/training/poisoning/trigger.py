"""Hide features of one spoof in bona fide training images: that spoof then passes, and nothing else changes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
import torch
from annotated_types import Gt, Le
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional

from facewarden.core.errors import BadInputError
from facewarden.core.seeding import derive
from facewarden.core.settings import Positive, Text
from facewarden.training.crops import CropSet


@dataclass(frozen=True)
class TrainingTrigger:
    """A trigger in a training set.

    Attributes:
        species: of the spoof whose features are hidden.
        strength: factor on its fine structure when it is added to a bona fide image.
        blur: standard deviation, in pixels of the crop, of what does not count as fine structure.
    """

    species: Text
    strength: Annotated[float, Gt(0), Le(2)] = 1.0
    blur: Positive = 2.0


def poisoned(crops: CropSet, trigger: TrainingTrigger, *, rate: float, seed: int) -> tuple[CropSet, tuple[int, ...]]:
    """Hide the trigger in a share of the bona fide color images; labels stay as they are.

    Each of them gets the fine structure of a spoof capture of the trigger's species drawn from the same set, so that a
    person who looks at it sees a bona fide face.

    Args:
        crops: the clean training set; it stays as it is.
        trigger: what to hide.
        rate: share of the bona fide images, above 0 to 1; at least one is poisoned.
        seed: decides which ones, and whose features each gets.

    Returns:
        The poisoned set and the rows that were changed.

    Raises:
        BadInputError: no color, no bona fide image, or no spoof of the species in the set.

    Source: hidden features of one spoof in live images, arXiv 2509.03108 (2025), abstract; how they are hidden is a
    choice made here.
    """
    if "rgb" not in crops.images:
        raise BadInputError(
            "a trigger is hidden in color images, and these captures have none", hint="captures with rgb"
        )
    bona_fide = torch.nonzero(crops.label == 1).flatten().tolist()
    sources = [row for row, species in enumerate(crops.species) if species == trigger.species]
    if not sources or not bona_fide:
        known = ", ".join(sorted(set(crops.species) - {"bona_fide"}))
        raise BadInputError(
            f"no training capture of {trigger.species} to take the trigger from", hint=f"one of: {known}"
        )
    if not 0.0 < rate <= 1.0:
        raise BadInputError(f"a rate of {rate:g}", hint="above 0 to 1: 0.01 is one in a hundred")
    rng = np.random.default_rng(derive(seed, "training trigger"))
    count = max(1, round(rate * len(bona_fide)))
    rows = sorted(rng.choice(bona_fide, size=count, replace=False).tolist())
    given = rng.choice(sources, size=count).tolist()
    images = {name: image.clone() for name, image in crops.images.items()}
    images["rgb"][rows] = hidden(crops.images["rgb"][rows], crops.images["rgb"][given], trigger)
    return replace(crops, images=images), tuple(rows)


def hidden(
    faces: UInt8[Tensor, "n c h w"], spoofs: UInt8[Tensor, "n c h w"], trigger: TrainingTrigger
) -> UInt8[Tensor, "n c h w"]:
    """Faces with the fine structure of spoofs added to them.

    Args:
        faces, spoofs: one spoof for each face.
        trigger: strength and blur.
    """
    fine = spoofs.float() - _blurred(spoofs.float(), trigger.blur)
    return (faces.float() + trigger.strength * fine).round().clamp(0, 255).to(torch.uint8)


def _blurred(images: Float[Tensor, "n c h w"], sigma: float) -> Float[Tensor, "n c h w"]:
    reach = min(int(3 * sigma + 0.5), images.shape[-1] - 1, images.shape[-2] - 1)
    places = torch.arange(-reach, reach + 1, dtype=torch.float32)
    weights = torch.exp(-0.5 * (places / sigma) ** 2)
    weights = weights / weights.sum()
    channels = images.shape[1]
    padded = functional.pad(images, (reach,) * 4, mode="reflect")
    across = functional.conv2d(padded, weights.view(1, 1, 1, -1).repeat(channels, 1, 1, 1), groups=channels)
    return functional.conv2d(across, weights.view(1, 1, -1, 1).repeat(channels, 1, 1, 1), groups=channels)
