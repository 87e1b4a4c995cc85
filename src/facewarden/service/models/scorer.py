"""One served detector: pictures of samples are read in any thread, and scored together in one."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from facewarden.core.batch import FaceBatch
from facewarden.core.compute.finite import NO_SCORE, scores_of
from facewarden.core.errors import BadInputError, FacewardenError, MissingAssetError
from facewarden.core.labels import MODALITIES, Modality
from facewarden.core.resolve import resolve_aligner
from facewarden.core.roles import Detector
from facewarden.data.reading import check_box
from facewarden.evaluation.photo_scores import Box, PhotoScore, ScorePhotos, together
from facewarden.evaluation.verdicts.quality import QualityGate
from facewarden.evaluation.verdicts.rule import VerdictRule
from facewarden.service.models.pictures import NoPicture, read_color, read_gray

NO_BOX = "no face box, which the detector needs"
NO_FINDER = "no face box, and no face finder is served"
REFUSED = "the detector refused the sample"
_SHARES = 2.0


@dataclass(frozen=True)
class SampleBytes:
    """One sample of a request.

    Attributes:
        key: its name.
        pictures: sensor -> bytes of its picture.
        box: x0 y0 x1 y1 of the face in pixels, None where it was not given.
    """

    key: str
    pictures: Mapping[str, bytes]
    box: Box | None = None


@dataclass(frozen=True, eq=False)
class Frames:
    """A sample whose pictures were read.

    Attributes:
        row: of the answer, without its score.
        images: sensor -> `(h, w, c)`; empty where there is nothing to score, `row.skipped` says why.
    """

    row: PhotoScore
    images: Mapping[Modality, NDArray[np.uint8] | NDArray[np.float32]] = field(default_factory=dict)

    @property
    def like(self) -> tuple[object, ...]:
        """What samples must share to go through the network together."""
        first = next(iter(self.images.values()))
        return (first.shape[:2], tuple(sorted(self.images)), self.row.box is None)


class Scorer:
    """Reads and scores samples with one detector.

    Args:
        name: under which it is served.
        detector: in memory.
        rule: that decides, None where there is no threshold.
        aligner: how faces are found where a sample has no box.
        gate: what becomes of photos of low quality.
    """

    def __init__(
        self, name: str, detector: Detector, rule: VerdictRule | None, *, aligner: str, gate: QualityGate
    ) -> None:
        self.name = name
        self.detector = detector
        self.rule = rule
        self._aligner = aligner
        self._gate = gate
        self._own = threading.local()  # a face finder must not be used by two threads at once

    def read(self, sample: SampleBytes, *, find: bool) -> Frames:
        """Read a sample's pictures.

        Args:
            sample: of a request.
            find: look for the face of a color picture without a box; otherwise the frame is scored as it is.
        """
        empty = PhotoScore(sample.key, None, box=sample.box)
        if sample.box is not None and max(map(abs, sample.box)) <= _SHARES:
            return Frames(replace(empty, box=None, skipped="the face box is in shares of the frame, not in pixels"))
        wanted = [name for name in MODALITIES if name in self.detector.modalities]
        missing = [name for name in wanted if name not in sample.pictures and name not in self.detector.optional]
        given = [name for name in wanted if name in sample.pictures]
        if missing or not given:
            return Frames(replace(empty, skipped=f"the sample lacks {', '.join(missing or wanted)}"))
        notes: tuple[str, ...] = ()
        about = self._sensor_notes(sample, given, wanted)
        images: dict[Modality, NDArray[np.uint8] | NDArray[np.float32]] = {}
        try:
            for name in given:
                if name == "rgb":
                    images[name], notes = read_color(sample.pictures[name])
                else:
                    images[name] = read_gray(sample.pictures[name], name)[..., None]
        except NoPicture as reason:
            return Frames(replace(empty, skipped=str(reason)))
        if len({image.shape[:2] for image in images.values()}) > 1:
            return Frames(replace(empty, skipped="its pictures are not of one size"))
        notes += about
        row = replace(empty, notes=notes)
        height, width = next(iter(images.values())).shape[:2]
        if sample.box is not None and (wrong := _no_face_there(sample.box, width, height)):
            return Frames(replace(row, box=None, skipped=wrong))
        if sample.box is None and find and "rgb" in images:
            try:
                finder = self._finder()
            except MissingAssetError:  # told in the log and by /v1/models since the start
                return Frames(replace(row, skipped=NO_FINDER))
            row, face = finder.look_at(sample.key, np.asarray(images["rgb"], dtype=np.uint8), list(notes))
            return Frames(row) if face is None else Frames(row, images)
        if sample.box is None and self.detector.needs_box:
            return Frames(replace(row, skipped=NO_BOX))
        return Frames(row, images)

    def _sensor_notes(
        self, sample: SampleBytes, given: Sequence[Modality], wanted: Sequence[Modality]
    ) -> tuple[str, ...]:
        """What must be known of sensors that the detector reads and the sample lacks, and the other way round."""
        absent = [name for name in wanted if name not in given]
        unread = [name for name in sample.pictures if name not in wanted]
        told = (
            f"it has no {' and no '.join(absent)}, which {self.name} also reads" if absent else "",
            f"{self.name} does not read its {' and '.join(unread)}" if unread else "",
        )
        return tuple(note for note in told if note)

    def score(self, samples: Sequence[Frames]) -> list[PhotoScore]:
        """Score samples that were read; those of one size go through the network together."""
        groups: dict[tuple[object, ...], list[int]] = {}
        for place, sample in enumerate(samples):
            if sample.images:
                groups.setdefault(sample.like, []).append(place)
        rows = [sample.row for sample in samples]
        for places in groups.values():
            shapes = [next(iter(samples[place].images.values())).shape for place in places]
            for few in together(shapes):
                part = [places[one] for one in few]
                for place, score in zip(part, self._scores([samples[one] for one in part]), strict=True):
                    rows[place] = replace(rows[place], score=score) if isinstance(score, float) else replace(
                        rows[place], skipped=score
                    )  # fmt: skip
        return rows

    def _scores(self, samples: Sequence[Frames]) -> list[float | str]:
        """A score for each, or why there is none."""
        try:
            found = scores_of(self.detector, _batch(samples)).tolist()
        except FacewardenError:
            if len(samples) == 1:
                return [REFUSED]
            return [one for sample in samples for one in self._scores([sample])]  # one must not cost the others
        return [float(score) if np.isfinite(score) else NO_SCORE for score in found]

    def _finder(self) -> ScorePhotos:
        if not hasattr(self._own, "finder"):
            self._own.finder = ScorePhotos(self.detector, resolve_aligner(self._aligner), Path(), self._gate)
        found: ScorePhotos = self._own.finder
        return found


def _no_face_there(box: Box, width: int, height: int) -> str:
    """Why a box cannot be that of a face in its frame, by the rule for captures; empty where it can."""
    try:
        check_box(box, width, height, key="")
    except BadInputError as error:
        return error.message.partition(": ")[2]
    return ""


def _batch(samples: Sequence[Frames]) -> FaceBatch:
    images = {}
    for name in samples[0].images:
        # one plane for each channel, as other batches have it
        stacked = np.stack([sample.images[name] for sample in samples]).transpose(0, 3, 1, 2)
        planes = torch.from_numpy(np.ascontiguousarray(stacked))
        images[name] = planes / 255 if planes.dtype == torch.uint8 else planes
    boxes = [sample.row.box for sample in samples]
    return FaceBatch(
        images=images,
        key=tuple(f"{place}" for place in range(len(samples))),
        box=None if boxes[0] is None else torch.tensor(boxes, dtype=torch.float32),
    )
