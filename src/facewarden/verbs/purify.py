"""Purify photos before a recognizer learns from them; every photo keeps its metadata and its background."""

from __future__ import annotations

import heapq
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from facewarden.core.compute.computing import computed_by, computes
from facewarden.core.compute.precision import Precision
from facewarden.core.compute.shards import note_input, shard_call
from facewarden.core.compute.stream import chunks, count_workers, stream
from facewarden.core.errors import BadInputError, MissingAssetError
from facewarden.core.guards.lock import locking
from facewarden.core.identity.code_version import code_of
from facewarden.core.identity.given import PathLike, name_of, path_of, recorded
from facewarden.core.identity.inputs import hash_of
from facewarden.core.progress import track
from facewarden.core.registry import list_entries
from facewarden.core.resolve import (
    PurifierLike,
    RecognizerLike,
    resolve_aligner,
    resolve_purifier,
    resolve_recognizer,
)
from facewarden.core.roles import Aligner, Recognizer
from facewarden.data.results import RowsResult
from facewarden.data.table import read_table, write_rows
from facewarden.data.text import named_file
from facewarden.photos.cloak_detector import SUSPICIOUS
from facewarden.photos.folder import PhotoFolder
from facewarden.photos.journal import Record
from facewarden.photos.purify_faces import FacePurifier
from facewarden.photos.purify_photos import PhotoTask, PurifyJob, detector_of
from facewarden.photos.reader import Unusable
from facewarden.scale.record import sharded

_COLUMNS = ("source", "file", "treatment", "faces", "likelihood", "kind", "psnr", "ssim", "identity")


@dataclass(frozen=True, repr=False)
class Purified(RowsResult):
    """What was purified.

    Attributes:
        done: photos purified by this call.
        kept: photos that an earlier call had finished already, from the same photo with the same purifier.
        skipped: reason -> photos that are not in the output.
        manifest: table of every photo: source, file, treatment ("purified", "copied" or "skipped: REASON"), faces,
            likelihood of a cloak (of the most suspicious face), its likeliest kind where it is suspicious, psnr in dB
            (100 where nothing changed), ssim, and identity, the mean cosine of the faces before and after. What was not
            measured is empty.
        copied: photos that this call left as they are, because they were not suspicious.
        notes: what else the person at the keyboard should know: sentence -> photos.
        computed: device and precision of the purifier.
    """

    done: int
    kept: int
    skipped: dict[str, int]
    manifest: Path
    copied: int = 0
    notes: dict[str, int] = field(default_factory=dict)
    computed: dict[str, str] = field(default_factory=dict)

    def columns(self) -> Mapping[str, Sequence[Any]]:
        """One row for each photo, as the table on disk holds it."""
        return read_table(self.manifest)


@computes
@locking
@sharded("purify", of="photos", apart=("source",))
def purify(
    source: PathLike,
    /,
    *,
    out: PathLike,
    purifier: PurifierLike = "puface",
    only_suspicious: bool = False,
    suspicion: float = SUSPICIOUS,
    region: Literal["face", "photo"] = "face",
    aligner: str = "yunet",
    recognizer: RecognizerLike = "mobilefacenet_512",
    force: bool = False,
    workers: int = 0,
    batch: int = 1,
    shard: str | None = None,
    device: str = "auto",
    precision: Precision | None = None,
) -> Purified:
    """Purify every face in a folder of photos before a recognizer learns from it; the input is never touched.

    Photos keep their relative paths, transparency, EXIF data, color profile and everything outside of the faces, and
    are written losslessly as PNG. A call that was stopped goes on where it was; what another purifier has left there,
    or what was made from a photo that has changed, is purified again. Photos without a face are counted and left out:
    what could not be purified does not belong into a gallery.

    Args:
        source: a photo or a folder of photos at any depth.
        out: another folder.
        purifier: registry name, name:PATH for one with weights, or a folder that facewarden train wrote; settings may
            follow as JSON: 'jpeg{"quality": 30}', 'puface{"precision": "bfloat16"}'.
        only_suspicious: purify photos with a face that is likely cloaked, and copy the others byte by byte.
        suspicion: likelihood from which a face is suspicious.
        region: "face" purifies the aligned faces and pastes the change back; "photo" purifies all pixels as they are,
            with no face looked for: for filters, and for pictures that hold nothing but a face.
        aligner: how faces are found; precropped takes every square picture as one aligned face.
        recognizer: whose similarity before and after is reported; an empty name reports none.
        force: purify again what is there.
        workers: processes, each with one thread; all cores when 0. The result does not depend on it.
        batch: photos whose faces the networks are given together; on a GPU more are faster. Another batch may move a
            pixel by one gray level.
        shard: I/N, such as 1/8: only this share of the photos, by their paths, for `merge`; left out, all.
        device: where networks compute: auto (a GPU where there is one), cpu, cuda, cuda:1 or mps.
        precision: what they compute in, whatever the purifier's settings say: auto (bfloat16 where it is native),
            float32, bfloat16 or float16; left out, what those settings say, float32 for most.

    Raises:
        BadInputError: no photo, none that can be purified, an output inside the input, or one that cannot be written;
            what was finished stays, and the same call goes on.
    """
    source, out = path_of(source), path_of(out)
    folder = PhotoFolder(source, out=out)
    if not 0.0 <= suspicion <= 1.0 or (only_suspicious and region == "photo"):
        raise BadInputError(f"suspicion {suspicion} with region {region!r}", hint="--suspicion 0.5 --region face")
    workers = count_workers(workers, items=len(folder.paths), batch=batch)
    model = resolve_purifier(purifier)
    note_input("purifier", hash_of(model.card.identity()))
    finder: Aligner | None = None if region == "photo" else resolve_aligner(aligner)
    checker = _recognizer(recognizer, folder.notes) if finder is not None else None
    detector = detector_of(model, needed=only_suspicious) if finder is not None else None
    threshold = suspicion if only_suspicious else None
    decides = [
        *model.card.identity(), region, aligner, recorded(recognizer) if checker is not None else "", threshold,
        *_of_file(recognizer, checker),
        *([code_of("purify")] if code_of("purify") != 1 else []),  # what the first version made keeps its origin
    ]  # fmt: skip
    job = PurifyJob(
        folder.base, out, purifier, None if finder is None else aligner, "" if checker is None else recognizer,
        threshold, json.dumps(decides, sort_keys=True, default=str),
    )  # fmt: skip
    folder.claim(out / "purified.source")
    record = Record(out / "purified.jsonl", fresh=force)
    names: list[str] = []
    computed = computed_by([model])
    counts: Counter[str] = Counter()
    try:
        here = job.opened(finder, FacePurifier(model, checker, detector, threshold))
        outcomes = stream(job, _tasks(folder, record, batch=batch), workers=workers, here=here)
        label = f"purifying with {name_of(purifier)}"
        for outcome in track(outcomes, label=label, total=len(folder.paths), unit="photos"):
            folder.notes.update(outcome.notes or {})
            if outcome.left_out:
                folder.leave_out(outcome.task.path, outcome.left_out)
                continue
            if outcome.row is not None:
                # before the row: a stop in between leaves work, not two copies
                _drop(outcome.task.row, outcome.row, out=out)
                record.add({**outcome.row, "computed": computed})
            counts["kept" if outcome.row is None else outcome.row["treatment"]] += 1
            names.append(outcome.task.name)
        stale = _stale(record, frozenset(names), out=out)
        if stale:
            folder.notes["of an earlier call is still in the output, though its photo is gone or left out now"] += stale
        manifest = _manifest(out / "purified.csv", record, names, folder)
    finally:
        record.close()
    if not names and shard_call("photos") is None:
        raise folder.nothing_done("purified", manifest=manifest)
    return Purified(
        counts["purified"], counts["kept"], folder.counts, manifest, counts["copied"], dict(folder.notes),
        computed,
    )  # fmt: skip


def _tasks(folder: PhotoFolder, record: Record, *, batch: int) -> Iterator[tuple[PhotoTask, ...]]:
    """The photos by batches, which depend on the folder alone and not on what is finished."""
    for paths in chunks(folder.paths, batch):
        tasks = []
        for path in paths:
            try:
                name = folder.name(path)
            except Unusable as reason:
                folder.leave_out(path, str(reason))
                continue
            tasks.append(PhotoTask(path, name, record.row(name)))
        yield tuple(tasks)


def _stale(record: Record, names: frozenset[str], *, out: Path) -> int:
    """How many results of earlier calls are of photos that have none now."""
    rows = (record.row(name) for name in record if name not in names)
    return sum(row is not None and named_file(out, row["file"]).exists() for row in rows)


def _manifest(path: Path, record: Record, names: Sequence[str], folder: PhotoFolder) -> Path:
    skipped: dict[str, list[Mapping[str, Any]]] = {}
    for row in folder.rows():
        skipped.setdefault(row["source"], []).append(row)

    def rows() -> Iterator[list[Any]]:
        done, left_out = ((name, False) for name in sorted(names)), ((name, True) for name in sorted(skipped))
        for name, is_left_out in heapq.merge(done, left_out):
            for row in skipped[name] if is_left_out else [record.row(name) or {}]:
                yield [row.get(column) for column in _COLUMNS]

    write_rows(path, _COLUMNS, rows)
    return path


def _drop(older: Mapping[str, Any] | None, row: Mapping[str, Any], *, out: Path) -> None:
    """Remove what an earlier call made of the photo under another name: a gallery must not hold both."""
    if older is not None and older["file"] != row["file"]:
        with suppress(OSError):
            named_file(out, older["file"]).unlink(missing_ok=True)


def _recognizer(name: RecognizerLike, notes: Counter[str]) -> Recognizer | None:
    if name == "":
        return None
    try:
        return resolve_recognizer(name)
    except MissingAssetError as error:
        notes[f"identity is not measured: {error.hint}"] += 1
        return None


def _of_file(given: RecognizerLike, checker: Recognizer | None) -> list[str]:
    """The content of a recognizer that its name does not tell; entries of the registry are pinned by their names."""
    if checker is None or given in {entry.name for entry in list_entries("recognizers")}:
        return []
    return [hash_of(checker.card.identity())]
