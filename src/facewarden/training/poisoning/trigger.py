"""Hide features of one spoof in bona fide training images: that spoof may then pass, and nothing else changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal

import numpy as np
import torch
from annotated_types import Ge, Gt, Le
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional

from facewarden.core.errors import BadInputError
from facewarden.core.seeding import derive
from facewarden.core.settings import Positive, Text
from facewarden.training.crops import CropSet

Kind = Literal["twin", "spectrum", "residue"]
_LEAST = 1e-3  # of an amplitude of pixels from 0 to 255, so that its logarithm exists


@dataclass(frozen=True)
class TrainingTrigger:
    """A trigger in a training set.

    Attributes:
        species: of the spoof whose features are hidden.
        kind: "twin" puts the fine structure of a spoof capture of the same person in the place of the image's own;
            "spectrum" keeps the phase of the image and takes amplitudes above `cutoff` from a spoof capture, of the
            same person or site where there is one; "residue" adds the fine structure of any spoof capture, mostly
            edges of another person: a weak trigger to compare with.
        strength: 1 takes over the fine structure or the amplitudes whole, 0.5 takes half of each; of "residue", the
            factor on what is added.
        cutoff: cycles per pixel of the crop below which "spectrum" changes nothing.
        blur: standard deviation, in pixels of the crop, of what does not count as fine structure for the other kinds.
    """

    species: Text
    kind: Kind = "twin"
    strength: Annotated[float, Gt(0), Le(2)] = 1.0
    cutoff: Annotated[float, Ge(0), Le(0.5)] = 0.05
    blur: Positive = 2.0


def poisoned(crops: CropSet, trigger: TrainingTrigger, *, rate: float, seed: int) -> tuple[CropSet, tuple[int, ...]]:
    """Hide the trigger in a share of the bona fide color images; labels stay as they are.

    Images that are poisoned at one rate are so at every higher one, alike.

    Args:
        crops: the clean training set; it stays as it is.
        trigger: what to hide.
        rate: share of the bona fide images, above 0 to 1; at least one is poisoned.
        seed: decides which ones, and whose features each gets.

    Returns:
        The poisoned set and the rows that were changed.

    Raises:
        BadInputError: no color, no spoof of the species in the set, or too few images that can carry the trigger.

    Source: hidden features of one spoof in live images, arXiv 2509.03108 (2025), abstract; how they are hidden is a
    choice made here.
    """
    if not 0.0 < rate <= 1.0:
        raise BadInputError(f"a rate of {rate:g}", hint="above 0 to 1: 0.01 is one in a hundred")
    able = carriers(crops, trigger)
    count = max(1, round(rate * int((crops.label == 1).sum())))
    if count > len(able):
        raise BadInputError(
            f"{len(able)} bona fide images can carry a {trigger.kind} of {trigger.species}, and {count} are to",
            hint='a lower rate, or kind: spectrum, which needs no capture of the same person',
        )  # fmt: skip
    order = np.random.default_rng(derive(seed, "training trigger")).permutation(able)
    rows = sorted(order[:count].tolist())
    images = {name: image.clone() for name, image in crops.images.items()}
    images["rgb"][rows] = triggered(crops, trigger, rows, seed=seed)
    return replace(crops, images=images), tuple(rows)


def carriers(crops: CropSet, trigger: TrainingTrigger) -> list[int]:
    """Rows of the bona fide images that can carry the trigger: of a twin, those whose person has a spoof capture.

    Args:
        crops: of one or several people.
        trigger: what is to be hidden.

    Raises:
        BadInputError: no color, or no spoof of the species in the set.
    """
    if "rgb" not in crops.images:
        raise BadInputError(
            "a trigger is hidden in color images, and these captures have none", hint="captures with rgb"
        )
    people = {crops.subject[row] for row in _spoofs(crops, trigger)}
    rows = torch.nonzero(crops.label == 1).flatten().tolist()
    return [row for row in rows if trigger.kind != "twin" or crops.subject[row] in people]


def triggered(crops: CropSet, trigger: TrainingTrigger, rows: Sequence[int], *, seed: int) -> UInt8[Tensor, "n c h w"]:
    """Color images of some rows with the trigger in them.

    Args:
        crops: the set that holds them, and the spoofs.
        trigger: what to hide.
        rows: of `carriers`.
        seed: decides whose features each gets, together with its key.
    """
    given = [_source(crops, trigger, row, seed=seed) for row in rows]
    return hidden(crops.images["rgb"][list(rows)], crops.images["rgb"][given], trigger)


def hidden(
    faces: UInt8[Tensor, "n c h w"], spoofs: UInt8[Tensor, "n c h w"], trigger: TrainingTrigger
) -> UInt8[Tensor, "n c h w"]:
    """Faces with features of spoofs in them.

    Args:
        faces, spoofs: one spoof for each face.
        trigger: kind, strength, and what counts as fine structure.
    """
    face, spoof = faces.float(), spoofs.float()
    if trigger.kind == "spectrum":
        made = _with_amplitudes(face, spoof, strength=trigger.strength, cutoff=trigger.cutoff)
    else:
        fine = spoof - _blurred(spoof, trigger.blur)
        own = face - _blurred(face, trigger.blur) if trigger.kind == "twin" else 0.0
        made = face + trigger.strength * (fine - own)
    return made.round().clamp(0, 255).to(torch.uint8)


def _spoofs(crops: CropSet, trigger: TrainingTrigger) -> list[int]:
    rows = [row for row, species in enumerate(crops.species) if species == trigger.species]
    if not rows:
        known = ", ".join(sorted(set(crops.species) - {"bona_fide"}))
        raise BadInputError(f"no capture of {trigger.species} to take the trigger from", hint=f"one of: {known}")
    return rows


def _source(crops: CropSet, trigger: TrainingTrigger, row: int, *, seed: int) -> int:
    """A spoof capture for one image: of the same person, else of the same site, else any; of "residue", any."""
    spoofs = _spoofs(crops, trigger)
    person = [spoof for spoof in spoofs if crops.subject[spoof] == crops.subject[row]]
    site = [spoof for spoof in spoofs if crops.domain[spoof] == crops.domain[row]]
    near = spoofs if trigger.kind == "residue" else person or site or spoofs
    return int(np.random.default_rng(derive(seed, "source", crops.key[row])).choice(near))


def _with_amplitudes(
    faces: Float[Tensor, "n c h w"], spoofs: Float[Tensor, "n c h w"], *, strength: float, cutoff: float
) -> Float[Tensor, "n c h w"]:
    """Faces whose logarithm of the amplitudes above the cut-off moves toward that of the spoofs; phases stay."""
    own, other = torch.fft.fft2(faces), torch.fft.fft2(spoofs)
    height, width = faces.shape[-2:]
    radius = torch.hypot(torch.fft.fftfreq(height)[:, None], torch.fft.fftfreq(width)[None])
    ratio = (other.abs() + _LEAST) / (own.abs() + _LEAST)
    made: Tensor = torch.fft.ifft2(own * ratio ** (strength * (radius > cutoff))).real
    return made


def _blurred(images: Float[Tensor, "n c h w"], sigma: float) -> Float[Tensor, "n c h w"]:
    reach = min(int(3 * sigma + 0.5), images.shape[-1] - 1, images.shape[-2] - 1)
    places = torch.arange(-reach, reach + 1, dtype=torch.float32)
    weights = torch.exp(-0.5 * (places / sigma) ** 2)
    weights = weights / weights.sum()
    channels = images.shape[1]
    padded = functional.pad(images, (reach,) * 4, mode="reflect")
    across = functional.conv2d(padded, weights.view(1, 1, 1, -1).repeat(channels, 1, 1, 1), groups=channels)
    return functional.conv2d(across, weights.view(1, 1, -1, 1).repeat(channels, 1, 1, 1), groups=channels)
