"""People of the cloaking experiment: several photos each, split into gallery and probes, and distractors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from facewarden.core.errors import BadInputError
from facewarden.core.seeding import derive
from facewarden.data.content import photos_hash
from facewarden.data.datasets import FacePhoto, open_dataset
from facewarden.data.datasets.lfw import Lfw
from facewarden.data.text import counted_reasons
from facewarden.experiments.cloaking.array_store import Store, pixels_key
from facewarden.photos.align_photos import align_photos
from facewarden.photos.aligned import AlignedFaces, choose_people
from facewarden.training.pairs import DEV_SHARE

GALLERY_SHARE = 0.7
CHOSEN_BY = (
    "780587df57", "eb1aa742a8", "795842fc49", "ef7613c6ea", "f7aa2aa353", "48dab0a8d0",
    "8a0814e720", "c1d25f56fe", "b509cd00f2", "42198f63b5", "094e10d36b", "ded981c2c8",
    "228fcd4605", "4cb45e11dc", "5ce3eb5068", "df9f6add38",
)  # fmt: skip
"""Opaque ids of people of Labeled Faces in the Wild by whom the recipe of puface was chosen: no purifier is
measured on them.

They come first in every order of people, so that to pass over sixteen is to pass over them in any copy of the set.
"""
SEALED_SHARE = 0.4
"""Share of the people, chosen by a hash of their ids, on whom only the last test of the second purifier is run."""
TOO_FEW = "person with fewer than two photos with a face"
_DISTRACTOR = "distractor:"


@dataclass(frozen=True)
class Split:
    """Rows of the population by their part.

    Attributes:
        gallery, probes: person -> rows; a person's photos are in one or the other.
        distractors: rows of gallery photos of people who are never searched for.
    """

    gallery: Mapping[str, tuple[int, ...]]
    probes: Mapping[str, tuple[int, ...]]
    distractors: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Population:
    """Aligned faces of people who may cloak, and of distractors.

    Attributes:
        faces: crops; the person of a distractor starts with "distractor:".
        key: of the pixels, so that what was computed from them is found again.
        only_sealed: whether nobody but the people of `is_sealed` cloaks.
    """

    faces: AlignedFaces
    key: str
    only_sealed: bool = False

    @property
    def people(self) -> dict[str, list[int]]:
        """Person -> rows, without distractors and without people of one photo."""
        by_person = self.faces.by_person()
        return {who: rows for who, rows in by_person.items() if not who.startswith(_DISTRACTOR) and len(rows) > 1}

    def split(self, seed: int) -> Split:
        """Split every person's photos 70/30 by seed, at least one on each side.

        Raises:
            BadInputError: fewer than two people have two photos.
        """
        people = self.people
        if len(people) < 2:
            raise BadInputError(
                f"{len(people)} people of {self.faces.source} have two photos with a face; left out: "
                f"{counted_reasons(self.faces.skipped) or 'nothing'}",
                hint="one folder per person, several photos in each",
            )
        gallery: dict[str, tuple[int, ...]] = {}
        probes: dict[str, tuple[int, ...]] = {}
        for who, rows in people.items():
            order = np.random.default_rng(derive(seed, "gallery", who)).permutation(rows).tolist()
            cut = min(len(order) - 1, max(1, round(GALLERY_SHARE * len(order))))
            gallery[who], probes[who] = tuple(sorted(order[:cut])), tuple(sorted(order[cut:]))
        others = tuple(row for row, who in enumerate(self.faces.person) if who.startswith(_DISTRACTOR))
        return Split(gallery, probes, others)

    def attackers(self, count: int, *, skip_people: int = 0) -> tuple[str, ...]:
        """The people who cloak, one at a time, in a fixed random order: a larger count contains the smaller ones.

        Args:
            count: at most so many.
            skip_people: how many people before them are skipped: people used for model selection are excluded.

        Raises:
            BadInputError: nobody is left.
        """
        may = [who for who in _ordered(self.people) if is_sealed(who) or not self.only_sealed]
        chosen = tuple(may[skip_people : skip_people + count])
        if not chosen:
            raise BadInputError(
                f"{self.faces.source}: nobody is left to cloak: {len(may)} people have two photos with a face, "
                f"and {skip_people} are skipped",
                hint="a smaller --skip-people, or a set of more people",
            )
        return chosen


def load_crowd(
    spec: str, *, people: int, photos: int, distractors: int, store: Store, aligner: str = "yunet", seed: int = 0,
    without_sealed: bool = False, workers: int = 1,
) -> Population:  # fmt: skip
    """Read and align a set's people, and keep the crops.

    Of Labeled Faces in the Wild the people with ten photos or more are searched for; distractors, one photo each, are
    people on whom no purifier is trained: those that the training of purifiers only looks at.

    Args:
        spec: a set of facewarden list datasets, or a folder.
        people: at most so many.
        photos: at most so many of each.
        distractors: how many, where the set has any.
        store: where crops are kept.
        aligner: how faces are found.
        seed: of the choice.
        without_sealed: leave out the people of `is_sealed`.
        workers: processes that find faces, all cores when 0; no crop depends on it.

    Raises:
        BadInputError: no such set, or too few people in it.
    """
    dataset = open_dataset(spec)
    all_photos = dataset.photos()
    if isinstance(dataset, Lfw):
        pool = dataset.part("users")
        extra = [photo for photo in dataset.part("train") if only_looked_at(photo.identity)]
    else:
        pool, extra = all_photos, []
    if without_sealed:
        pool = tuple(photo for photo in pool if not is_sealed(photo.identity))
    left_out: Counter[str] = Counter()
    try:
        chosen = choose_people(pool, people=people, at_least=2, at_most=photos, seed=seed, left_out=left_out)
    except BadInputError as error:
        raise BadInputError(f"{dataset.name}: {error.message}", hint=error.hint) from error
    chosen += _one_each(extra, distractors, seed=seed)
    recipe: dict[str, Any] = {"set": dataset.name, "photos": photos_hash(chosen), "aligner": aligner}

    def make() -> dict[str, Any]:
        made = align_photos(dataset, chosen, aligner=aligner, workers=workers)
        skipped = made.skipped
        return {
            "crops": made.crops,
            "person": np.array(made.person),
            "key": np.array(made.key),
            "reasons": np.array(list(skipped), dtype=np.str_),
            "counts": np.array(list(skipped.values()), dtype=np.int64),
        }

    arrays = store.get("crops", recipe, make)
    skipped = dict(zip(arrays["reasons"].tolist(), arrays["counts"].tolist(), strict=True))
    faces = AlignedFaces(
        arrays["crops"],
        tuple(arrays["person"].tolist()),
        tuple(arrays["key"].tolist()),
        dataset.name,
        dataset.simulated,
        {**left_out, **skipped},
    )
    crowd = crowd_of(faces)
    few = min(people, len({photo.identity for photo in pool})) - len(crowd.people)
    return replace(crowd, faces=replace(faces, skipped={**({TOO_FEW: few} if few else {}), **faces.skipped}))


def is_sealed(identity: str) -> bool:
    """Whether a person is kept for one sealed test: neither recipes nor any other experiment may look at them.

    Args:
        identity: opaque id of the person. People by whom the recipe of puface was chosen are never sealed.
    """
    return identity not in CHOSEN_BY and derive(0, "sealed", "second purifier", identity) % 1000 < 1000 * SEALED_SHARE


def evaluation_photos(photos: Sequence[FacePhoto]) -> tuple[FacePhoto, ...]:
    """Photos of the users of Labeled Faces in the Wild, without the people used to select the recipe of puface."""
    return tuple(photo for photo in photos if photo.identity not in CHOSEN_BY)


def _ordered(people: Iterable[str]) -> list[str]:
    """People in a fixed random order; people used for model selection come first."""
    ordered: list[str] = np.random.default_rng(derive(0, "attackers")).permutation(sorted(people)).tolist()
    return [*(who for who in CHOSEN_BY if who in ordered), *(who for who in ordered if who not in CHOSEN_BY)]


def crowd_of(faces: AlignedFaces) -> Population:
    """Make a population of faces that are already aligned."""
    return Population(faces, pixels_key(faces.crops))


def only_looked_at(identity: str) -> bool:
    """Whether a training person belongs to the validation people of purifier training, who are not trained on."""
    return derive(0, "dev", identity) % 1000 < 1000 * DEV_SHARE


def _one_each(photos: Sequence[FacePhoto], count: int, *, seed: int) -> tuple[FacePhoto, ...]:
    first: dict[str, FacePhoto] = {}
    for photo in photos:
        first.setdefault(photo.identity, photo)
    order = np.random.default_rng(derive(seed, "distractors")).permutation(sorted(first))[:count].tolist()
    return tuple(replace(first[who], identity=f"{_DISTRACTOR}{who}") for who in sorted(order))
