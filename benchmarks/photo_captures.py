"""Photos of people as captures: a manifest with the face box of every photo.

Run with `python benchmarks/photo_captures.py lfw_train:DIR --people 600 --seed 107 --out photos.csv`. One photo of each
person (more with `--each`) in which YuNet finds a face. People are dealt to train, dev and test as the simulator does
it. `--groups` makes so many domains of the photos: an epoch of `facewarden train` draws equally of every label in every
domain, so that this is their share of it. `--skip` leaves out the first people of the seed's order, which is that of
`facewarden simulate --faces` with the same seed: so both can have people of their own.

Photos as they are count as bona fide; they stay where they are, and the manifest names them relative to its folder.
With `--pairs` every photo is taken twice by a simulated camera of version 2, in person and on a print or a screen, and
both pictures are written beside the manifest: as many bona fide presentations as attacks, by the same cameras.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facewarden.align.yunet import YuNet
from facewarden.core.files import path_from
from facewarden.core.labels import QUALITIES, SPLITS
from facewarden.core.progress import track
from facewarden.core.seeding import derive
from facewarden.data.datasets import FacePhoto, open_dataset
from facewarden.data.manifest import Manifest
from facewarden.data.photo import read_photo
from facewarden.data.sample import Sample
from facewarden.data.sample_words import as_split
from facewarden.data.simulate import Simulation
from facewarden.data.simulate.capture import CaptureSpec
from facewarden.data.simulate.person.people import ProceduralPeople, frame_of
from facewarden.data.simulate.rephotograph import TakenPhoto, rephotographed, square_photo
from facewarden.data.simulate.site_plan import PATTERN, weighted
from facewarden.data.simulate.species import FLAT
from facewarden.data.simulate.writer import write_png

HOLDERS = 40
"""Procedural people whose hands and heads are seen beside prints and screens."""


@dataclass(frozen=True)
class Found:
    """A photo with its face.

    Attributes:
        photo: what it is.
        pixels: `(h, w, 3)` uint8.
        box, landmarks: of the largest face, pixels.
        split, domain: what the person is dealt to.
    """

    photo: FacePhoto
    pixels: NDArray[np.uint8]
    box: NDArray[np.float32]
    landmarks: NDArray[np.float32]
    split: str
    domain: str


Rows = Callable[[Found], list[Sample]]


def found_photos(
    faces: str, *, people: int, each: int = 1, groups: int = 1, skip: int = 0, seed: int, split: str | None = None
) -> Iterator[Found]:
    """Photos in which a face is found.

    Args:
        faces: a set of photos, as `facewarden simulate --faces` takes it.
        people: at most.
        each: photos of a person, at most.
        groups: domains that the people are dealt to.
        skip: so many people of the order come first and are left out.
        seed: decides who, and which photos.
        split: of everybody; dealt by `PATTERN` when None.
    """
    dataset, finder = open_dataset(faces), YuNet()
    by_person: dict[str, list[FacePhoto]] = defaultdict(list)
    for photo in dataset.photos():
        by_person[photo.identity].append(photo)
    order = np.random.default_rng(derive(seed, "who")).permutation(sorted(by_person)).tolist()
    chosen = order[skip : skip + people]
    for number, person in enumerate(track(chosen, label="reading photos", unit="people")):
        turn = np.random.default_rng(derive(seed, "photos", person)).permutation(len(by_person[person]))
        name = f"{dataset.name}_{number % groups + 1}" if groups > 1 else dataset.name
        for place in turn[:each]:
            photo = by_person[person][place]
            pixels = read_photo(photo.path)
            if faces_there := finder.locate(pixels):
                face = max(faces_there, key=lambda one: (one.box[2] - one.box[0]) * (one.box[3] - one.box[1]))
                yield Found(
                    photo, pixels, np.asarray(face.box, np.float32), np.asarray(face.landmarks, np.float32),
                    split or SPLITS[PATTERN[number % len(PATTERN)]], name,
                )  # fmt: skip


def photo_captures(
    faces: str, *, people: int, each: int = 1, groups: int = 1, skip: int = 0, seed: int, root: Path,
    split: str | None = None, rows: Rows | None = None,
) -> Manifest:  # fmt: skip
    """A manifest of photos; the arguments are those of `found_photos`.

    Args:
        root: folder of the manifest.
        rows: makes the rows of a photo; without it a photo is a bona fide presentation as it is.
    """

    def as_it_is(found: Found) -> list[Sample]:
        place = path_from(root.absolute(), found.photo.path.absolute())
        return [sample_of(found, f"photo {found.photo.key}", "bona_fide", place, found.box, simulated=False)]

    photos = found_photos(faces, people=people, each=each, groups=groups, skip=skip, seed=seed, split=split)
    made = tuple(row for found in photos for row in (rows or as_it_is)(found))
    return Manifest(made, root=root, name=f"photos of {open_dataset(faces).name}")


def sample_of(
    found: Found, key: str, species: str, rgb: str, box: NDArray[np.float32], *, simulated: bool
) -> Sample:  # fmt: skip
    """The row of a picture of a photo, which is the photo itself or was taken of it by a simulated camera."""
    return Sample(
        key, as_split(found.split), int(species == "bona_fide"), species, f"photo {found.photo.identity}",
        found.domain, rgb=rgb, box=tuple(round(float(v), 2) for v in box), simulated=simulated,
    )  # fmt: skip


def pairs_of(root: Path, *, seed: int, size: int, framing: float) -> Rows:
    """What takes every photo twice, in person and on a print or a screen, and writes both pictures below `root`.

    Args:
        root: folder of the manifest.
        seed: decides cameras, lights and instruments.
        size: of the frames in pixels.
        framing: width of the face box as a share of the frame's width.
    """
    sites = Simulation(version=2, size=size, framing=framing, seed=seed).sites
    holders = ProceduralPeople(seed, *frame_of(size, framing))
    folder = root / "pairs"
    folder.mkdir(parents=True, exist_ok=True)

    def rows(found: Found) -> list[Sample]:
        rng = np.random.default_rng(derive(seed, "pair", found.photo.key))
        site = sites[int(rng.integers(len(sites)))]
        name = f"{derive(seed, 'name', found.photo.key):016x}"
        spec = CaptureSpec(
            name, name, str(rng.choice(FLAT)), site.name, weighted(rng, site.illumination),
            "outdoor" if rng.random() < site.outdoor else "indoor", split=found.split, seed=seed, size=size,
            framing=framing, version=2, quality=str(rng.choice(QUALITIES)),
        )  # fmt: skip
        holder = holders.maps(int(rng.integers(HOLDERS)), key="holds")
        photo = square_photo(found.pixels, box=found.box, landmarks=found.landmarks)
        made = []
        taken: TakenPhoto
        for species, taken in zip(("bona_fide", spec.species), rephotographed(spec, photo, holder=holder), strict=True):
            path = folder / f"{name}_{species}.png"
            write_png(path, taken.image)
            place = path.relative_to(root).as_posix()
            made.append(sample_of(found, path.stem, species, place, taken.box, simulated=True))
        return made

    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("faces")
    parser.add_argument("--people", type=int, default=600)
    parser.add_argument("--each", type=int, default=1)
    parser.add_argument("--groups", type=int, default=5)
    parser.add_argument("--skip", type=int, default=0)
    parser.add_argument("--seed", type=int, default=107)
    parser.add_argument("--pairs", action="store_true", help="take every photo in person and as an attack")
    parser.add_argument("--size", type=int, default=192, help="of the frames of --pairs, pixels")
    parser.add_argument("--framing", type=float, default=0.46, help="width of the face in them, share of the frame")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    root = options.out.parent
    root.mkdir(parents=True, exist_ok=True)
    rows = pairs_of(root, seed=options.seed, size=options.size, framing=options.framing) if options.pairs else None
    found = photo_captures(
        options.faces, people=options.people, each=options.each, groups=options.groups, skip=options.skip,
        seed=options.seed, root=root, rows=rows,
    )  # fmt: skip
    found.write(options.out)
    print(f"{len(found)} pictures: {options.out}")


if __name__ == "__main__":
    main()
