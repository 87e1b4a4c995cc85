"""Purify photos of a folder, some at a time: the work of one process of the verb."""

from __future__ import annotations

import filecmp
import hashlib
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewarden.core.compute.finite import NO_VECTOR
from facewarden.core.errors import BadInputError, MissingAssetError
from facewarden.core.files import writing
from facewarden.core.resolve import (
    PurifierLike,
    RecognizerLike,
    resolve_aligner,
    resolve_purifier,
    resolve_recognizer,
)
from facewarden.core.roles import Aligner, Purifier
from facewarden.data.photo_change import write_changed
from facewarden.data.text import printable
from facewarden.photos.aligned import purify, to_images
from facewarden.photos.cloak_detector import CloakDetector, TellsCloaks
from facewarden.photos.journal import still_there
from facewarden.photos.photo_outcome import PhotoOutcome
from facewarden.photos.purify_faces import FacePurifier, FacesOfPhoto, PurifiedPhoto
from facewarden.photos.reader import PhotoReader, Unusable
from facewarden.photos.similarity import likeness


@dataclass(frozen=True)
class PhotoTask:
    """One photo to purify.

    Attributes:
        path: its file.
        name: in tables.
        row: what the journal has of an earlier call.
    """

    path: Path
    name: str
    row: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class PurifyJob:
    """What a worker needs to purify photos.

    Attributes:
        base, out: folders of the photos and of the results.
        purifier, aligner, recognizer: as they were given; no aligner purifies whole photos, no recognizer compares.
        threshold: see `FacePurifier`.
        decides: text of everything that decides a result besides the photo.
    """

    base: Path
    out: Path
    purifier: PurifierLike
    aligner: str | None
    recognizer: RecognizerLike
    threshold: float | None
    decides: str

    def open(self) -> PurifyPhotos:
        """Resolve the models."""
        model = resolve_purifier(self.purifier)
        if self.aligner is None:
            return self.opened(None, FacePurifier(model))
        checker = None if self.recognizer == "" else resolve_recognizer(self.recognizer)
        detector = detector_of(model, needed=self.threshold is not None)
        return self.opened(resolve_aligner(self.aligner), FacePurifier(model, checker, detector, self.threshold))

    def opened(self, finder: Aligner | None, faces: FacePurifier) -> PurifyPhotos:
        """The work with models that are there already."""
        return PurifyPhotos(self.base, self.out, self.decides, finder, faces)


@dataclass(frozen=True, eq=False)
class PurifyPhotos:
    """Purifies or copies some photos at a time; networks are given their faces together.

    Attributes:
        base, out, decides: as in `PurifyJob`.
        finder: of faces; None purifies whole photos.
        faces: purifies them.
    """

    base: Path
    out: Path
    decides: str
    finder: Aligner | None
    faces: FacePurifier

    def __call__(self, tasks: Sequence[PhotoTask]) -> Iterator[PhotoOutcome[PhotoTask]]:
        """Do what is left to do of some photos.

        Where one of them is to be done, finished ones are read with it: networks are then given the same faces
        together as in a call that was never stopped, and the last bits are the same.
        """
        reasons: dict[int, tuple[str, Counter[str]]] = {}
        origins: dict[int, str] = {}
        for place, task in enumerate(tasks):
            try:
                origins[place] = self._origin(task.path)
            except Unusable as reason:
                reasons[place] = str(reason), Counter()
        finished = {
            place for place, origin in origins.items()
            if still_there(tasks[place].row, origin=origin, folder=self.out)
        }  # fmt: skip
        found: dict[int, tuple[FacesOfPhoto, Counter[str]]] = {}
        for place in sorted(origins, key=lambda place: place in finished):  # last, where there is anything to do
            if place in finished and not found:
                break
            reader = PhotoReader(self.base)
            try:
                pixels = reader.read(tasks[place].path)
                faces = () if self.finder is None else reader.faces(pixels, self.finder)
                found[place] = FacesOfPhoto(pixels, faces), reader.notes
            except Unusable as reason:
                reasons[place] = str(reason), reader.notes
        photos = {place: found[place][0] for place in sorted(found)}
        made = self._all_pixels(photos.values()) if self.finder is None else self.faces(tuple(photos.values()))
        purified = dict(zip(photos, made, strict=True))
        for place, task in enumerate(tasks):
            if place in finished:
                yield PhotoOutcome(task)
            elif place in purified:
                photo, notes = found[place]
                yield self._written(task, photo, purified[place], origin=origins[place], notes=notes)
            else:
                yield PhotoOutcome(task, left_out=reasons[place][0], notes=reasons[place][1])

    def _all_pixels(self, photos: Iterable[FacesOfPhoto]) -> list[PurifiedPhoto]:
        return [PurifiedPhoto(_all_pixels(self.faces.purifier, photo.pixels), None, None) for photo in photos]

    def _origin(self, path: Path) -> str:
        """What decides the result, as a hash: the purifier with settings and weights, and the photo's bytes."""
        digest = hashlib.sha256(self.decides.encode() + b"\0")
        try:
            with path.open("rb") as file:
                while block := file.read(1 << 20):
                    digest.update(block)
        except OSError:
            raise Unusable("unreadable photo: cannot be read") from None
        return digest.hexdigest()

    def _written(
        self, task: PhotoTask, photo: FacesOfPhoto, made: PurifiedPhoto, *, origin: str, notes: Counter[str]
    ) -> PhotoOutcome[PhotoTask]:
        try:
            if made.identity is not None and not np.isfinite(made.identity):
                raise Unusable(NO_VECTOR)
            with _unless_gone(task.path):
                if made.pixels is None:
                    target, row = self._copied(task), {"treatment": "copied", "psnr": 100.0, "ssim": 1.0}
                else:
                    target = self._target(task.path)
                    write_changed(task.path, made.pixels, target, on_note=lambda what: notes.update([what]))
                    psnr, alike = likeness(photo.pixels, made.pixels)
                    row = {"treatment": "purified", "psnr": psnr, "ssim": alike}
        except Unusable as reason:
            return PhotoOutcome(task, left_out=str(reason), notes=notes)
        where = {"source": task.name, "file": printable(target.relative_to(self.out).as_posix())}
        about = {
            "likelihood": made.likelihood,
            "kind": made.kind,
            "identity": made.identity,
            **row,
            "faces": len(photo.faces),
        }
        return PhotoOutcome(task, {**where, "bytes": target.stat().st_size, **about, "origin": origin}, notes=notes)

    def _copied(self, task: PhotoTask) -> Path:
        target = self._copy(task.path)
        if task.row is None and target.exists() and not filecmp.cmp(task.path, target, shallow=False):
            raise BadInputError(
                f"{target} is there already and is another file than {task.path}", hint="choose an empty --out"
            )
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with writing(target) as temporary:
                shutil.copyfile(task.path, temporary)
        except OSError as error:
            raise BadInputError(f"{target}: cannot be written: {error}", hint="choose a writable --out") from error
        return target

    def _target(self, path: Path) -> Path:
        """The suffix stays in the name: a.jpg and a.png of one folder must not meet."""
        return self.out / f"{path.relative_to(self.base).as_posix()}.png"

    def _copy(self, path: Path) -> Path:
        """The name itself, unless it is that of the purified a.jpg for a photo called a.jpg.png."""
        name = path.relative_to(self.base).as_posix()
        taken = name.endswith(".png") and (self.base / name.removesuffix(".png")).exists()
        return self.out / (f"{name}.copy.png" if taken else name)


def detector_of(model: Purifier, *, needed: bool) -> CloakDetector | None:
    """The purifier's own judgment where it has one, else that of the shipped one.

    Raises:
        BadInputError, MissingAssetError: there is none, and it is needed.
    """
    try:
        return CloakDetector(model if isinstance(model, TellsCloaks) else "puface")
    except (BadInputError, MissingAssetError):
        if needed:
            raise
        return None


@contextmanager
def _unless_gone(path: Path) -> Iterator[None]:
    """Work on a photo, which somebody may take away meanwhile."""
    try:
        yield
    except BadInputError:
        if path.exists():
            raise
        raise Unusable("gone while it was purified") from None


def _all_pixels(model: Purifier, photo: NDArray[np.uint8]) -> NDArray[np.uint8]:
    cleaned = purify(model, to_images(photo[None]))[0].permute(1, 2, 0).numpy()
    return np.round(cleaned * 255).astype(np.uint8)
