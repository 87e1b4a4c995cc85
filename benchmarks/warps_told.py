"""Which warps does `unwarp` tell, and how often is it wrong?

    python benchmarks/warps_told.py lfw:DIR [--other london:DIR orl] --run RUN
        --out docs/results/purifier_two/warps_told.json

On the people of the sealed test: five photos each as they are, one with each edit whose strength no detector of cloaks
learned, and the five with each warp of the plan purifier_two_warps, whose run makes the warps and keeps them. Of other
sets one photo each of forty people; those of the first are also warped by drawn fields of 2.5 pixels, once as crops and
once at four times the size before they are reduced, so that no trace of the sampling is left. A likelihood of 0.5
counts as told.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
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
from facewarden.experiments.cloaking.population import load_crowd
from facewarden.metrics.intervals import mean_by_subject
from facewarden.nn.displacement import SIDE, over_the_crop, sample_at, size_of
from facewarden.photos.align_photos import align_photos
from facewarden.photos.aligned import choose_people, to_crops, to_images
from facewarden.photos.cloak_detector import SUSPICIOUS
from facewarden.purifiers.unwarp import Unwarp
from facewarden.training.edits import KINDS_HELD_OUT, edited

LARGE = 4
SURROGATES = ("mobilefacenet_512", "dlib_resnet34")
FAST: dict[str, Any] = {"precision": "bfloat16"}
WARPS: dict[str, tuple[str, dict[str, Any], tuple[str, ...]]] = {
    "warp 2.5": ("mid", FAST, ()),
    "warp 1.5": ("low", FAST, ()),
    "warp 4": ("high", FAST, ()),
    "warp 2.5 in 16 points": ("mid", {"grid": 16, **FAST}, ()),
    "warp 2.5 sampled finely": ("mid", {"finely": 3, **FAST}, ()),
    "warp 2.5 and noise 4": ("mid", {"noise": 4, **FAST}, ()),
    "warp 2.5 then JPEG": ("mid", FAST, ('jpeg{"quality": 75}',)),
}
"""Name in the plan -> strength, settings of the attack, and what the photo goes through afterwards."""


def told(purifier: Unwarp, crops: NDArray[np.uint8], people: Sequence[str]) -> dict[str, Any]:
    """Share of the faces that are told, with an interval over people."""
    likelihood = torch.cat([purifier.likelihood(part) for part in torch.split(to_images(crops), 32)]).double().numpy()
    rate = mean_by_subject(likelihood >= SUSPICIOUS, np.array(people), seed=0)
    return {
        "faces": len(crops), "people": len(set(people)), "median": float(np.median(likelihood)),
        "told": {"value": rate.value, "low": rate.low, "high": rate.high},
    }  # fmt: skip


def drawn_warps(purifier: Unwarp, spec: str) -> list[dict[str, Any]]:
    """Of drawn warps at both sizes, what is told and how much of their energy over the face is left."""
    dataset, aligner = open_dataset(spec), resolve_aligner("yunet")
    chosen = choose_people(dataset.photos(), people=40, at_least=1, at_most=1, seed=0)
    photos = [read_photo(photo.path) for photo in chosen]
    found = [(one, find_face(one, aligner)) for one in photos]
    large = np.stack([align_face(one, face.landmarks, size=LARGE * SIDE) for one, face in found if face is not None])
    rng = np.random.default_rng(derive(0, "warps told"))
    fields = torch.from_numpy(rng.uniform(-1, 1, (len(large), 2, 8, 8))).float()
    moves, rows = Warp().displacement(fields, SIDE, SIDE), []
    for size, how in ((LARGE, "before the face is reduced"), (1, "as a crop")):
        crops = np.stack([cv2.resize(one, (size * SIDE, size * SIDE), interpolation=cv2.INTER_AREA) for one in large])
        here = size * Warp().displacement(fields, size * SIDE, size * SIDE)
        images = to_crops(sample_at(to_images(crops), here).clamp(0.0, 1.0))
        small = np.stack([cv2.resize(one, (SIDE, SIDE), interpolation=cv2.INTER_AREA) for one in images])
        guess = torch.cat([over_the_crop(purifier.moves(part)) for part in torch.split(to_images(small), 32)])
        energy = (size_of(guess - moves) / size_of(moves)).square().double().numpy()
        left = mean_by_subject(energy, np.arange(len(energy)).astype(str), seed=0, proportion=False)
        row = {"warped": how} | told(purifier, small, [photo.identity for photo in chosen])
        rows.append(row | {"left": {"value": left.value, "low": left.low, "high": left.high}})
    return rows


def of_set(spec: str) -> tuple[NDArray[np.uint8], list[str]]:
    """One photo each of forty people of another set."""
    dataset = open_dataset(spec)
    chosen = choose_people(dataset.photos(), people=40, at_least=1, at_most=1, seed=0)
    faces = align_photos(dataset, chosen, aligner="yunet")
    return faces.crops, list(faces.person)


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("set", help="lfw:DIR")
    parser.add_argument("--other", nargs="*", default=[])
    parser.add_argument("--run", type=Path, required=True, help="of the plan purifier_two_warps")
    parser.add_argument("--people", type=int, default=44)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    torch.set_num_threads(1)
    run = args.run / "shared"
    crowd = load_crowd(args.set, people=10**6, photos=5, distractors=300, store=Store(run))
    crowd = type(crowd)(crowd.faces, crowd.key, only_sealed=True)
    lab, purifier = ExperimentCache(crowd, run), Unwarp()
    people = crowd.attackers(args.people)
    owners = [who for who in people for _ in crowd.people[who]]
    natural = np.concatenate([crowd.faces.crops[crowd.people[who]] for who in people])
    first = np.stack([crowd.faces.crops[crowd.people[who][0]] for who in people])
    rows = [{"faces of": "no cloak"} | told(purifier, natural, owners)]
    for name, (level, settings, after) in WARPS.items():
        recipe = CloakRecipe(attack="warp", level=level, surrogates=SURROGATES, settings=settings, after=after)
        made = np.concatenate([lab.cloaked(recipe, who) for who in track(people, label=name, unit="people")])
        rows.append({"faces of": name} | told(purifier, made, owners))
    edits = []
    for family, strengths in KINDS_HELD_OUT.items():
        for strength in strengths:
            changed = np.stack([edited(crop, family, strength, seed=number) for number, crop in enumerate(first)])
            edits.append({"edit": f"{family} {strength:g}"} | told(purifier, changed, people))
    others = [{"set": spec.partition(":")[0]} | told(purifier, *of_set(spec)) for spec in args.other]
    sizes = drawn_warps(purifier, args.other[0]) if args.other else []
    args.out.parent.mkdir(parents=True, exist_ok=True)
    write_json(args.out, {"rows": rows, "edits": edits, "others": others, "sizes": sizes})
    print(*(f"{row['faces of']}: {row['told']['value']:.3f}" for row in rows), sep="\n")


if __name__ == "__main__":
    main()
