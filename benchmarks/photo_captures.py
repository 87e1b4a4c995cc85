"""Photos of people as bona fide captures: a manifest with the face box of every photo.

Run with `python benchmarks/photo_captures.py lfw_train:DIR --people 600 --seed 107 --out photos.csv`. One photo of each
person (more with `--each`) in which YuNet finds a face. People are dealt to train, dev and test as the simulator does
it. `--groups` makes so many domains of the photos: an epoch of `facewarden train` draws equally of every label in every
domain, so that this is their share of it. Pictures stay where they are; the manifest names them relative to its folder.
"""

from __future__ import annotations

import argparse
import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from facewarden.align.yunet import YuNet
from facewarden.core.labels import SPLITS
from facewarden.core.seeding import derive
from facewarden.data.datasets import FacePhoto, open_dataset
from facewarden.data.manifest import Manifest
from facewarden.data.photo import read_photo
from facewarden.data.sample import Sample
from facewarden.data.simulate.site_plan import PATTERN


def photo_captures(
    faces: str, *, people: int, each: int = 1, groups: int = 1, seed: int, root: Path, split: str | None = None
) -> Manifest:
    """Photos as bona fide captures.

    Args:
        faces: a set of photos, as `facewarden simulate --faces` takes it.
        people: at most.
        each: photos of a person, at most.
        groups: domains that the people are dealt to.
        seed: decides who, and which photos.
        root: folder of the manifest.
        split: of everybody; dealt by `PATTERN` when None.
    """
    dataset, finder = open_dataset(faces), YuNet()
    by_person: dict[str, list[FacePhoto]] = defaultdict(list)
    for photo in dataset.photos():
        by_person[photo.identity].append(photo)
    order = np.random.default_rng(derive(seed, "who")).permutation(sorted(by_person)).tolist()
    rows: list[Sample] = []
    for number, person in enumerate(order[:people]):
        turn = np.random.default_rng(derive(seed, "photos", person)).permutation(len(by_person[person]))
        photos = [by_person[person][place] for place in turn[:each]]
        where = split or SPLITS[PATTERN[number % len(PATTERN)]]
        name = f"{dataset.name}_{number % groups + 1}" if groups > 1 else dataset.name
        rows += _rows(photos, finder, root=root, split=where, domain=name)
    return Manifest(tuple(rows), root=root, name=f"photos of {dataset.name}")


def _rows(photos: list[FacePhoto], finder: YuNet, *, root: Path, split: str, domain: str) -> Iterator[Sample]:
    for photo in photos:
        found = finder.locate(read_photo(photo.path))
        if not found:
            continue
        face = max(found, key=lambda one: (one.box[2] - one.box[0]) * (one.box[3] - one.box[1]))
        yield Sample(
            f"photo {photo.key}", split, 1, "bona_fide", f"photo {photo.identity}", domain,
            rgb=os.path.relpath(photo.path.absolute(), root.absolute()), box=tuple(float(v) for v in face.box),
        )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("faces")
    parser.add_argument("--people", type=int, default=600)
    parser.add_argument("--each", type=int, default=1)
    parser.add_argument("--groups", type=int, default=5)
    parser.add_argument("--seed", type=int, default=107)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    found = photo_captures(
        options.faces, people=options.people, each=options.each, groups=options.groups, seed=options.seed,
        root=options.out.parent,
    )  # fmt: skip
    found.write(options.out)
    print(f"{len(found)} photos: {options.out}")


if __name__ == "__main__":
    main()
