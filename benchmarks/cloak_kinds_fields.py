"""What a ridge on a small picture finds of a field: `python benchmarks/cloak_kinds_fields.py lfw:PATH --out DIR`.

Drawn fields of each family on faces of people on whom puface was not trained; a ridge regression guesses from a small
picture of the face what was added (smooth: values, tint: logarithms) or by how much it was moved (warp: the field of
displacements, from a gray picture). Measured on other people: the share of the energy of the true field that is left
when the guess is taken off, in brightness and in color, and how large the guess is on natural faces. Below 1 the guess
helps. Another linear function, of more of the picture, might find more.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from cloak_kinds_faces import Crops, Faces, first_rows
from cloak_kinds_fit import with_field
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from facewarden.attacks.parts.field_attack import FieldAttack
from facewarden.attacks.smooth import Smooth
from facewarden.attacks.tint import Tint
from facewarden.attacks.warp import Warp
from facewarden.core.seeding import derive
from facewarden.metrics.intervals import mean_by_subject
from facewarden.photos.aligned import to_images

ATTACKS: dict[str, tuple[FieldAttack, float, int]] = {
    "smooth": (Smooth(), 8 / 255, 14), "tint": (Tint(color=0.2), 1.0, 8), "warp": (Warp(pixels=2.5), 1.0, 28)
}  # fmt: skip
"""Family -> attack, budget, and the side of the small picture."""
DRAWS = 3
RIDGES = (1e-3, 1e-2, 1e-1, 1.0)
_DARK = 0.06
Rows = NDArray[np.float64]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("faces")
    parser.add_argument("--people", type=int, default=58)
    parser.add_argument("--run", type=Path, default=Path("runs/cloak_kinds"))
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    faces = Faces(options.faces, options.run)
    learning = faces.learning.crops
    both = np.concatenate([learning, learning[:, :, ::-1]])
    tested = faces.open_users.crops[first_rows(faces.open_users, options.people, 1)]
    rows = [guessed(family, both, tested) for family in ATTACKS]
    told = {"learning": len(learning), "draws": DRAWS, "seed": 0, "families": rows}
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "fields.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


def guessed(family: str, learning: Crops, tested: Crops) -> dict[str, Any]:
    """What is left of one family's fields."""
    pairs = [fields(family, learning, seed=draw) for draw in range(DRAWS)]
    seen, wanted = (np.concatenate(part) for part in zip(*pairs, strict=True))
    natural = small(family, to_images(learning))
    seen, wanted = np.concatenate([seen, natural]), np.concatenate([wanted, np.zeros((len(natural), wanted.shape[1]))])
    mean = seen.mean(axis=0)
    squares, products = (seen - mean).T @ (seen - mean), (seen - mean).T @ wanted
    found, true = fields(family, tested, seed=100)
    best: dict[str, Any] = {}
    for ridge in RIDGES:  # the best one on the measured people: a bound, not an estimate
        matrix = np.linalg.solve(squares + ridge * np.trace(squares) / len(squares) * np.eye(len(squares)), products)
        guess = (found - mean) @ matrix
        left = shares(family, guess, true)
        if not best or left["left"]["value"] < best["left"]["value"]:
            on_natural = np.abs((small(family, to_images(tested)) - mean) @ matrix).mean() / np.abs(true).mean()
            best = {"family": family, "ridge": ridge, "n": len(true), **left, "guess_on_natural": float(on_natural)}
    return best


def shares(family: str, guess: Rows, true: Rows) -> dict[str, Any]:
    """Energy left of the field, as a share of its own, in all and where it has colors in brightness and color."""
    wrong, whole = ((values**2).sum(axis=1) for values in (guess - true, true))
    people = np.arange(len(true)).astype(str)
    mean = mean_by_subject(wrong / whole, people, seed=0, proportion=False)
    told: dict[str, Any] = {"left": {"value": mean.value, "low": mean.low, "high": mean.high}}
    if family != "warp":
        planes = [values.reshape(len(true), 3, -1) for values in (guess - true, true)]
        gray = [values.mean(axis=1, keepdims=True) for values in planes]
        color = [values - part for values, part in zip(planes, gray, strict=True)]
        for name, (one, other) in (("brightness", gray), ("color", color)):
            told[name] = float(((one**2).sum(axis=(1, 2)) / (other**2).sum(axis=(1, 2))).mean())
    return told


def fields(family: str, crops: Crops, *, seed: int) -> tuple[Rows, Rows]:
    """Small pictures of faces with a drawn field each, and the fields."""
    attack, eps, _ = ATTACKS[family]
    images = to_images(crops)
    rng = np.random.default_rng(derive(seed, "fields", family))
    changed, field = with_field(attack, images, rng, eps=eps)
    seen = small(family, torch.round(changed * 255) / 255)
    if isinstance(attack, Warp):
        moves = attack.displacement(field, 112, 112)
        return seen, functional.adaptive_avg_pool2d(moves, 8).flatten(1).double().numpy()
    return seen, seen - small(family, images)


def small(family: str, images: Tensor) -> Rows:
    """What the guess is made from."""
    side = ATTACKS[family][2]
    if family == "warp":
        images = images.mean(dim=1, keepdim=True)
    elif family == "tint":
        images = torch.log(images + _DARK)
    return np.asarray(functional.adaptive_avg_pool2d(images, side).flatten(1).double().numpy())


if __name__ == "__main__":
    main()
