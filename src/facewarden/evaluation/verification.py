"""Verification: how well recognizers tell one person from two, on every pair of a set or on its official list."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facewarden.core.compute.finite import NO_VECTOR
from facewarden.core.compute.shards import shard_call
from facewarden.core.errors import BadInputError
from facewarden.core.identity.given import labeled
from facewarden.core.resolve import RecognizerLike, resolve_aligner, resolve_recognizer
from facewarden.core.roles import Recognizer
from facewarden.data.alike_names import alike_words
from facewarden.data.datasets import Dataset, FacePhoto, open_dataset
from facewarden.data.own.photo_lists import OwnPairs
from facewarden.data.text import counted_reasons, printable
from facewarden.evaluation.kept_embeddings import EmbeddedPhotos, embeddings_of
from facewarden.evaluation.verification_groups import GroupErrors, errors_by_group
from facewarden.evaluation.verification_pairs import PhotoPairs, pairs_of
from facewarden.metrics.verification import VerificationSummary, verification_of_vectors, verification_summary

_LOG = logging.getLogger("facewarden")
TURNED = (
    "pairs of two people are more alike than pairs of one: is 1 = two people in the column same, or is the recognizer "
    "given other faces than it was made for?"
)
"""Said of an EER whose whole interval is above one half."""


@dataclass(frozen=True)
class Verification:
    """One recognizer on one set.

    Attributes:
        recognizer: its card's name.
        dataset, aligner: registry names.
        weights: file name -> sha256 of the recognizer's weights.
        summary: the figures.
        genuine, impostor: how many pairs of one person and of two were compared.
        photos, people: how many were used.
        left_out: reason -> how many photos, or pairs of an official list, could not be used.
        simulated: whether the faces were rendered.
        notes: what a reader must know of the figures.
        groups: errors by group of people, where the set says who belongs to which.
    """

    recognizer: str
    dataset: str
    aligner: str
    weights: dict[str, str]
    summary: VerificationSummary
    genuine: int
    impostor: int
    photos: int
    people: int
    left_out: dict[str, int]
    simulated: bool
    notes: tuple[str, ...] = ()
    groups: GroupErrors | None = None


def verify(
    recognizers: Sequence[RecognizerLike],
    datasets: Sequence[str],
    *,
    pairs: Sequence[Path] = (),
    aligner: str = "yunet",
    seed: int = 0,
    rounds: int = 1000,
    device: str = "cpu",
    run: Path | None = None,
    workers: int = 1,
    batch: int = 32,
) -> tuple[Verification, ...]:
    """Compare pairs of faces by cosine and report error rates with intervals.

    LFW is judged on its official list by the ten-fold rule, any other set on all of its pairs. Of several faces in a
    photo the most central one is taken.

    Args:
        recognizers: registry names, `name:PATH`, ONNX files with a card beside them, or recognizers themselves.
        datasets: "orl", "scrapshots", "lfw:PATH", or a folder with one folder per person.
        pairs: tables of own pairs, see `OwnPairs.read`.
        aligner: the face finder.
        seed, rounds: of the bootstrap over people.
        device: where the recognizers compute.
        run: a folder that keeps the embeddings, so that a second try does not compute them again.
        workers: processes that read photos and find faces, all cores when 0; no figure depends on it.
        batch: faces that go through a network together.

    Raises:
        BadInputError: a set without pairs of both kinds, or no face in it.
    """
    resolve_aligner(aligner)  # refused before anything is read
    models = {name: resolve_recognizer(given, device=device) for name, given in labeled(recognizers).items()}
    results = []
    sets: list[Dataset | OwnPairs] = [*map(open_dataset, datasets), *map(OwnPairs.read, pairs)]
    for dataset in sets:
        listed = pairs_of(dataset)
        found = embeddings_of(listed.photos, models, aligner=aligner, run=run, workers=workers, batch=batch)
        if shard_call("faces") is not None:
            continue  # figures need the pairs of all shares
        results += [
            _measure(dataset, listed, models[name], found[name], aligner=aligner, seed=seed, rounds=rounds)
            for name in models
        ]
    return _told_apart(results)


def _told_apart(results: Sequence[Verification]) -> tuple[Verification, ...]:
    """Number what stands twice under one pair of names, such as two folders called faces: tables know no paths."""
    seen: Counter[tuple[str, str]] = Counter()
    told = []
    for result in results:
        seen[names := (result.recognizer, result.dataset)] += 1
        again = f" ({seen[names]})" if seen[names] > 1 else ""
        told.append(replace(result, dataset=result.dataset + again))
    return tuple(told)


def _measure(
    dataset: Dataset | OwnPairs,
    listed: PhotoPairs,
    model: Recognizer,
    found: EmbeddedPhotos,
    *,
    aligner: str,
    seed: int,
    rounds: int,
) -> Verification:
    finite = np.isfinite(found.vectors).all(axis=1)
    rows, vectors = found.rows[finite], found.vectors[finite].astype(np.float64)
    people = np.array([photo.identity for photo in listed.photos])
    left_out = {**listed.left_out, **found.left_out}
    if not finite.all():
        left_out[NO_VECTOR] = int((~finite).sum())
        _say_without_vector(model, [listed.photos[row] for row in found.rows[~finite].tolist()])
    if listed.pairs is None:
        try:
            summary, counts = verification_of_vectors(vectors, people[rows], seed=seed, rounds=rounds)
        except BadInputError as error:
            raise BadInputError(
                f"{dataset.name}: {len(rows)} photos of {len(set(people[rows].tolist()))} people: {error.message}",
                hint="one folder per person, two people and two photos of one of them at least: facewarden data check",
            ) from error
        genuine, impostor = counts.genuine, counts.impostor
        if counts.not_drawn:
            left_out["impostor pair not drawn, of more than can be held at once"] = counts.not_drawn
        lost = len(listed.photos) * (len(listed.photos) - 1) // 2 - len(rows) * (len(rows) - 1) // 2
    else:
        place = np.full(len(listed.photos), -1)
        place[rows] = np.arange(len(rows))
        usable = (place[listed.pairs.first] >= 0) & (place[listed.pairs.second] >= 0)
        first, second = listed.pairs.first[usable], listed.pairs.second[usable]
        same = people[first] == people[second]
        _check_classes(dataset.name, same, left_out)
        summary = verification_summary(
            np.einsum("nd,nd->n", vectors[place[first]], vectors[place[second]]),
            same,
            first=people[first],
            second=people[second],
            folds=None if listed.pairs.folds is None else listed.pairs.folds[usable],
            seed=seed,
            rounds=rounds,
        )
        genuine, impostor, lost = int(same.sum()), int((~same).sum()), int((~usable).sum())
        if listed.pairs.missing:
            left_out["pair of the official list without its photos"] = listed.pairs.missing
    groups, without = None, ""
    if isinstance(dataset, Dataset) and (people_told := dataset.attributes()):
        groups, without = errors_by_group(
            people_told, people[rows], vectors, threshold=model.card.match_threshold, seed=seed, rounds=rounds
        )
    alike = alike_words(set(people.tolist()), what="People").removesuffix(".")
    if lost:
        left_out["pair with a photo left out"] = lost
    return Verification(
        recognizer=model.card.name,
        dataset=dataset.name,
        aligner=aligner,
        weights=dict(model.card.sha256),
        summary=summary,
        genuine=genuine,
        impostor=impostor,
        photos=len(rows),
        people=len(set(people[rows].tolist())),
        left_out=left_out,
        simulated=dataset.simulated,
        notes=(
            *(f"{count} of {len(listed.photos)} photos: {what}" for what, count in found.notes.items()),
            *_unresolved(summary, impostor),
            *([TURNED] if summary.eer.low > 0.5 else []),
            *([without] if without else []),
            *([alike] if alike else []),
        ),
        groups=groups,
    )


def _check_classes(name: str, same: NDArray[np.bool_], left_out: Mapping[str, int]) -> None:
    """Refuse pairs of one class, and say which photos are missing."""
    lacking = [what for what, there in (("genuine", same.any()), ("impostor", (~same).any())) if not there]
    if lacking:
        lost = f"; photos that could not be used: {counted_reasons(left_out)}" if left_out else ""
        raise BadInputError(
            f"{name}: no {' and no '.join(lacking)} pair is left{lost}",
            hint="pairs of one person and pairs of two, whose photos can be read",
        )


def _unresolved(summary: VerificationSummary, impostor: int) -> list[str]:
    """False accept rates that so few pairs cannot show: at their thresholds no impostor is accepted at all."""
    low = [f"{100 * far:g} %" for far, _ in summary.tar if impostor * far < 1]
    if not low:
        return []
    few = f"{impostor} impostor pairs are too few for a FAR of {' and '.join(low)}"
    return [f"{few}: the TAR given there is at a threshold that accepts no impostor pair"]


def _say_without_vector(model: Recognizer, photos: Sequence[FacePhoto]) -> None:
    named = ", ".join(f"{printable(photo.key)} ({printable(photo.path)})" for photo in photos[:5])
    more = f" and {len(photos) - 5} more" if len(photos) > 5 else ""
    _LOG.warning("%s: %d photos are in no rate, %s: %s%s", model.card.name, len(photos), NO_VECTOR, named, more)
