"""Two further questions to every attacked attack capture: does it still match its victim, and does it survive a camera?

Evading a detector by destroying the face is no attack: a system also asks a recognizer. And what is shown to a camera
goes through its lens, noise, image processor and JPEG before the detector sees it; only what is injected does not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facewarden.align.parts.warp import align_face
from facewarden.auditing.request import AuditRequest
from facewarden.core.batch import FaceBatch
from facewarden.core.compute.finite import vectors_of
from facewarden.core.errors import FacewardenError
from facewarden.core.labels import ATTACK, BONA_FIDE
from facewarden.core.resolve import resolve_recognizer
from facewarden.core.roles import Detector, Recognizer
from facewarden.core.seeding import derive
from facewarden.data.loading import iter_batches
from facewarden.data.manifest import Manifest
from facewarden.data.sample import Sample
from facewarden.data.simulate.sensor.retake import retaken
from facewarden.evaluation.decisions import known_decisions
from facewarden.reporting.document import LeftOut

MATCH, CAMERA = "match", "before_camera"
"""Columns of the judges."""
UNASKED = -1
"""In both columns: a capture of which the question makes no sense, which is in no rate."""
MATCHED, MATCHED_CLEAN = 1, 2
"""Parts of the column `match`: the attacked capture matches, the clean one does."""

Judge = Callable[[FaceBatch, FaceBatch], Sequence[int]]


@dataclass(frozen=True, eq=False)
class Witness:
    """A recognizer with a bona fide reference of every victim.

    Attributes:
        recognizer: with the threshold of its card.
        threshold: cosine from which two photos are of one person.
        landmarks: key of an attacked capture -> its five points.
        references: subject -> unit vector `(d,)` of a bona fide capture.
    """

    recognizer: Recognizer
    threshold: float
    landmarks: Mapping[str, tuple[tuple[float, float], ...]]
    references: Mapping[str, Tensor]

    def vectors(self, batch: FaceBatch) -> Tensor:
        """Unit vectors `(b, d)` of the color frames of a batch; NaN where there is none."""
        frames = zip(batch.images["rgb"], batch.key, strict=True)
        crops = [align_face(_stored(image), self.landmarks[key]) for image, key in frames]
        faces = torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).float() / 255
        return vectors_of(self.recognizer, faces).cpu()


def witness_of(
    needs: AuditRequest, manifest: Manifest, samples: Sequence[Sample]
) -> tuple[Witness | None, tuple[LeftOut, ...]]:
    """The audited recognizer as a witness, or why there is none.

    Args:
        needs: names the recognizer.
        manifest: the captures; bona fide test captures of the victims are the references.
        samples: the attacked captures.
    """
    what = "the recognizer's answer to attacked captures"
    try:
        recognizer = resolve_recognizer(needs.recognizer, device=needs.device)
    except FacewardenError as error:
        return None, (LeftOut(what, error.message, error.hint),)
    threshold = recognizer.card.match_threshold
    if threshold is None:
        return None, (LeftOut(what, f"the card of {recognizer.card.name} has no match_threshold",
                              '"match_threshold" in card.json'),)  # fmt: skip
    victims = {sample.subject for sample in samples if sample.label == ATTACK}
    chosen: dict[str, Sample] = {}
    for sample in manifest.where(split="test"):
        if sample.label == BONA_FIDE and sample.subject in victims and sample.landmarks is not None and sample.rgb:
            chosen.setdefault(sample.subject, sample)
    if not chosen:
        return None, (LeftOut(what, "no victim has a bona fide test capture with landmarks",
                              "columns lm0x, lm0y … lm4x, lm4y of the manifest"),)  # fmt: skip
    known = {s.key: s.landmarks for s in (*samples, *chosen.values()) if s.landmarks is not None}
    witness = Witness(recognizer, threshold, known, {})
    references: dict[str, Tensor] = {}
    for batch in iter_batches(list(chosen.values()), 16, root=manifest.root, modalities=("rgb",), on_error="skip",
                              skipped=[]):  # fmt: skip
        for subject, vector in zip(batch.subject or (), witness.vectors(batch), strict=True):
            if bool(torch.isfinite(vector).all()):
                references[subject] = vector
    return Witness(recognizer, threshold, known, references), ()


def judges_of(detector: Detector, threshold: float, witness: Witness | None, *, seed: int) -> dict[str, Judge]:
    """The judges of an audit by their columns.

    Args:
        detector: decides once more, behind a camera.
        threshold: of its decision.
        witness: answers whether a capture matches its victim; None where there is none.
        seed: draws the camera of each capture, the same for every attack.
    """
    judges: dict[str, Judge] = {CAMERA: _Camera(detector, threshold, seed)}
    return judges if witness is None else {MATCH: _Match(witness), **judges}


@dataclass(frozen=True, eq=False)
class _Match:
    """Whether the clean and the attacked capture match their victim: `MATCHED` and `MATCHED_CLEAN`, summed."""

    witness: Witness

    def __call__(self, clean: FaceBatch, attacked: FaceBatch) -> list[int]:
        witness = self.witness
        found = [UNASKED] * len(clean)
        rows = [row for row in _attacks(clean) if clean.key[row] in witness.landmarks
                and (clean.subject or ())[row] in witness.references]  # fmt: skip
        if not rows:
            return found
        cosines = []
        for batch in (attacked, clean):
            part = batch.select(rows)
            wanted = torch.stack([witness.references[subject] for subject in part.subject or ()])
            cosines.append((witness.vectors(part) * wanted).sum(dim=1))
        for place, row in enumerate(rows):
            after, before = (bool(cosine[place] >= witness.threshold) for cosine in cosines)
            found[row] = MATCHED * after + MATCHED_CLEAN * before
        return found


@dataclass(frozen=True, eq=False)
class _Camera:
    """1 where the retaken attacked capture is accepted, 0 where not; the retaken clean capture must be rejected.

    Attributes:
        detector, threshold: decide.
        seed: draws the camera of each capture.
        clean_right: key -> whether the retaken clean capture is decided correctly, as far as it was asked.
    """

    detector: Detector
    threshold: float
    seed: int
    clean_right: dict[str, bool] = field(default_factory=dict)

    def __call__(self, clean: FaceBatch, attacked: FaceBatch) -> list[int]:
        found = [UNASKED] * len(clean)
        rows = _attacks(clean)
        new = [row for row in rows if clean.key[row] not in self.clean_right]
        if new:
            part = clean.select(new)
            _, right = known_decisions(self.detector, self._again(part), threshold=self.threshold)
            self.clean_right.update(zip(part.key, right.tolist(), strict=True))
        rows = [row for row in rows if self.clean_right[clean.key[row]]]
        if rows:
            known, right = known_decisions(self.detector, self._again(attacked.select(rows)), threshold=self.threshold)
            for row, there, still in zip(rows, known.tolist(), right.tolist(), strict=True):
                found[row] = int(not still) if there else UNASKED
        return found

    def _again(self, batch: FaceBatch) -> FaceBatch:
        """The same pictures, taken by the camera of each capture."""
        frames = []
        for row, key in enumerate(batch.key):
            rng = np.random.default_rng(derive(self.seed, "retake", key))
            box = None if batch.box is None else batch.box[row].cpu().numpy()
            taken = retaken(rng, _stored(batch.images["rgb"][row]), box=box)
            frames.append(torch.from_numpy(taken).permute(2, 0, 1).float() / 255)
        return batch.with_images({**batch.images, "rgb": torch.stack(frames).to(batch.images["rgb"])})


def _stored(image: Tensor) -> NDArray[np.uint8]:
    """A picture as a file stores it, `(h, w, 3)`."""
    return (image.detach().cpu() * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous().numpy()


def _attacks(batch: FaceBatch) -> list[int]:
    assert batch.label is not None
    return [row for row, label in enumerate(batch.label.tolist()) if label == ATTACK]
