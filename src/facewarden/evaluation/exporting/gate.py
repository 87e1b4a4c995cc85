"""What an export must show on captures and faces: the same answers as the original, and what int8 costs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facewarden.core.errors import BadInputError
from facewarden.core.roles import Detector, Purifier, Recognizer
from facewarden.data.loading import Skipped, iter_batches
from facewarden.data.manifest import Manifest
from facewarden.data.sample import Sample
from facewarden.evaluation.scores import Scores, score_manifest
from facewarden.exporters.parts.parity import FEWEST, Parity, ParityRow, choose_near, compared, subsets
from facewarden.metrics.intervals import Interval, bootstrap_by_subject
from facewarden.metrics.pad import acer_pooled, auc, eer
from facewarden.nn.crop import crop_resize
from facewarden.nn.fast_forward import in_torch

_PER_SUBSET = 32
_ROUNDS = 400
_CROP = 112


def detector_parity(original: Detector, exported: Detector, manifest: Manifest, *, threshold: float) -> Parity:
    """Compare two detectors on captures, half of them near to the threshold; heads; one by one; with sensors missing.

    Args:
        original, exported: the same detector twice.
        manifest: candidates.
        threshold: of the decision.

    Raises:
        BadInputError: a capture has a score of one of them alone, or none can be read.
    """
    with in_torch():
        pool = score_manifest(original, manifest)
    chosen, near = choose_near(pool.score, threshold=threshold)
    rows = _rows(manifest, pool.key[chosen].tolist())
    whole = compared(
        "captures with every sensor", pool.score[chosen], _scores(exported, rows), threshold=threshold, near=near
    )
    few = replace(rows, rows=rows.rows[:_PER_SUBSET])
    alone = _scores(exported, few, batch=1)
    one_by_one = compared("captures one by one", pool.score[chosen][:_PER_SUBSET], alone, threshold=threshold)
    missing = _missing(original, exported, rows, threshold=threshold)
    return Parity((whole, one_by_one, *_heads(original, exported, rows), *missing), threshold=threshold)


@torch.no_grad()
def _heads(original: Detector, exported: Detector, manifest: Manifest) -> list[ParityRow]:
    """Comparisons of the outputs of every head that was exported."""
    if not exported.heads:
        return []
    read = iter_batches(manifest.rows, 32, root=manifest.root, modalities=original.modalities, squash=original.squash)
    batches = list(read)
    with in_torch():
        first = [original(batch).tasks for batch in batches]
    second = [exported(batch).tasks for batch in batches]
    return [
        compared(f"captures, head {head}", *(_joined(tasks, head) for tasks in (first, second)))
        for head in exported.heads
    ]


def _joined(tasks: Sequence[Mapping[str, Tensor]], head: str) -> NDArray[np.float64]:
    found: NDArray[np.float64] = torch.cat([one[head] for one in tasks]).double().numpy()
    return found


def _missing(original: Detector, exported: Detector, rows: Manifest, *, threshold: float) -> list[ParityRow]:
    found = []
    for sensors in subsets(original.modalities, original.optional):
        absent = [name for name in original.modalities if name not in sensors]
        few = [_without(row, absent) for row in rows.rows if all(getattr(row, name) for name in sensors)][:_PER_SUBSET]
        if not few:
            continue
        part = replace(rows, rows=tuple(few))
        with in_torch():
            plain = _scores(original, part)
        scores = (plain, _scores(exported, part))
        found.append(compared(f"captures with {' and '.join(sensors)} alone", *scores, threshold=threshold))
    return found


def _without(sample: Sample, absent: Sequence[str]) -> Sample:
    return replace(sample, **dict.fromkeys(absent))  # type: ignore[arg-type]


def _rows(manifest: Manifest, keys: Sequence[str]) -> Manifest:
    by_key = {row.key: row for row in manifest.rows}
    return replace(manifest, rows=tuple(by_key[key] for key in keys))


def _scores(detector: Detector, manifest: Manifest, *, batch: int = 32) -> NDArray[np.float64]:
    """Scores in the order of the rows.

    Raises:
        BadInputError: a row has none.
    """
    scores = score_manifest(detector, manifest, batch=batch)
    by_key = dict(zip(scores.key.tolist(), scores.score.tolist(), strict=True))
    absent = [row.key for row in manifest.rows if row.key not in by_key]
    if absent:
        raise BadInputError(f"{detector.card.name}: no score for {absent[0]} of an export", hint="readable captures")
    return np.array([by_key[row.key] for row in manifest.rows], dtype=np.float64)


@dataclass(frozen=True)
class QuantizationLoss:
    """What int8 costs on captures that did not calibrate it, by subject bootstrap on the same rows.

    Attributes:
        auc: AUC in float32 less that in int8.
        eer: EER in int8 less that in float32.
        acer: ACER (species pooled) at the threshold of the export in int8 less that in float32: AUC and EER do not see
            scores that have all moved to one side.
        float32, int8: AUC, EER and ACER of each.
        limit: what the upper ends of the intervals must not exceed.
        calibrated_on: captures of the calibration.
        simulated: whether the captures were rendered.
    """

    auc: Interval
    eer: Interval
    acer: Interval
    float32: tuple[float, float, float]
    int8: tuple[float, float, float]
    limit: float
    calibrated_on: int
    simulated: bool

    def require(self, *, name: str) -> None:
        """Refuse a loss above the limit.

        Raises:
            BadInputError: the upper end of an interval is above it.
        """
        worst = max(self.auc.high, self.eer.high, self.acer.high)
        if not worst <= self.limit:
            raise BadInputError(
                f"{name}: int8 may cost {worst:.4f} (AUC {_words(self.auc)}; EER {_words(self.eer)}; ACER at the "
                f"threshold {_words(self.acer)}), above the limit of {self.limit:g}; nothing was written",
                hint="--int8-limit, more captures in --int8 and --captures, or the export in float32",
            )


def _words(found: Interval) -> str:
    return f"{found.value:+.4f} [{found.low:+.4f}, {found.high:+.4f}], n = {found.n}"


def quantization_loss(
    whole: Scores, coarse: Scores, *, threshold: float, limit: float, calibrated_on: int, seed: int = 0
) -> QuantizationLoss:
    """Compare scores of the same rows in float32 and int8.

    Args:
        whole, coarse: scores of both; rows are matched by key.
        threshold: of the decision rule that the export gets.
        limit: see `QuantizationLoss`.
        calibrated_on: captures of the calibration.
        seed: of the bootstrap.

    Raises:
        BadInputError: the rows differ, or lack a class.
    """
    if whole.key.tolist() != coarse.key.tolist():
        raise BadInputError("int8 scored other captures than float32", hint="captures that can all be read")

    def loss(measure: Callable[[NDArray[np.float64], NDArray[np.int64]], float], sign: float) -> Interval:
        def of(weights: NDArray[np.float64]) -> float:
            drawn = np.repeat(np.arange(len(whole)), weights.astype(np.int64))
            labels = whole.label[drawn]
            if len(set(labels.tolist())) < 2:
                return float("nan")
            return sign * (measure(whole.score[drawn], labels) - measure(coarse.score[drawn], labels))

        return bootstrap_by_subject(of, whole.subject, seed=seed, rounds=_ROUNDS, proportion=False)

    acer = partial(acer_pooled, threshold=threshold)
    rates = [
        (auc(one.score, one.label), eer(one.score, one.label), acer(one.score, one.label)) for one in (whole, coarse)
    ]
    return QuantizationLoss(
        auc=loss(auc, 1.0),
        eer=loss(eer, -1.0),
        acer=loss(acer, -1.0),
        float32=rates[0],
        int8=rates[1],
        limit=limit,
        calibrated_on=calibrated_on,
        simulated=whole.simulated,
    )


def face_crops(manifest: Manifest, *, count: int = FEWEST) -> Tensor:
    """Faces of captures in color, `(n, 3, 112, 112)` in [0, 1].

    Raises:
        BadInputError: there are too few with color and a face box.
    """
    rows = [row for row in manifest.rows if row.rgb is not None and row.box is not None][:count]
    lost: list[Skipped] = []
    crops = [
        crop_resize(batch.images["rgb"], batch.box, scale=1.3, size=_CROP, antialias=True).clamp(0, 1)
        for batch in iter_batches(rows, 32, root=manifest.root, modalities=("rgb",), on_error="skip", skipped=lost)
        if batch.box is not None
    ]
    found = torch.cat(crops) if crops else torch.zeros(0, 3, _CROP, _CROP)
    if len(found) < FEWEST:
        raise BadInputError(
            f"{manifest.name}: {len(found)} faces in color, an export compares {FEWEST}", hint="--captures with more"
        )
    return found


@torch.no_grad()
def recognizer_parity(original: Recognizer, exported: Recognizer, faces: Tensor) -> Parity:
    """Compare unit vectors, and decisions on pairs of faces at the card's threshold of the same person.

    Args:
        original, exported: the same recognizer twice.
        faces: `(n, 3, 112, 112)`.
    """
    one, other = (model.embed(faces).double().numpy() for model in (original, exported))
    first, second = np.triu_indices(len(faces), k=1)
    cosines = [(vectors[first] * vectors[second]).sum(axis=1) for vectors in (one, other)]
    threshold = original.card.match_threshold
    chosen, near = choose_near(cosines[0], threshold=float(np.median(cosines[0])) if threshold is None else threshold)
    pairs = compared("pairs of faces", cosines[0][chosen], cosines[1][chosen], threshold=threshold, near=near)
    return Parity((pairs, compared("unit vectors", one, other)), threshold=threshold)


@torch.no_grad()
def purifier_parity(original: Purifier, exported: Purifier, faces: Tensor) -> Parity:
    """Compare pictures; half of the faces are those that the original changes less than the median.

    Args:
        original, exported: the same purifier twice.
        faces: `(n, 3, 112, 112)`.
    """
    with in_torch():
        one = original(faces)
    other = exported(faces)
    change = (one - faces).abs().mean(dim=(1, 2, 3)).double().numpy()
    chosen, near = choose_near(change, threshold=0.0)
    values = [pictures.double().numpy()[chosen] for pictures in (one, other)]
    return Parity((compared("faces", *values, near=near),))
