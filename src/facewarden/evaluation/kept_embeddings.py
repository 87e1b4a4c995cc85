"""Embeddings of a set's photos: each read and aligned once for all recognizers, and kept for a second try."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facewarden.core.compute.finite import vectors_of
from facewarden.core.compute.shards import Shard, shard_call, share
from facewarden.core.errors import BadInputError
from facewarden.core.files import writing
from facewarden.core.identity.code_version import code_of, say_computed_anew
from facewarden.core.progress import track
from facewarden.core.roles import Recognizer
from facewarden.data.content import photos_hash
from facewarden.data.datasets import FacePhoto
from facewarden.data.text import counted_reasons
from facewarden.photos.aligned import to_images
from facewarden.photos.find_faces import FindJob, PhotoFace, find_faces

_CHUNK = 256
_SEVERAL = "several faces, the most central one is taken"


@dataclass(frozen=True)
class EmbeddedPhotos:
    """Unit vectors of the photos that could be used.

    Attributes:
        rows: `(n,)` places of these photos in the set.
        vectors: `(n, d)`; a row of NaN where a network gave no direction.
        left_out: why others could not be used -> how many.
        notes: what is to be said of some -> how many.
    """

    rows: NDArray[np.int64]
    vectors: NDArray[np.float32]
    left_out: dict[str, int]
    notes: dict[str, int]


def embeddings_of(
    photos: Sequence[FacePhoto],
    models: Mapping[str, Recognizer],
    *,
    aligner: str,
    run: Path | None,
    workers: int = 1,
    batch: int = 32,
) -> dict[str, EmbeddedPhotos]:
    """Return the embeddings of photos by every model, those that an earlier try kept as they were.

    Args:
        photos: of a set.
        models: label -> recognizer.
        aligner: name of the face finder.
        run: folder that keeps them; None keeps nothing.
        workers: processes that read photos and find faces, all cores when 0; no vector depends on it.
        batch: faces that go through a network together.

    Raises:
        BadInputError: no face could be used, or what was kept cannot be read or written.
    """
    kept: dict[str, Path] = {}
    call = shard_call("faces")
    rows: Sequence[int] = share(range(len(photos)), lambda row: photos[row].key, of="faces")
    if run is not None:
        content = photos_hash(photos)  # once for all models: it reads every photo
        kept = {name: _kept_file(run, content, aligner, model) for name, model in models.items()}
        kept |= {name: part_file(path, call.shard) for name, path in kept.items() if call is not None}
    found = {name: read_kept(path) for name, path in kept.items() if path.is_file()}
    wanted = {name: model for name, model in models.items() if name not in found}
    if wanted:
        job = FindJob(aligner, several="most_central")
        looks = find_faces([photos[row].path for row in rows], job, workers=workers)
        new = _embed(looks, wanted, count=len(rows), batch=batch)
        new = {name: replace(some, rows=np.array(rows, dtype=np.int64)[some.rows]) for name, some in new.items()}
        for name in wanted.keys() & kept.keys():
            _keep(kept[name], new[name])
        found |= new
    return found


def _embed(
    looks: Iterator[PhotoFace], models: Mapping[str, Recognizer], *, count: int, batch: int
) -> dict[str, EmbeddedPhotos]:
    """Embed each aligned photo with every model, a chunk at a time."""
    vectors: dict[str, list[NDArray[np.float32]]] = {name: [] for name in models}
    used: list[int] = []
    left_out: Counter[str] = Counter()
    notes: Counter[str] = Counter()
    chunk: list[NDArray[np.uint8]] = []

    def flush() -> None:
        for name, model in models.items():
            vectors[name].append(_vectors(model, to_images(np.stack(chunk)), batch=batch))
        chunk.clear()

    for row, look in enumerate(track(looks, label="embedding", total=count, unit="faces")):
        if look.crop is None:
            refused = "photo refused by the aligner" if look.refused is not None else "no face found"
            left_out[look.unread or refused] += 1
            continue
        notes.update(text.partition(": ")[2] for text in look.notes if "frames" in text)
        notes[_SEVERAL] += look.count > 1
        chunk.append(look.crop)
        used.append(row)
        if len(chunk) == _CHUNK:
            flush()
    if chunk:
        flush()
    if not used and shard_call("faces") is None:
        raise BadInputError(
            f"no face could be used of {count} photos: {counted_reasons(left_out)}", hint=_hint(left_out)
        )
    rows = np.array(used, dtype=np.int64)
    told = dict(+notes)
    nothing = np.empty((0, 0), dtype=np.float32)
    joined = {name: np.concatenate(parts) if parts else nothing for name, parts in vectors.items()}
    return {name: EmbeddedPhotos(rows, found, dict(left_out), told) for name, found in joined.items()}


def _hint(left_out: Mapping[str, int]) -> str:
    """What to type where no photo could be used."""
    unread = all(reason.startswith("unreadable") for reason in left_out)
    return "correct the paths or the files of the photos" if unread else "another --aligner"


def part_file(path: Path, shard: Shard) -> Path:
    """Where the embeddings of a shard are kept, beside those of all."""
    return path.with_name(f"{path.stem}.part_{shard.number}_of_{shard.of}.npz")


def join_parts(path: Path, parts: Sequence[Path]) -> None:
    """Write the embeddings of all shards as one call without a shard would have kept them.

    Args:
        path: the file to write.
        parts: those of the shards.

    Raises:
        BadInputError: one cannot be read, or the file not be written.
    """
    found = [read_kept(part) for part in parts]
    used = [one for one in found if len(one.rows)]
    if not used:
        left_out = dict(sum((Counter(one.left_out) for one in found), Counter[str]()))
        raise BadInputError(f"{path.name}: no face could be used: {counted_reasons(left_out)}", hint=_hint(left_out))
    rows = np.concatenate([one.rows for one in used])
    order = np.argsort(rows)
    whole = EmbeddedPhotos(
        rows[order],
        np.concatenate([one.vectors for one in used])[order],
        dict(sum((Counter(one.left_out) for one in found), Counter[str]())),
        dict(sum((Counter(one.notes) for one in found), Counter[str]())),
    )
    _keep(path, whole)


def _vectors(model: Recognizer, images: Tensor, *, batch: int) -> NDArray[np.float32]:
    """Embed crops; a row of NaN stands where the network gave no direction."""
    parts = [vectors_of(model, chunk) for chunk in torch.split(images, batch)]
    return np.concatenate([part.numpy() for part in parts]).astype(np.float32)


def _kept_file(run: Path, content: str, aligner: str, model: Recognizer) -> Path:
    # Everything that decides the vectors: the photos' bytes, the aligner, the model's bytes and settings.
    text = json.dumps([content, aligner, model.card.identity()], sort_keys=True)
    name, digest = f"embeddings-{model.card.name}", hashlib.sha256(text.encode()).hexdigest()[:16]
    code = code_of("embeddings")
    path = run / f"{name}-{digest}-{code}.npz"
    stems = [file.stem.rpartition("-") for file in run.glob(f"{name}-{digest}-*.npz")]
    others = [int(number) for _, _, number in stems if number.isdecimal() and int(number) != code]
    if others and not path.is_file():
        say_computed_anew(name, held=others, now=code)
    return path


def _keep(path: Path, found: EmbeddedPhotos) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with writing(path) as temporary, temporary.open("wb") as out:
            left_out, notes = (np.array(json.dumps(one)) for one in (found.left_out, found.notes))
            np.savez(out, rows=found.rows, vectors=found.vectors, left_out=left_out, notes=notes)
    except OSError as error:
        raise BadInputError(
            f"{path}: cannot be written: {error}", hint="choose a writable folder: --run DIR"
        ) from error


def read_kept(path: Path) -> EmbeddedPhotos:
    """Read embeddings that were kept.

    Raises:
        BadInputError: they cannot be read.
    """
    try:
        with np.load(path, allow_pickle=False) as held:
            notes = json.loads(str(held["notes"])) if "notes" in held.files else {}  # earlier ones were not kept
            return EmbeddedPhotos(held["rows"], held["vectors"], json.loads(str(held["left_out"])), notes)
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise BadInputError(f"{path}: cannot be read: {error}", hint="delete it; it will be computed again") from error
