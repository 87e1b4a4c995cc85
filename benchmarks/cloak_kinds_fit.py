"""Statistics and fitted lines of `cloak_kinds.py`: what the detector learns from and what it is measured on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from cloak_kinds_faces import CLOAKS, Crops, Faces, changed, first_rows
from numpy.typing import NDArray
from torch import Tensor

from facewarden.attacks.parts.field_attack import FieldAttack
from facewarden.attacks.smooth import Smooth
from facewarden.attacks.tint import Tint
from facewarden.attacks.warp import Warp
from facewarden.core.seeding import derive
from facewarden.core.threat import ThreatModel
from facewarden.experiments.cloaking.array_store import pixels_key
from facewarden.photos.aligned import to_crops, to_images
from facewarden.purifiers.puface import PuFace
from facewarden.training.edits import KINDS_HELD_OUT, KINDS_LEARNED, edited
from facewarden.training.suspicion import fit_kinds

FAMILIES = ("noise", "smooth", "tint", "warp")
TOLD = FAMILIES[:3]
"""Families whose lines ship; an optimized warp is not found by a line that drawn warps fitted."""
NOISE_FACES = 24
"""Learning people whose photo is cloaked by noise; fields of the others are drawn, which costs no gradients."""
TESTED_EDITS = ("jpeg", "resizing", "crop", "exposure", "white balance", "filters", "beauty", "contrast", "noise")
_SATURATED = 0.75  # of the drawn fields; steps by sign leave most parameters at their ends


@dataclass(frozen=True, eq=False)
class Described:
    """Statistics of groups of faces, computed once."""

    faces: Faces
    purifier: PuFace

    def __call__(self, crops: Crops) -> NDArray[np.float64]:
        """Of every face `(n, statistics)`, all that the lines weigh."""

        def make() -> NDArray[np.float64]:
            parts = []
            with torch.no_grad():
                for images in to_images(crops).split(16):
                    parts.append(self.purifier.statistics(images, self.purifier(images)).double().numpy())
            return np.concatenate(parts)

        return self.faces.kept("descriptions", {"of": "kinds of cloaks", "pixels": pixels_key(crops)}, make)


def drawn(crops: Crops, family: str, *, seed: int) -> Crops:
    """Crops with a drawn field of a family in place of an optimized one, strengths and grids varied."""
    rng = np.random.default_rng(derive(seed, "drawn", family))
    made = [_drawn(to_images(crops[[row]]), family, rng) for row in range(len(crops))]
    return to_crops(torch.cat(made))


def _drawn(image: Tensor, family: str, rng: np.random.Generator) -> Tensor:
    attack: FieldAttack
    eps = 1.0
    if family == "smooth":
        attack, eps = Smooth(grid=int(rng.choice([10, 14, 18]))), float(rng.uniform(5, 12)) / 255
    elif family == "tint":
        attack = Tint(color=float(rng.uniform(0.12, 0.3)), grid=int(rng.choice([4, 5, 6])))
    else:
        attack = Warp(pixels=float(rng.uniform(1.8, 3.5)), grid=int(rng.choice([6, 8, 10])))
    return with_field(attack, image, rng, eps=eps, saturated=_SATURATED)[0]


def with_field(
    attack: FieldAttack, images: Tensor, rng: np.random.Generator, *, eps: float, saturated: float = 1.0
) -> tuple[Tensor, Tensor]:
    """Images with drawn fields of an attack in place of optimized ones, and the fields.

    Args:
        attack: the family.
        images: `(b, 3, h, w)`.
        rng: draws the fields.
        eps: budget.
        saturated: likelihood that the fields are drawn near their ends, all of them, instead of evenly.
    """
    shape = (len(images), attack.channels(images), attack.grid, attack.grid)
    field = rng.uniform(-1, 1, shape)
    if saturated == 1 or rng.random() < saturated:  # the draws of those that are always so stay as published
        field = np.sign(field) * rng.uniform(0.6, 1.0, shape)
    parameters = torch.from_numpy(field).float()
    return attack.render(images, parameters, ThreatModel(norm="linf", eps=eps)), parameters


def some_edit(crops: Crops, *, seed: int) -> Crops:
    """Every crop with one learned edit, drawn by its number."""
    made = []
    for number, crop in enumerate(crops):
        rng = np.random.default_rng(derive(seed, "edit", str(number)))
        family = str(rng.choice(sorted(KINDS_LEARNED)))
        made.append(edited(crop, family, float(rng.choice(KINDS_LEARNED[family])), seed=number))
    return np.stack(made)


def learned_from(described: Described, *, people: int) -> dict[str, NDArray[np.float64]]:
    """Statistics of the learning people: natural with and without an edit, and of each family so."""
    crops = described.faces.learning.crops[:people]
    found = {"natural": np.concatenate([described(crops), *(described(some_edit(crops, seed=s)) for s in (1, 2))])}
    noise = described.faces.cloaked(described.faces.learning, "noise", list(range(NOISE_FACES)))
    found["noise"] = np.concatenate([described(noise), described(some_edit(noise, seed=3))])
    for family in FAMILIES[1:]:
        made = drawn(crops, family, seed=0)
        half = len(made) // 2
        found[family] = described(np.concatenate([made[:half], some_edit(made[half:], seed=4)]))
    return found


def tested_edits(crops: Crops) -> Iterator[tuple[str, Callable[[], Crops]]]:
    """Name and crops of each edit of natural faces that was not learned in this strength."""
    for family in TESTED_EDITS:
        for strength in KINDS_HELD_OUT[family][-1:]:

            def make(family: str = family, strength: float = strength) -> Crops:
                return changed(crops, family, strength)

            yield f"{family} {strength:g}", make


def tested_cloaks(faces: Faces, *, people: int) -> dict[str, Crops]:
    """Optimized cloaks of open users, one photo each."""
    rows = first_rows(faces.open_users, people, 1)
    return {family: faces.cloaked(faces.open_users, family, rows) for family in CLOAKS}


def lines_of(found: dict[str, NDArray[np.float64]], families: Sequence[str]) -> dict[str, Any]:
    """Fitted lines of some families, as settings for a card."""
    return fit_kinds(found["natural"], {family: found[family] for family in families})
