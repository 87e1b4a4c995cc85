"""Verification: how well recognizers tell one person from two, on every pair of a set or on its official list."""

from __future__ import annotations

import hashlib
import json
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facewarden.align import align_face, choose_face
from facewarden.core.compute.finite import NO_VECTOR, vectors_of
from facewarden.core.errors import BadInputError
from facewarden.core.files import writing
from facewarden.core.identity.code_version import code_of, say_computed_anew
from facewarden.core.identity.given import labeled
from facewarden.core.progress import track
from facewarden.core.resolve import RecognizerLike, resolve_aligner, resolve_recognizer
from facewarden.core.roles import Aligner, Recognizer
from facewarden.data.content import photos_hash
from facewarden.data.datasets import Dataset, FacePhoto, open_dataset
from facewarden.data.photo import read_photo, why_unread
from facewarden.data.text import printable
from facewarden.evaluation.verification_pairs import PhotoPairs, pairs_of
from facewarden.metrics.verification import VerificationSummary, verification_of_vectors, verification_summary
from facewarden.photos.aligned import to_images

_LOG = logging.getLogger("facewarden")
_CHUNK = 256
_BATCH = 32
_SEVERAL = "several faces, the most central one is taken"


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


@dataclass(frozen=True)
class _Embedded:
    """Unit vectors of the photos that could be used, why others could not, and what is to be said of them."""

    rows: NDArray[np.int64]
    vectors: NDArray[np.float32]
    left_out: dict[str, int]
    notes: dict[str, int]


def verify(
    recognizers: Sequence[RecognizerLike],
    datasets: Sequence[str],
    *,
    aligner: str = "yunet",
    seed: int = 0,
    rounds: int = 1000,
    device: str = "cpu",
    run: Path | None = None,
) -> tuple[Verification, ...]:
    """Compare pairs of faces by cosine and report error rates with intervals.

    LFW is judged on its official list by the ten-fold rule, any other set on all of its pairs. Of several faces in a
    photo the most central one is taken.

    Args:
        recognizers: registry names, `name:PATH`, ONNX files with a card beside them, or recognizers themselves.
        datasets: "orl", "scrapshots", "lfw:PATH", or a folder with one folder per person.
        aligner: the face finder.
        seed, rounds: of the bootstrap over people.
        device: where the recognizers compute.
        run: a folder that keeps the embeddings, so that a second try does not compute them again.

    Raises:
        BadInputError: a set without pairs of both kinds, or no face in it.
    """
    finder = resolve_aligner(aligner)
    models = {name: resolve_recognizer(given, device=device) for name, given in labeled(recognizers).items()}
    results = []
    for spec in datasets:
        dataset = open_dataset(spec)
        listed = pairs_of(dataset)
        kept = {name: _kept_file(run, listed.photos, aligner, model) for name, model in models.items()}
        found = {name: _read_kept(path) for name, path in kept.items() if path is not None and path.is_file()}
        wanted = {name: model for name, model in models.items() if name not in found}
        if wanted:
            new = _embed(listed.photos, finder, wanted)
            for name in wanted:
                _keep(kept[name], new[name])
            found |= new
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


def _embed(photos: Sequence[FacePhoto], finder: Aligner, models: Mapping[str, Recognizer]) -> dict[str, _Embedded]:
    """Read and align each photo once and embed it with every model, a chunk at a time."""
    vectors: dict[str, list[NDArray[np.float32]]] = {name: [] for name in models}
    used: list[int] = []
    left_out: Counter[str] = Counter()
    notes: Counter[str] = Counter()
    chunk: list[NDArray[np.uint8]] = []

    def flush() -> None:
        for name, model in models.items():
            vectors[name].append(_vectors(model, to_images(np.stack(chunk))))
        chunk.clear()

    for row, photo in enumerate(track(photos, label="embedding", unit="faces")):
        try:
            said: list[str] = []
            image = read_photo(photo.path, on_note=said.append)
        except BadInputError as error:
            left_out[why_unread(photo.path, error)] += 1
            continue
        try:
            faces = finder.locate(image)
        except BadInputError:
            left_out["photo refused by the aligner"] += 1
            continue
        if not faces:
            left_out["no face found"] += 1
            continue
        notes.update(text.partition(": ")[2] for text in said if "frames" in text)
        notes[_SEVERAL] += len(faces) > 1
        face = choose_face(faces, size=(image.shape[1], image.shape[0]), several="most_central")
        chunk.append(align_face(image, face.landmarks))
        used.append(row)
        if len(chunk) == _CHUNK:
            flush()
    if chunk:
        flush()
    if not used:
        raise BadInputError(
            f"no face could be used of {len(photos)} photos: {dict(left_out)}", hint="another --aligner"
        )
    rows = np.array(used, dtype=np.int64)
    told = dict(+notes)
    return {name: _Embedded(rows, np.concatenate(parts), dict(left_out), told) for name, parts in vectors.items()}


def _vectors(model: Recognizer, images: Tensor) -> NDArray[np.float32]:
    """Embed crops; a row of NaN stands where the network gave no direction."""
    parts = [vectors_of(model, chunk) for chunk in torch.split(images, _BATCH)]
    return np.concatenate([part.numpy() for part in parts]).astype(np.float32)


def _measure(
    dataset: Dataset,
    listed: PhotoPairs,
    model: Recognizer,
    found: _Embedded,
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
        summary = verification_summary(
            np.einsum("nd,nd->n", vectors[place[first]], vectors[place[second]]),
            same,
            first=people[first],
            second=people[second],
            folds=listed.pairs.folds[usable],
            seed=seed,
            rounds=rounds,
        )
        genuine, impostor, lost = int(same.sum()), int((~same).sum()), int((~usable).sum())
        if listed.pairs.missing:
            left_out["pair of the official list without its photos"] = listed.pairs.missing
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
        ),
    )


def _unresolved(summary: VerificationSummary, impostor: int) -> list[str]:
    """False accept rates that so few pairs cannot show: at their thresholds no impostor is accepted at all."""
    low = [f"{100 * far:g} %" for far, _ in summary.tar if impostor * far < 1]
    return [f"TAR at FAR {' and '.join(low)} is that at no false accept of {impostor} impostor pairs"] if low else []


def _say_without_vector(model: Recognizer, photos: Sequence[FacePhoto]) -> None:
    named = ", ".join(f"{printable(photo.key)} ({printable(photo.path)})" for photo in photos[:5])
    more = f" and {len(photos) - 5} more" if len(photos) > 5 else ""
    _LOG.warning("%s: %d photos are in no rate, %s: %s%s", model.card.name, len(photos), NO_VECTOR, named, more)


def _kept_file(run: Path | None, photos: Sequence[FacePhoto], aligner: str, model: Recognizer) -> Path | None:
    if run is None:
        return None
    # Everything that decides the vectors: the photos' bytes, the aligner, the model's bytes and settings.
    text = json.dumps([photos_hash(photos), aligner, model.card.identity()], sort_keys=True)
    name, digest = f"embeddings-{model.card.name}", hashlib.sha256(text.encode()).hexdigest()[:16]
    code = code_of("embeddings")
    path = run / f"{name}-{digest}-{code}.npz"
    stems = [file.stem.rpartition("-") for file in run.glob(f"{name}-{digest}-*.npz")]
    others = [int(number) for _, _, number in stems if number.isdecimal() and int(number) != code]
    if others and not path.is_file():
        say_computed_anew(name, held=others, now=code)
    return path


def _keep(path: Path | None, found: _Embedded) -> None:
    if path is None:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with writing(path) as temporary, temporary.open("wb") as out:
            left_out, notes = (np.array(json.dumps(one)) for one in (found.left_out, found.notes))
            np.savez(out, rows=found.rows, vectors=found.vectors, left_out=left_out, notes=notes)
    except OSError as error:
        raise BadInputError(
            f"{path}: cannot be written: {error}", hint="choose a writable folder: --run DIR"
        ) from error


def _read_kept(path: Path) -> _Embedded:
    try:
        with np.load(path, allow_pickle=False) as held:
            notes = json.loads(str(held["notes"])) if "notes" in held.files else {}  # earlier ones were not kept
            return _Embedded(held["rows"], held["vectors"], json.loads(str(held["left_out"])), notes)
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise BadInputError(f"{path}: cannot be read: {error}", hint="delete it; it will be computed again") from error
