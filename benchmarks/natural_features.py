"""Do cloaked faces leave the natural ones, and does the purifier lead them back: `python benchmarks/natural_features.py
lfw:PATH --out docs/results/natural_features.json`.

Every face is looked at by two trunks that nobody here trained on faces and that judge no cloak: DINOv2-small (class
token of the last block) and EfficientNet-Lite0 (mean of the last features). For a face, two lengths are measured in
each trunk, as cosine distances of features from which the mean of the natural ones is taken:

- to natural faces: the mean distance to the five nearest of other people's natural photos (a bank);
- to itself: the distance to the same photo before anything was done.

Users are neither sealed nor those by whom the recipe of `puface` was chosen; the people of the bank and of its training
are others. Cloaks are computed with two surrogates. Everything that costs time is kept in `--run`.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from cloak_kinds_faces import CLOAKS, SURROGATES, Crops, Faces, changed, first_rows
from numpy.typing import NDArray
from torch import Tensor

from facewarden.core.files import write_json
from facewarden.experiments.cloaking.array_store import pixels_key
from facewarden.metrics.intervals import mean_by_subject
from facewarden.metrics.match import auc
from facewarden.nn.dinov2 import NAME as DINOV2
from facewarden.nn.lite0 import Lite0Features
from facewarden.photos.aligned import to_crops, to_images
from facewarden.purifiers.puface import PuFace
from facewarden.training.tokens.engine import EngineSettings, token_function

NEIGHBORS = 5
EDITS = {"jpeg": 75.0, "noise": 4.0, "white balance": 0.06}
"""Ordinary edit -> strength, for comparison: what no cloak is also moves features."""

Features = NDArray[np.float64]


def dinov2() -> Callable[[Tensor], Tensor]:
    """Class token of the last block, `(b, 384)`."""
    tokens = token_function(EngineSettings(trunk=DINOV2, size=112))
    return lambda images: tokens(images)[1]


def lite0() -> Callable[[Tensor], Tensor]:
    """Mean of the last features, `(b, 1280)`."""
    network = Lite0Features()
    return lambda images: network(images).mean(dim=(2, 3))


TRUNKS = {"DINOv2-small": dinov2, "EfficientNet-Lite0": lite0}


def described(faces: Faces, trunk: str, crops: Crops) -> Features:
    """Features of faces, computed once."""

    def make() -> Features:
        look = TRUNKS[trunk]()
        with torch.inference_mode():
            return np.concatenate([look(part).double().numpy() for part in to_images(crops).split(16)])

    return np.asarray(
        faces.kept("descriptions", {"of": "natural features", "trunk": trunk, "pixels": pixels_key(crops)}, make)
    )


def unit(features: Features, middle: Features) -> Features:
    """Features without the mean of the natural ones, of length 1."""
    moved = features - middle
    return np.asarray(moved / np.linalg.norm(moved, axis=1, keepdims=True))


def purified(crops: Crops) -> Crops:
    """What `puface` makes of every face."""
    model = PuFace()
    with torch.no_grad():
        return to_crops(torch.cat([model(part) for part in to_images(crops).split(16)]))


def conditions(faces: Faces, rows: list[int]) -> dict[str, Crops]:
    """Name -> the same people's faces, in their order."""
    natural = faces.open_users.crops[rows]
    found = {"natural": natural, "natural, purified": purified(natural)}
    found |= {f"edit: {name}": changed(natural, name, strength) for name, strength in EDITS.items()}
    for family in CLOAKS:
        cloaked = faces.cloaked(faces.open_users, family, rows)
        found |= {family: cloaked, f"{family}, purified": purified(cloaked)}
    return found


def measured(seen: dict[str, Features], bank: Features) -> list[dict[str, Any]]:
    """Both lengths of every condition, beside the natural photo of the same person."""
    middle = bank.mean(axis=0)
    others = unit(bank, middle)
    placed = {name: unit(values, middle) for name, values in seen.items()}
    near = {name: np.sort(1 - values @ others.T, axis=1)[:, :NEIGHBORS].mean(axis=1) for name, values in placed.items()}
    own = {name: 1 - (values * placed["natural"]).sum(axis=1) for name, values in placed.items()}
    people = np.arange(len(near["natural"]))
    rows = []
    for name in seen:
        row: dict[str, Any] = {
            "faces": name,
            "to_natural": interval(near[name], people),
            "farther_than_natural": interval(near[name] - near["natural"], people),
            "auc_against_natural": float(auc(near[name], near["natural"])),
            "to_itself": interval(own[name], people),
        }
        before = name.removesuffix(", purified")
        if before != name:
            row["moved_by_purifying"] = {
                "to_natural": interval(near[name] - near[before], people),
                "to_itself": interval(own[name] - own[before], people),
            }
        rows.append(row)
    return rows


def interval(values: Features, people: NDArray[np.integer[Any]]) -> dict[str, float | int]:
    """Mean with its 95 % interval over people."""
    found = mean_by_subject(values, people, seed=0, proportion=False)
    return {"value": found.value, "low": found.low, "high": found.high, "n": len(values)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("faces", help="lfw:FOLDER")
    parser.add_argument("--people", type=int, default=24, help="of the users, one photo each")
    parser.add_argument("--bank", type=int, default=400, help="natural faces, another person each")
    parser.add_argument("--run", type=Path, default=Path("runs/natural_features"))
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    faces = Faces(options.faces, options.run)
    rows = first_rows(faces.open_users, options.people, 1)
    bank = faces.learning.crops[: options.bank]
    shown = conditions(faces, rows)
    told: dict[str, Any] = {
        "faces": options.faces.partition(":")[0], "people": len(rows), "bank": len(bank), "neighbors": NEIGHBORS,
        "cloaks": CLOAKS, "surrogates": list(SURROGATES), "edits": EDITS, "trunks": {},
    }  # fmt: skip
    for trunk in TRUNKS:
        seen = {name: described(faces, trunk, crops) for name, crops in shown.items()}
        told["trunks"][trunk] = measured(seen, described(faces, trunk, bank))
    write_json(options.out, told)
    for trunk, found in told["trunks"].items():
        print(trunk)
        for row in found:
            print(f"  {row['faces']:<20} to natural {row['to_natural']['value']:.4f}  "
                  f"farther {row['farther_than_natural']['value']:+.4f}  AUC {row['auc_against_natural']:.2f}  "
                  f"to itself {row['to_itself']['value']:.4f}")  # fmt: skip


if __name__ == "__main__":
    main()
