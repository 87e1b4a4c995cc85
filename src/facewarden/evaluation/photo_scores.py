"""Scores of single photos: which face was scored, and what a reader must know of the photo."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from facewarden.align import choose_face
from facewarden.core.batch import FaceBatch
from facewarden.core.compute.finite import NO_SCORE, scores_of
from facewarden.core.errors import BadInputError
from facewarden.core.resolve import DetectorLike, resolve_aligner, resolve_detector
from facewarden.core.roles import Aligner, Detector, FaceLocation
from facewarden.data.photo import is_colored, read_photo, why_unread
from facewarden.data.text import printable
from facewarden.evaluation.verdicts.quality import LOW_QUALITY, QualityGate, quality_problems
from facewarden.nn.fast_forward import in_torch
from facewarden.photos.reader import TINY

_SMALLER = "the face is smaller than "
SEVERAL = "several faces, the largest is scored"
_LYING = 45.0
"""Degrees between the eyes and the horizontal from which a face does not stand upright."""

_PIXELS = 4_000_000
"""Of the frames that go through a network together, unless one alone has more."""

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class PhotoScore:
    """What scoring one photo gave.

    Attributes:
        key: its name below the folder; bytes that are not UTF-8 show as `\\xff`.
        score: logit, higher = more bona fide; None where there is none, `skipped` says why.
        faces: how many faces were found; None where the photo was not looked at.
        box: x0 y0 x1 y1 in pixels of the upright photo, of the face that was scored.
        notes: what a reader must know of the photo.
        skipped: why there is no score; empty where there is one.
    """

    key: str
    score: float | None
    faces: int | None = None
    box: Box | None = None
    notes: tuple[str, ...] = ()
    skipped: str = ""


@dataclass(frozen=True, eq=False)
class SeenFace:
    """A face that is to be scored.

    Attributes:
        image: `(h, w, 3)` RGB, the whole frame.
        box: x0 y0 x1 y1 of the face in pixels.
    """

    image: NDArray[np.uint8]
    box: Box


@dataclass(frozen=True)
class ScoreJob:
    """What a worker needs to score photos.

    Attributes:
        detector: that reads color alone, as it was given.
        aligner: name of the face finder.
        base: keys are relative to it.
        gate: what becomes of photos of low quality.
        few: see `ScorePhotos`.
    """

    detector: DetectorLike
    aligner: str
    base: Path
    gate: QualityGate = QualityGate("off")  # noqa: RUF009  frozen
    few: bool = False

    def open(self) -> ScorePhotos:
        """Resolve the models."""
        return self.opened(resolve_detector(self.detector))

    def opened(self, detector: Detector) -> ScorePhotos:
        """The job with a detector that is there already."""
        return ScorePhotos(detector, resolve_aligner(self.aligner), self.base, self.gate, few=self.few)


@dataclass(frozen=True, eq=False)
class ScorePhotos:
    """Scores the largest face of photos, some at a time; frames of one size go through the network together.

    Attributes:
        detector: that reads color alone.
        aligner: finds faces.
        base: keys are relative to it.
        gate: what becomes of photos of low quality.
        few: so few photos come that torch scores them sooner than it records the detector for onnxruntime.
    """

    detector: Detector
    aligner: Aligner
    base: Path
    gate: QualityGate = QualityGate("off")  # noqa: RUF009  frozen
    few: bool = False

    def __call__(self, paths: Sequence[Path]) -> list[PhotoScore]:
        """Score photos, in their order."""
        return self._scored([self._seen(path) for path in paths])

    def score_images(self, images: Sequence[tuple[str, NDArray[np.uint8]]]) -> list[PhotoScore]:
        """Score pictures that are in memory, such as frames of a video.

        Args:
            images: name and `(h, w, 3)` RGB of each.
        """
        return self._scored([self.look_at(key, image, []) for key, image in images])

    def _scored(self, seen: Sequence[tuple[PhotoScore, SeenFace | None]]) -> list[PhotoScore]:
        scores: dict[int, float] = {}
        for places in together([None if frame is None else frame.image.shape for _, frame in seen]):
            frames = [frame for _, frame in (seen[place] for place in places) if frame is not None]
            scores |= zip(places, self._scores(frames, [seen[place][0].key for place in places]), strict=True)
        rows = []
        for place, (row, _) in enumerate(seen):
            score = scores.get(place, math.nan)
            known = math.isfinite(score)
            skipped = row.skipped if place not in scores or known else NO_SCORE
            rows.append(replace(row, score=score if known else None, skipped=skipped))
        return rows

    def _seen(self, path: Path) -> tuple[PhotoScore, SeenFace | None]:
        """The row of a photo without its score, and the face to score where there is one."""
        relative = path.relative_to(self.base).as_posix()
        key, notes = printable(relative), []
        if key != relative:
            notes.append("file name is not UTF-8, its bytes show as \\x")
        said: list[str] = []
        try:
            image = read_photo(path, on_note=said.append)
            return self.look_at(key, image, [*notes, *(_short(text, path) for text in said)])
        except BadInputError as error:
            return PhotoScore(key, None, notes=tuple(notes), skipped=why_unread(path, error)), None

    def look_at(
        self, key: str, image: NDArray[np.uint8], given: Sequence[str] = ()
    ) -> tuple[PhotoScore, SeenFace | None]:
        """Find the face of a picture.

        Args:
            key: its name.
            image: `(h, w, 3)` RGB.
            given: notes of whoever read it.

        Returns:
            The row of the picture without its score, and the face to score where there is one.
        """
        notes, found = list(given), self.aligner.locate(image)
        if not found:
            return PhotoScore(key, None, 0, notes=tuple(notes), skipped=_why_no_face(image, self.aligner)), None
        face = choose_face(found, size=(image.shape[1], image.shape[0]))
        notes += _notes(image, face, len(found))
        problems = list(quality_problems(image, face, len(found), limits=self.gate.limits)) if self.gate.looks else []
        if problems and self.gate.mode == "refuse":
            notes += problems[1:]
            reason = f"{LOW_QUALITY}{problems[0]}"
            return PhotoScore(key, None, len(found), face.box, _once(notes), reason), None
        return PhotoScore(key, None, len(found), face.box, _once([*notes, *problems])), SeenFace(image, face.box)

    def _scores(self, frames: Sequence[SeenFace], keys: Sequence[str]) -> list[float]:
        images = torch.from_numpy(np.stack([frame.image for frame in frames])).permute(0, 3, 1, 2).float().div_(255)
        boxes = torch.tensor([frame.box for frame in frames], dtype=torch.float32)
        with in_torch() if self.few else nullcontext():
            scores = scores_of(self.detector, FaceBatch(images={"rgb": images}, key=tuple(keys), box=boxes))
        return list(scores.tolist())


def _once(notes: Sequence[str]) -> tuple[str, ...]:
    """Notes without those that another one says more exactly."""
    said = list(dict.fromkeys(notes))
    small = next((note for note in said if note.startswith(_SMALLER)), "")
    return tuple(
        note
        for note in said
        if not (note == "several faces" and SEVERAL in said) and (note == small or not note.startswith(_SMALLER))
    )


def together(shapes: Sequence[tuple[int, ...] | None]) -> Iterator[list[int]]:
    """Places of photos of one shape, few enough that their frames fit into memory as numbers."""
    groups: dict[tuple[int, ...], list[int]] = {}
    for place, shape in enumerate(shapes):
        if shape is None:
            continue
        group = groups.setdefault(shape, [])
        group.append(place)
        if (len(group) + 1) * shape[0] * shape[1] > _PIXELS:
            yield groups.pop(shape)
    yield from groups.values()


def _notes(image: NDArray[np.uint8], face: FaceLocation, count: int) -> Iterator[str]:
    height, width = image.shape[:2]
    x0, y0, x1, y1 = face.box
    if count > 1:
        yield SEVERAL
    if min(x1 - x0, y1 - y0) < TINY:
        yield f"{_SMALLER}{TINY:.0f} pixels"
    if x0 < -1 or y0 < -1 or x1 > width + 1 or y1 > height + 1:
        yield "the face is cut by the edge of the photo"
    if abs(_roll(face)) > _LYING:
        yield "the face does not stand upright"
    if not is_colored(image):
        yield "the photo has no color"


def _roll(face: FaceLocation) -> float:
    """Degrees by which the line between the eyes leaves the horizontal."""
    (left_x, left_y), (right_x, right_y) = face.landmarks[:2]
    return math.degrees(math.atan2(right_y - left_y, right_x - left_x))


def _why_no_face(image: NDArray[np.uint8], aligner: Aligner) -> str:
    for quarter in (1, 3, 2):
        if aligner.locate(np.ascontiguousarray(np.rot90(image, quarter))):
            return f"no upright face: there is one when the photo is turned by {90 * quarter} degrees to the left"
    return "no face found"


def _short(text: str, path: Path) -> str:
    """A reader's note without the name of the file."""
    return text.removeprefix(f"{printable(path)}: ")
