"""Faces, cloaks and edits of `cloak_kinds.py`: three groups of people, each computed piece kept in a folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewarden.core.seeding import derive
from facewarden.data.content import photos_hash
from facewarden.data.datasets import FacePhoto, open_dataset
from facewarden.experiments.cloaking.array_store import Store
from facewarden.experiments.cloaking.cache import ExperimentCache
from facewarden.experiments.cloaking.cloak_recipe import CloakRecipe
from facewarden.experiments.cloaking.population import CHOSEN_BY, crowd_of, is_sealed, only_looked_at
from facewarden.experiments.cloaking.small_grid import parse_cloak
from facewarden.photos.align_photos import align_photos
from facewarden.photos.aligned import AlignedFaces, choose_people
from facewarden.training.edits import edited

SURROGATES = ("mobilefacenet_512", "dlib_resnet34")
CLOAKS = {
    "noise": 'lowkey:8{"precision": "bfloat16"}',
    "smooth": 'smooth:8{"steps": 12, "precision": "bfloat16"}',
    "tint": 'tint:mid{"steps": 12, "precision": "bfloat16"}',
    "warp": 'warp:mid{"steps": 12, "precision": "bfloat16"}',
}
"""Family -> cloak."""
_LEFT_OUT = 120
"""People who come before those who are learned from, in the order of the seed."""
_EACH = 8

Crops = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Faces:
    """Groups of people, read from one copy of Labeled Faces in the Wild.

    Attributes:
        spec: lfw:FOLDER.
        run: where crops, cloaks and embeddings are kept.
    """

    spec: str
    run: Path

    @cached_property
    def store(self) -> Store:
        return Store(self.run)

    @cached_property
    def learning(self) -> AlignedFaces:
        """People of few photos on whom puface was not trained, one photo each, without the first of them."""
        return self._aligned("learning", self._looked_at()[_LEFT_OUT:])

    @cached_property
    def open_users(self) -> AlignedFaces:
        """Users who are neither sealed nor those by whom the recipe of puface was chosen, two photos each."""
        pool = [one for one in self._part("users") if not is_sealed(one.identity) and one.identity not in CHOSEN_BY]
        return self._aligned("open users", choose_people(pool, people=10**6, at_least=2, at_most=2, seed=0))

    def of_set(self, spec: str) -> AlignedFaces:
        """One photo of each person of another set."""
        chosen = choose_people(open_dataset(spec).photos(), people=40, at_least=1, at_most=1, seed=0)
        return self._aligned(spec.partition(":")[0], chosen, spec=spec)

    def cloaked(self, faces: AlignedFaces, family: str, rows: list[int]) -> Crops:
        """Some faces with a cloak of one family."""
        lab, recipe = ExperimentCache(crowd_of(faces), self.run), recipe_of(family)
        groups = [rows[start : start + _EACH] for start in range(0, len(rows), _EACH)]
        return np.concatenate([lab.cloaked(recipe, "", rows=group) for group in groups])

    def kept(self, kind: str, about: dict[str, Any], make: Callable[[], NDArray[Any]]) -> NDArray[Any]:
        """An array of a recipe, made once."""
        return np.asarray(self.store.get(kind, about, lambda: {"values": make()})["values"])

    def _looked_at(self) -> tuple[FacePhoto, ...]:
        pool = [photo for photo in self._part("train") if only_looked_at(photo.identity)]
        chosen = choose_people(pool, people=10**6, at_least=1, at_most=1, seed=0)
        return tuple(chosen[row] for row in np.random.default_rng(derive(0, "cloak kinds")).permutation(len(chosen)))

    def _part(self, name: str) -> tuple[FacePhoto, ...]:
        return open_dataset(self.spec).part(name)

    def _aligned(self, name: str, photos: tuple[FacePhoto, ...], *, spec: str = "") -> AlignedFaces:
        about = {"group": name, "photos": photos_hash(photos)}

        def make() -> dict[str, Any]:
            made = align_photos(open_dataset(spec or self.spec), photos, aligner="yunet")
            return {"crops": made.crops, "person": np.array(made.person), "key": np.array(made.key)}

        arrays = self.store.get("crops", about, make)
        person, key = tuple(arrays["person"].tolist()), tuple(arrays["key"].tolist())
        return AlignedFaces(arrays["crops"], person, key, name, simulated=False, skipped={})


@cache
def recipe_of(family: str) -> CloakRecipe:
    """The cloak of a family."""
    return parse_cloak(CLOAKS[family], surrogates=SURROGATES)


def first_rows(faces: AlignedFaces, people: int, each: int) -> list[int]:
    """The first photos of the first people."""
    chosen = list(faces.by_person().values())[:people]
    return [row for rows in chosen for row in rows[:each]]


def changed(crops: Crops, family: str, strength: float) -> Crops:
    """Every crop with one edit."""
    return np.stack([edited(crop, family, strength, seed=number) for number, crop in enumerate(crops)])
