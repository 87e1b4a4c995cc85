"""Verification: how well recognizers tell one person from two, on every pair of a set or on its official list."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from facewarden.align import align_face, find_face
from facewarden.core.errors import BadInputError
from facewarden.core.files import writing
from facewarden.core.identity.code_version import code_of, say_computed_anew
from facewarden.core.identity.given import labeled
from facewarden.core.progress import track
from facewarden.core.resolve import RecognizerLike, resolve_aligner, resolve_recognizer
from facewarden.core.roles import Aligner, Recognizer
from facewarden.data.content import photos_hash
from facewarden.data.datasets import Dataset, FacePhoto, open_dataset
from facewarden.data.datasets.lfw import Lfw
from facewarden.data.photo import read_photo, why_unread
from facewarden.metrics.verification import VerificationSummary, verification_summary
from facewarden.photos.aligned import embed_all, to_images

_CHUNK = 256


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


@dataclass(frozen=True)
class _List:
    """Pairs as row numbers of a list of photos."""

    photos: tuple[FacePhoto, ...]
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    folds: NDArray[np.int64] | None
    missing: int


@dataclass(frozen=True)
class _Embedded:
    """Unit vectors of the photos that could be used."""

    rows: NDArray[np.int64]
    vectors: NDArray[np.float32]
    left_out: dict[str, int]


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
        listed = _listed(dataset)
        kept = {name: _kept_file(run, listed.photos, aligner, model) for name, model in models.items()}
        found = {name: _read_kept(path) for name, path in kept.items() if path is not None and path.is_file()}
        wanted = {name: model for name, model in models.items() if name not in found}
        if wanted:
            new = _embed(listed.photos, finder, wanted)
            for name in wanted:
                _keep(kept[name], new[name])
            found |= new
        results += [
            _judge(dataset, listed, models[name], found[name], aligner=aligner, seed=seed, rounds=rounds)
            for name in models
        ]
    return tuple(results)


def _listed(dataset: Dataset) -> _List:
    """The official list of LFW; of any other set, everybody against everybody."""
    if isinstance(dataset, Lfw):
        official = dataset.pairs()
        photos = {photo.key: photo for pair in official.pairs for photo in (pair.first, pair.second)}
        row = {key: place for place, key in enumerate(photos)}
        return _List(
            tuple(photos.values()),
            np.array([row[pair.first.key] for pair in official.pairs], dtype=np.int64),
            np.array([row[pair.second.key] for pair in official.pairs], dtype=np.int64),
            np.array([pair.fold for pair in official.pairs], dtype=np.int64),
            official.missing,
        )
    everyone = dataset.photos()
    first, second = np.triu_indices(len(everyone), 1)
    return _List(everyone, first.astype(np.int64), second.astype(np.int64), None, 0)


def _embed(photos: Sequence[FacePhoto], finder: Aligner, models: Mapping[str, Recognizer]) -> dict[str, _Embedded]:
    """Read and align each photo once and embed it with every model, a chunk at a time."""
    vectors: dict[str, list[NDArray[np.float32]]] = {name: [] for name in models}
    used: list[int] = []
    left_out: Counter[str] = Counter()
    chunk: list[NDArray[np.uint8]] = []

    def flush() -> None:
        for name, model in models.items():
            vectors[name].append(embed_all(model, to_images(np.stack(chunk))))
        chunk.clear()

    for row, photo in enumerate(track(photos, label="embedding", unit="faces")):
        try:
            image = read_photo(photo.path)
        except BadInputError as error:
            left_out[why_unread(photo.path, error)] += 1
            continue
        try:
            face = find_face(image, finder, no_face="skip", several="most_central")
        except BadInputError:
            left_out["photo refused by the aligner"] += 1
            continue
        if face is None:
            left_out["no face found"] += 1
            continue
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
    return {name: _Embedded(rows, np.concatenate(parts), dict(left_out)) for name, parts in vectors.items()}


def _judge(
    dataset: Dataset,
    listed: _List,
    model: Recognizer,
    found: _Embedded,
    *,
    aligner: str,
    seed: int,
    rounds: int,
) -> Verification:
    place = np.full(len(listed.photos), -1)
    place[found.rows] = np.arange(len(found.rows))
    usable = (place[listed.first] >= 0) & (place[listed.second] >= 0)
    first, second = listed.first[usable], listed.second[usable]
    vectors = found.vectors.astype(np.float64)
    similarity = np.einsum("nd,nd->n", vectors[place[first]], vectors[place[second]])
    people = np.array([photo.identity for photo in listed.photos])
    same = people[first] == people[second]
    summary = verification_summary(
        similarity,
        same,
        first=people[first],
        second=people[second],
        folds=None if listed.folds is None else listed.folds[usable],
        seed=seed,
        rounds=rounds,
    )
    left_out = dict(found.left_out)
    if listed.missing:
        left_out["pair of the official list without its photos"] = listed.missing
    if not usable.all():
        left_out["pair with a photo left out"] = int((~usable).sum())
    return Verification(
        recognizer=model.card.name,
        dataset=dataset.name,
        aligner=aligner,
        weights=dict(model.card.sha256),
        summary=summary,
        genuine=int(same.sum()),
        impostor=int((~same).sum()),
        photos=len(found.rows),
        people=len(set(people[found.rows].tolist())),
        left_out=left_out,
        simulated=dataset.simulated,
    )


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
            np.savez(out, rows=found.rows, vectors=found.vectors, left_out=np.array(json.dumps(found.left_out)))
    except OSError as error:
        raise BadInputError(
            f"{path}: cannot be written: {error}", hint="choose a writable folder: --run DIR"
        ) from error


def _read_kept(path: Path) -> _Embedded:
    try:
        with np.load(path, allow_pickle=False) as held:
            return _Embedded(held["rows"], held["vectors"], json.loads(str(held["left_out"])))
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise BadInputError(f"{path}: cannot be read: {error}", hint="delete it; it will be computed again") from error
