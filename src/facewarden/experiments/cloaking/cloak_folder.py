"""Cloak photos of a folder, some at a time: the work of one process of the verb."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from facewarden.core.artifact import sha256
from facewarden.core.attack import Attack
from facewarden.core.compute.finite import NO_VECTOR
from facewarden.core.errors import NotFiniteError
from facewarden.core.resolve import RecognizerLike, resolve_aligner, resolve_recognizer
from facewarden.core.roles import Aligner, Recognizer
from facewarden.data.photo import read_photo
from facewarden.data.photo_change import TransparencyError, write_changed
from facewarden.data.text import printable
from facewarden.experiments.cloaking.cloak_recipe import goal_of
from facewarden.photos.cloak_attack import CloakMethod, choose_method, surrogate_weights
from facewarden.photos.cloak_detector import CloakDetector
from facewarden.photos.cloak_measures import measure_photo
from facewarden.photos.cloaked_photos import CloakedPhoto, FoundFaces, cloak_photos
from facewarden.photos.photo_outcome import PhotoOutcome
from facewarden.photos.reader import PhotoReader, Unusable


@dataclass(frozen=True)
class CloakTask:
    """One photo to cloak.

    Attributes:
        path: its file.
        name: in tables.
        target: file of the result.
        done: whether an earlier call has finished it.
    """

    path: Path
    name: str
    target: Path
    done: bool = False


@dataclass(frozen=True)
class CloakChoices:
    """What decides the pixels besides models and photos; see `facewarden.verbs.cloak`."""

    faces: Literal["all", "largest"]
    format: Literal["png", "jpeg"]
    quality: int
    seed: int


@dataclass(frozen=True)
class CloakJob:
    """What a worker needs to cloak photos.

    Attributes:
        base, out: folders of the photos and of the results.
        method, strength, eps, thorough: as `choose_method` takes them.
        surrogates, recognizers: label -> recognizer as it was given.
        aligner: name of the face finder.
        choices: the rest.
    """

    base: Path
    out: Path
    method: str | Attack
    strength: str
    eps: float | None
    thorough: bool
    surrogates: Mapping[str, RecognizerLike]
    recognizers: Mapping[str, RecognizerLike]
    aligner: str
    choices: CloakChoices

    def open(self) -> CloakFolder:
        """Resolve the models."""
        given = {**self.surrogates, **self.recognizers}
        return CloakFolder(
            self.base, self.out,
            choose_method(self.method, strength=self.strength, eps=self.eps, thorough=self.thorough),
            {name: resolve_recognizer(one) for name, one in given.items()}, tuple(self.surrogates),
            resolve_aligner(self.aligner), CloakDetector(), self.choices,
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class CloakFolder:
    """Cloaks some photos at a time, all of their faces together.

    Attributes:
        base, out, choices: as in `CloakJob`.
        method: the attack and its budget.
        models: label -> recognizer.
        surrogates: labels of those that the cloak is made on.
        finder: of faces.
        detector: tells what was cloaked before.
    """

    base: Path
    out: Path
    method: CloakMethod
    models: Mapping[str, Recognizer]
    surrogates: Sequence[str]
    finder: Aligner
    detector: CloakDetector
    choices: CloakChoices

    @property
    def weights(self) -> list[float]:
        """Weight of every surrogate."""
        return surrogate_weights([self.models[name] for name in self.surrogates], attack=self.method.attack)

    def __call__(self, tasks: Sequence[CloakTask]) -> Iterator[PhotoOutcome[CloakTask]]:
        """Cloak what is left to do of some photos.

        Where one of them is to be done, finished ones are read and cloaked with it and not written: the attack then
        sees the same faces together as in a call that was never stopped, and the last bits are the same.
        """
        reasons: dict[str, tuple[str, Counter[str]]] = {}
        found: dict[str, tuple[FoundFaces, Counter[str]]] = {}
        for task in sorted(tasks, key=lambda task: task.done):  # finished ones last, where there is anything to do
            if task.done and not found:
                break
            reader = PhotoReader(self.base)
            try:
                found[task.name] = self._read(task, reader), reader.notes
            except Unusable as reason:
                reasons[task.name] = str(reason), reader.notes
        photos = [found[task.name][0] for task in tasks if task.name in found]
        surrogates = [self.models[name] for name in self.surrogates]
        goal = partial(goal_of, self.method, surrogates, weights=self.weights, seed=self.choices.seed)
        made = cloak_photos(photos, self.method, goal, surrogates, detector=self.detector, seed=self.choices.seed)
        by_name = {photo.photo.name: photo for photo in made}
        for task in tasks:
            if task.done:
                yield PhotoOutcome(task)
            elif task.name in found:
                yield self._written(task, by_name[task.name], found[task.name][1])
            else:
                yield PhotoOutcome(task, left_out=reasons[task.name][0], notes=reasons[task.name][1])

    def _read(self, task: CloakTask, reader: PhotoReader) -> FoundFaces:
        try:
            digest = sha256(task.path)  # before it is read: what changes meanwhile is done again by the next call
        except OSError:
            raise Unusable("unreadable photo: cannot be read") from None
        pixels = reader.read(task.path)
        found = reader.faces(pixels, self.finder)
        if self.choices.faces == "largest":
            found = (max(found, key=lambda face: (face.box[2] - face.box[0]) * (face.box[3] - face.box[1])),)
        return FoundFaces(task.path, task.name, task.target, digest, pixels, found)

    def _written(self, task: CloakTask, made: CloakedPhoto, notes: Counter[str]) -> PhotoOutcome[CloakTask]:
        photo, choices = made.photo, self.choices
        try:
            check_still(photo)
            write_changed(
                photo.path, _known(made.pixels), photo.target, kind=choices.format, quality=choices.quality,
                on_note=lambda what: notes.update([what]),
            )  # fmt: skip
            measured = _measured(photo, self.models)
        except TransparencyError:
            return PhotoOutcome(task, left_out="transparency, which JPEG cannot hold", notes=notes)
        except Unusable as reason:
            return PhotoOutcome(task, left_out=str(reason), notes=notes)
        where = {"source": photo.name, "file": printable(photo.target.relative_to(self.out).as_posix())}
        told = {"sha256": photo.sha256, "bytes": photo.target.stat().st_size}
        row = {**where, **told, **measured, "gain": made.gain, "likelihood": made.likelihood}
        return PhotoOutcome(task, row, notes=notes)


def check_still(photo: FoundFaces) -> None:
    """Refuse a photo that somebody took away or changed since it was read.

    Raises:
        Unusable: which of both.
    """
    try:
        same = sha256(photo.path) == photo.sha256
    except OSError:
        raise Unusable("gone while it was cloaked") from None
    if not same:
        raise Unusable("changed while it was cloaked")


def _known(pixels: NDArray[np.uint8] | None) -> NDArray[np.uint8]:
    if pixels is None:
        raise Unusable(f"{NO_VECTOR}, clean or on the way to the cloak")
    return pixels


def _measured(photo: FoundFaces, models: Mapping[str, Recognizer]) -> dict[str, int | float]:
    """What the written cloak does; one that a recognizer says nothing of is taken away again."""
    try:
        return measure_photo(photo.pixels, read_photo(photo.target), photo.faces, models=models)
    except NotFiniteError:
        photo.target.unlink(missing_ok=True)
        raise Unusable(f"{NO_VECTOR}, of the cloaked photo") from None
