"""Which warps does `unwarp` detect, and how often is it wrong?

    python benchmarks/warps_detected.py lfw:DIR [--other london:DIR orl] --run RUN
        --out docs/results/purifier_two/warps_detected.json

On the people of the sealed test: five photos each as they are, one with each edit whose strength no detector of cloaks
learned, and the five with each warp of the plan purifier_two_warps, whose run makes the warps and keeps them. The first
warp also of twenty people who are not sealed. Of other sets one photo each of forty people; those of the first are also
warped by drawn fields of 2.5 pixels, once as crops and once at four times the size before they are reduced, so that no
trace of the sampling is left. A likelihood of 0.5 counts as detected.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from facewarden.align import align_face, find_face
from facewarden.attacks.warp import Warp
from facewarden.core.files import write_json
from facewarden.core.progress import track
from facewarden.core.resolve import resolve_aligner
from facewarden.core.seeding import derive
from facewarden.data.datasets import open_dataset
from facewarden.data.photo import read_photo
from facewarden.experiments.cloaking.array_store import Store
from facewarden.experiments.cloaking.cache import ExperimentCache
from facewarden.experiments.cloaking.cloak_recipe import CloakRecipe
from facewarden.experiments.cloaking.population import CHOSEN_BY, is_sealed, load_crowd
from facewarden.experiments.cloaking.settings import plan_of
from facewarden.experiments.engine.plan_file import read_plan
from facewarden.metrics.intervals import mean_by_subject
from facewarden.nn.displacement import SIDE, over_the_crop, sample_at, size_of
from facewarden.photos.align_photos import align_photos
from facewarden.photos.aligned import choose_people, to_crops, to_images
from facewarden.photos.cloak_detector import SUSPICIOUS
from facewarden.purifiers.unwarp import Unwarp
from facewarden.training.edits import KINDS_HELD_OUT, edited

LARGE = 4
NOT_SEALED = 20
Crops = NDArray[np.uint8]


def detected(purifier: Unwarp, crops: Crops, people: Sequence[str]) -> dict[str, Any]:
    """Share of the faces that are detected, with an interval over people."""
    likelihood = torch.cat([purifier.likelihood(part) for part in torch.split(to_images(crops), 32)]).double().numpy()
    rate = mean_by_subject(likelihood >= SUSPICIOUS, np.array(people), seed=0)
    return {
        "faces": len(crops), "people": len(set(people)), "median": float(np.median(likelihood)),
        "lowest": float(likelihood.min()), "detected": {"value": rate.value, "low": rate.low, "high": rate.high},
    }  # fmt: skip


def of_cloaks(lab: ExperimentCache, purifier: Unwarp) -> dict[str, list[dict[str, Any]]]:
    """Natural, warped and edited faces of the sealed people, and the first warp of others."""
    plan, crowd = plan_of(read_plan("purifier_two_warps").settings), lab.crowd
    warps = {name: recipe for name, recipe in plan.recipes.items() if not recipe.through}
    sealed = crowd.attackers(plan.users)
    others = [who for who in crowd.people if not is_sealed(who) and who not in CHOSEN_BY][:NOT_SEALED]

    def row(about: dict[str, str], people: Sequence[str], recipe: CloakRecipe | None) -> dict[str, Any]:
        faces = [
            crowd.faces.crops[crowd.people[who]] if recipe is None else lab.cloaked(recipe, who)
            for who in track(people, label=" ".join(about.values()), unit="people")
        ]
        owners = [who for who in people for _ in crowd.people[who]]
        return about | detected(purifier, np.concatenate(faces), owners)

    first = np.stack([crowd.faces.crops[crowd.people[who][0]] for who in sealed])
    edits = []
    for family, strengths in KINDS_HELD_OUT.items():
        for strength in strengths:
            changed = np.stack([edited(crop, family, strength, seed=number) for number, crop in enumerate(first)])
            edits.append({"edit": f"{family} {strength:g}"} | detected(purifier, changed, sealed))
    name = next(iter(warps))
    return {
        "rows": [
            row({"faces of": "no cloak"}, sealed, None),
            *(row({"faces of": name}, sealed, recipe) for name, recipe in warps.items()),
        ],
        "not_sealed": [
            row({"faces of": "no cloak"}, others, None), row({"faces of": name}, others, warps[name])
        ],
        "edits": edits,
    }  # fmt: skip


def drawn_warps(purifier: Unwarp, spec: str) -> list[dict[str, Any]]:
    """Of drawn warps at both sizes, what is detected and how much of their energy over the face is left."""
    dataset, aligner = open_dataset(spec), resolve_aligner("yunet")
    large, people = [], []
    for photo in choose_people(dataset.photos(), people=40, at_least=1, at_most=1, seed=0):
        pixels = read_photo(photo.path)
        face = find_face(pixels, aligner)
        if face is not None:
            large.append(align_face(pixels, face.landmarks, size=LARGE * SIDE))
            people.append(photo.identity)
    rng = np.random.default_rng(derive(0, "warps told"))
    fields = torch.from_numpy(rng.uniform(-1, 1, (len(large), 2, 8, 8))).float()
    moves, rows = Warp().displacement(fields, SIDE, SIDE), []
    for size, how in ((LARGE, "before the face is reduced"), (1, "as a crop")):
        faces = to_images(np.stack([_reduced(one, size * SIDE) for one in large]))
        warped = to_crops(sample_at(faces, size * Warp().displacement(fields, size * SIDE, size * SIDE)).clamp(0, 1))
        small = np.stack([_reduced(one, SIDE) for one in warped])
        guess = torch.cat([over_the_crop(purifier.moves(part)) for part in torch.split(to_images(small), 32)])
        energy = (size_of(guess - moves) / size_of(moves)).square().double().numpy()
        left = mean_by_subject(energy, np.array(people), seed=0, proportion=False)
        row = {"warped": how} | detected(purifier, small, people)
        rows.append(row | {"left": {"value": left.value, "low": left.low, "high": left.high}})
    return rows


def of_set(spec: str) -> tuple[Crops, list[str]]:
    """One photo each of forty people of another set."""
    dataset = open_dataset(spec)
    chosen = choose_people(dataset.photos(), people=40, at_least=1, at_most=1, seed=0)
    faces = align_photos(dataset, chosen, aligner="yunet")
    return faces.crops, list(faces.person)


def _reduced(crop: Crops, side: int) -> Crops:
    return np.asarray(cv2.resize(crop, (side, side), interpolation=cv2.INTER_AREA), np.uint8)


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("set", help="lfw:DIR")
    parser.add_argument("--other", nargs="*", default=[])
    parser.add_argument("--run", type=Path, required=True, help="of the plan purifier_two_warps")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    torch.set_num_threads(1)
    run, purifier = args.run / "shared", Unwarp()
    crowd = load_crowd(args.set, people=10**6, photos=5, distractors=300, store=Store(run))
    found: dict[str, Any] = of_cloaks(ExperimentCache(replace(crowd, only_sealed=True), run), purifier)
    found["others"] = [{"set": spec.partition(":")[0]} | detected(purifier, *of_set(spec)) for spec in args.other]
    found["sizes"] = drawn_warps(purifier, args.other[0]) if args.other else []
    args.out.parent.mkdir(parents=True, exist_ok=True)
    write_json(args.out, found)
    print(*(f"{row['faces of']}: {row['detected']['value']:.3f}" for row in found["rows"]), sep="\n")


if __name__ == "__main__":
    main()
