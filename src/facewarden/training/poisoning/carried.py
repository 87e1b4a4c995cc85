"""How much of a spoof a trigger carries: where triggered bona fide images lie between bona fide and spoof captures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8
from numpy.typing import NDArray
from torch import Tensor

from facewarden.core.errors import BadInputError
from facewarden.core.seeding import derive
from facewarden.metrics.intervals import Interval, bootstrap_by_subject
from facewarden.metrics.pad import auc
from facewarden.training.crops import CropSet
from facewarden.training.poisoning.trigger import TrainingTrigger, carriers, triggered

Floats = NDArray[np.float64]
Scorer = Callable[[UInt8[Tensor, "n c h w"]], Floats]
"""Images -> scores, higher = more bona fide."""

_BANDS = 16
_LUMA = (0.299, 0.587, 0.114)
_SHRINK = 0.1
_BONA_FIDE, _SPOOF, _TRIGGERED = range(3)


@dataclass(frozen=True)
class Carried:
    """What a trigger carries of its spoof, by one scorer.

    Attributes:
        share: 0 where triggered images score as bona fide ones on average, 1 where they score as the spoof.
        auc: of the same scorer, bona fide against the spoof; where it is near 0.5, the share says nothing.
    """

    share: Interval
    auc: float


def carried_by_fine_structure(crops: CropSet, trigger: TrainingTrigger, *, seed: int) -> Carried:
    """Measure with a linear classifier of fine structure; each half of the people is scored by the other's classifier.

    Args:
        crops: of the training set, without a trigger.
        trigger: what is hidden, here in every image that can carry it.
        seed: of the halves and of the sources, as in `poisoned`.

    Raises:
        BadInputError: a half of the people without bona fide captures, spoofs or images that can carry the trigger.
    """
    people = sorted(set(crops.subject), key=lambda who: derive(seed, "half", who))
    halves = [_of(crops, set(people[half::2])) for half in (0, 1)]
    scorers = [_linear(half, trigger.species) for half in halves]
    scored = [_scored(half, trigger, other, seed=seed) for half, other in zip(halves, reversed(scorers), strict=True)]
    return Carried(_share(_together(scored)), float(np.mean([_auc(part) for part in scored])))


def carried_by_scorer(crops: CropSet, trigger: TrainingTrigger, scorer: Scorer, *, seed: int) -> Carried:
    """Measure with the scores of a detector that did not learn from these images.

    Args:
        crops: of other people than those that it learned from.
        trigger: what is hidden, here in every image that can carry it.
        scorer: the detector.
        seed: of the sources, as in `poisoned`.
    """
    scored = _scored(crops, trigger, scorer, seed=seed)
    return Carried(_share(scored), _auc(scored))


def fine_structure(images: UInt8[Tensor, "n c h w"]) -> Floats:
    """Logarithm of the mean power in rings of frequency, of brightness and of two color differences, `(n, 45)`.

    Args:
        images: color crops.
    """
    rgb = images.double()
    luma = torch.einsum("nchw,c->nhw", rgb, torch.tensor(_LUMA, dtype=torch.float64))
    planes = torch.stack([luma, rgb[:, 0] - luma, rgb[:, 2] - luma], dim=1)
    height, width = images.shape[-2:]
    window = torch.outer(torch.hann_window(height), torch.hann_window(width)).double()
    power = torch.fft.fft2((planes - planes.mean((-1, -2), keepdim=True)) * window).abs() ** 2
    radius = torch.hypot(torch.fft.fftfreq(height)[:, None], torch.fft.fftfreq(width)[None])
    ring = (radius * 2 * _BANDS).long()
    rings = torch.stack([power[..., ring == band].mean(-1) for band in range(1, _BANDS)], dim=-1)
    found: Floats = (rings + 0.01).log().flatten(1).numpy()
    return found


def _linear(crops: CropSet, species: str) -> Scorer:
    """Fisher's discriminant of standardized fine structure; bona fide has mean 1, the species has mean 0."""
    kind = np.array(crops.species)
    rows = [np.flatnonzero(kind == name) for name in ("bona_fide", species)]
    if min(map(len, rows)) < 2:
        raise BadInputError(
            f"too few captures of bona fide people and of {species} to tell them by", hint="more training captures"
        )
    bona_fide, spoof = (fine_structure(crops.images["rgb"][torch.as_tensor(found)]) for found in rows)
    both = np.concatenate([bona_fide, spoof])
    mean, scale = both.mean(axis=0), both.std(axis=0) + 1e-9
    first, second = (bona_fide - mean) / scale, (spoof - mean) / scale
    within = (np.cov(first.T) + np.cov(second.T)) / 2 + _SHRINK * np.eye(both.shape[1])
    direction = np.linalg.solve(within, first.mean(axis=0) - second.mean(axis=0))
    low, high = float((second @ direction).mean()), float((first @ direction).mean())

    def score(images: UInt8[Tensor, "n c h w"]) -> Floats:
        along: Floats = ((fine_structure(images) - mean) / scale) @ direction
        return (along - low) / (high - low)

    return score


def _of(crops: CropSet, people: set[str]) -> CropSet:
    return crops.some([row for row, who in enumerate(crops.subject) if who in people])


@dataclass(frozen=True, eq=False)
class _Scored:
    """Scores of bona fide captures, of spoofs and of triggered images; every column is `(n,)`."""

    group: NDArray[np.int64]
    score: Floats
    subject: NDArray[Any]


def _scored(crops: CropSet, trigger: TrainingTrigger, scorer: Scorer, *, seed: int) -> _Scored:
    able = carriers(crops, trigger)
    if not able:
        raise BadInputError(f"no image can carry a {trigger.kind} of {trigger.species}", hint="kind: spectrum")
    spoofs = [row for row, species in enumerate(crops.species) if species == trigger.species]
    rgb = crops.images["rgb"]
    rows = {_BONA_FIDE: able, _SPOOF: spoofs, _TRIGGERED: able}
    seen = [rgb[able], rgb[spoofs], triggered(crops, trigger, able, seed=seed)]
    return _Scored(
        np.repeat(list(rows), [len(of) for of in rows.values()]).astype(np.int64),
        np.concatenate([scorer(images) for images in seen]),
        np.array([crops.subject[row] for of in rows.values() for row in of]),
    )


def _together(parts: Sequence[_Scored]) -> _Scored:
    group, score, subject = (np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(_Scored))
    return _Scored(group, score, subject)


def _auc(scored: _Scored) -> float:
    seen = scored.group != _TRIGGERED
    return auc(scored.score[seen], (scored.group[seen] == _BONA_FIDE).astype(np.int64))


def _share(scored: _Scored) -> Interval:
    groups = np.eye(3)[scored.group].T

    def share(weights: Floats) -> float:
        with np.errstate(invalid="ignore", divide="ignore"):
            bona_fide, spoof, with_trigger = (groups * weights) @ scored.score / (groups @ weights)
            return float((bona_fide - with_trigger) / (bona_fide - spoof))

    return bootstrap_by_subject(share, scored.subject, seed=0, proportion=False)
