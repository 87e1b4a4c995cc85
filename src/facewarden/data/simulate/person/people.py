"""The people who are captured: procedural, or from photos; their face maps are made on demand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from facewarden.core.errors import BadInputError, MissingAssetError
from facewarden.core.seeding import derive
from facewarden.data.datasets import Dataset, open_dataset
from facewarden.data.photo import read_photo
from facewarden.data.simulate.person.clothes import sample_clothes
from facewarden.data.simulate.person.face import PreparedFace, prepare, sample_expression, sample_pose
from facewarden.data.simulate.person.identity import sample_identity
from facewarden.data.simulate.person.maps import FaceMaps
from facewarden.data.simulate.person.mesh import CanonicalMesh, cached_mesh
from facewarden.data.simulate.person.photo import FRAME_MM, head_template, maps_from_photo
from facewarden.data.simulate.person.pose import sample_strong_expression

FACE_MM = 150.0
"""Width of an average face box, which sets the scale at which heads are rendered for a frame."""

Locate = Callable[[NDArray[np.uint8]], NDArray[np.floating] | None]
"""Finds the five landmarks `(5, 2)` of the face in a `(h, w, 3)` uint8 RGB photo, or None."""


@runtime_checkable
class People(Protocol):
    """A population with numbered members."""

    def name(self, person: int) -> str:
        """An opaque name."""

    def at_scale(self, size: int, scale: float) -> People:
        """The same people in maps of other sides (pixels) and another scale (mm per pixel)."""

    def maps(self, person: int, *, key: str, subtype: str = "plain", facing: tuple[int, str] | None = None) -> FaceMaps:
        """A member's maps.

        Args:
            person: number of the member.
            key: addresses pose, expression and clothes.
            subtype: of the presentation; "expression" is a strong one, all others change nothing here.
            facing: person and key whose pose to take instead, as who wears a mask turns like the mask; glasses are
                taken off.
        """


def frame_of(size: int, framing: float) -> tuple[int, float]:
    """Pixels and mm per pixel at which a head is rendered so that it comes into the frame at about its own scale."""
    scale = FACE_MM / (framing * size)
    return max(64, round(FRAME_MM / scale)), scale


@lru_cache(maxsize=12)
def _prepared(seed: int, size: int, scale: float, *, bare: bool = False) -> PreparedFace:
    identity = sample_identity(seed)
    if bare and identity.eyes.glasses == "none":
        return _prepared(seed, size, scale)
    if bare:
        identity = replace(identity, eyes=replace(identity.eyes, glasses="none"))
    return prepare(identity, size=size, mm_per_pixel=scale)


@dataclass(frozen=True)
class ProceduralPeople:
    """Endlessly many procedural people.

    Args:
        seed: of the set.
        size, scale: pixels per side and mm per pixel of the maps.
    """

    seed: int
    size: int
    scale: float

    def name(self, person: int) -> str:
        """An opaque name."""
        return f"p{person:04d}"

    def at_scale(self, size: int, scale: float) -> ProceduralPeople:
        """The same people in maps of other sides and another scale."""
        return replace(self, size=size, scale=scale)

    def maps(self, person: int, *, key: str, subtype: str = "plain", facing: tuple[int, str] | None = None) -> FaceMaps:
        """Render a member in a pose, with an expression and in clothes that belong to the key."""
        return _rendered(self, person, key, facing or (person, key), strong=subtype == "expression")


@lru_cache(maxsize=4)
def _rendered(people: ProceduralPeople, person: int, key: str, facing: tuple[int, str], *, strong: bool) -> FaceMaps:
    masked = facing != (person, key)
    face = _prepared(derive(people.seed, "person", person), people.size, people.scale, bare=masked)
    rng = np.random.default_rng(derive(people.seed, "pose", person, key))
    pose, everyday, clothes = sample_pose(rng), sample_expression(rng), sample_clothes(rng)
    if masked:
        pose = sample_pose(np.random.default_rng(derive(people.seed, "pose", *facing)))
    return face.render(pose=pose, expression=sample_strong_expression(rng) if strong else everyday, clothes=clothes)


@dataclass(frozen=True)
class Portrait:
    """A photo with the face located."""

    path: Path
    landmarks: tuple[tuple[float, float], ...]


@lru_cache(maxsize=1)
def _template(size: int, scale: float) -> tuple[PreparedFace, CanonicalMesh | None]:
    try:
        mesh = cached_mesh()
    except MissingAssetError:
        mesh = None  # the average head stands in for the canonical mesh
    return head_template(size=size, mm_per_pixel=scale), mesh


@lru_cache(maxsize=12)
def _from_photo(portrait: Portrait, size: int, scale: float) -> FaceMaps:
    template, mesh = _template(size, scale)
    points = np.array(portrait.landmarks, np.float32)
    return maps_from_photo(
        read_photo(portrait.path), points, size=size, mm_per_pixel=scale, template=template, mesh=mesh
    )


@dataclass(frozen=True)
class PhotoPeople:
    """People rendered from their photos.

    Args:
        seed: of the set.
        size, scale: pixels per side and mm per pixel of the maps.
        portraits: of every person, the photos that can be used.
    """

    seed: int
    size: int
    scale: float
    portraits: tuple[tuple[Portrait, ...], ...]

    def name(self, person: int) -> str:
        """An opaque name, which does not tell the photo's."""
        return f"r{person:04d}" if person < len(self.portraits) else f"p{person:04d}"

    def at_scale(self, size: int, scale: float) -> PhotoPeople:
        """The same people in maps of other sides and another scale."""
        return replace(self, size=size, scale=scale)

    def maps(self, person: int, *, key: str, subtype: str = "plain", facing: tuple[int, str] | None = None) -> FaceMaps:
        """A member's maps from one of the photos; whoever is beyond the photos is procedural.

        A photo's pose and expression are what they are, whatever `subtype` and `facing` ask for.
        """
        if person >= len(self.portraits):
            return ProceduralPeople(self.seed, self.size, self.scale).maps(
                person, key=key, subtype=subtype, facing=facing
            )
        choice = derive(self.seed, "photo", person, key) % len(self.portraits[person])
        return _from_photo(self.portraits[person][choice], self.size, self.scale)


def people_from(
    faces: Path | Dataset, *, count: int, seed: int, size: int, scale: float, locate: Locate | None
) -> tuple[PhotoPeople, dict[str, int]]:
    """Choose people from photos and locate their faces.

    Args:
        faces: a set of photos, or a folder of one folder per person (or of photos, one per person).
        count: how many people at most.
        seed: decides who.
        size, scale: pixels per side and mm per pixel of the maps.
        locate: finds landmarks; needed where the set does not know them.

    Returns:
        the people, and reason -> how many photos were left out.

    Raises:
        BadInputError: no photo has a usable face, or landmarks are unknown and `locate` was not given.
    """
    photos = (open_dataset(faces) if isinstance(faces, Path) else faces).photos()
    by_person: dict[str, list[Path]] = {}
    known = {photo.path: photo.landmarks for photo in photos}
    for photo in photos:
        by_person.setdefault(photo.identity, []).append(photo.path)
    order = np.random.default_rng(derive(seed, "who")).permutation(sorted(by_person)).tolist()
    chosen: list[tuple[Portrait, ...]] = []
    skipped: dict[str, int] = {}
    for person in order:
        usable = []
        for path in by_person[person][:4]:
            try:
                points = known[path] or _located(read_photo(path), locate)
                if points is None:
                    raise BadInputError(f"{path}: no face found")
                portrait = Portrait(path, points)
                _from_photo(portrait, size, scale)
                usable.append(portrait)
            except BadInputError as error:
                if locate is None and known[path] is None:
                    raise
                reason = "no face found" if "no face" in error.message else "unusable photo"
                skipped[reason] = skipped.get(reason, 0) + 1
        if usable:
            chosen.append(tuple(usable))
        if len(chosen) == count:
            break
    if not chosen:
        raise BadInputError(f"no usable face in {len(photos)} photos", hint="photos of one upright face each")
    return PhotoPeople(seed, size, scale, tuple(chosen)), skipped


def _located(image: NDArray[np.uint8], locate: Locate | None) -> tuple[tuple[float, float], ...] | None:
    if locate is None:
        raise BadInputError("these photos come without landmarks", hint="give simulate a `locate` function")
    points = locate(image)
    return None if points is None else tuple((float(x), float(y)) for x, y in points)


def attacker_of(person: int, split_members: Sequence[int], *, population: int) -> int:
    """Who attacks as this person: the next member of the same split, or a stranger where there is no other."""
    others = [other for other in split_members if other != person]
    if not others:
        return population + 1000 + person
    later = [other for other in others if other > person]
    return (later or others)[0]
