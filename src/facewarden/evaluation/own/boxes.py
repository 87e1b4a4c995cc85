"""Face boxes and landmarks of captures or photos: which face was chosen, and in how many there are none or several."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from facewarden.core.progress import track
from facewarden.core.roles import Aligner, FaceLocation
from facewarden.data.manifest import BOX_COLUMNS, LANDMARK_COLUMNS, Manifest
from facewarden.data.photo import read_photo, why_unread
from facewarden.data.photo_files import photos_of
from facewarden.data.sample import NON_RESPONSE, Sample
from facewarden.data.text import printable
from facewarden.evaluation.verdicts.quality import LOW_QUALITY, QualityGate, quality_problems
from facewarden.photos.find_faces import FindJob, PhotoFace, find_faces

NO_FACE, SEVERAL = "no face found", "several faces, the largest is taken"
N_FACES = "n_faces"
"""Column of a manifest: how many faces were found in the color image."""


@dataclass(frozen=True)
class BoxCounts:
    """What looking for faces gave.

    Attributes:
        one, several: images with one face, and with more, of which the largest is taken.
        none: images without a face, or that cannot be read: reason -> count.
        kept: rows that had a box before and keep it.
    """

    one: int
    several: int
    none: Mapping[str, int]
    kept: int = 0

    def lines(self) -> tuple[str, ...]:
        """The counts for a person, a line each."""
        found = [f"one face: {self.one}", f"{SEVERAL}: {self.several}"]
        found += [f"{reason}: {count}" for reason, count in self.none.items()]
        return (*found, *([f"had a box before: {self.kept}"] if self.kept else []))


def with_boxes(
    manifest: Manifest,
    aligner: str | Aligner,
    *,
    again: bool = False,
    gate: QualityGate | None = None,
    workers: int = 1,
) -> tuple[Manifest, BoxCounts]:
    """Find the largest face of every color image; rows without one are marked as non-responses with the reason.

    Args:
        manifest: rows with a color image are looked at.
        aligner: the face finder, by its name where there are workers.
        again: look also where a row has a box.
        gate: what it refuses becomes a non-response too.
        workers: processes, all cores when 0; the result does not depend on it.

    Returns:
        The manifest with boxes, landmarks and the column `n_faces`, and the counts.
    """
    rows: list[Sample] = []
    none: Counter[str] = Counter()
    one = several = kept = 0
    wanted = [path for row in manifest.rows if row.box is None or again if (path := manifest.path(row, "rgb"))]
    looks = find_faces(wanted, FindJob(aligner, crops=False), workers=workers)
    for row in track(manifest.rows, label="finding faces", unit="images"):
        path = manifest.path(row, "rgb")
        if row.box is not None and not again:
            kept += 1
            rows.append(row)
            continue
        look = PhotoFace() if path is None else next(looks)
        extra = {name: value for name, value in row.extra.items() if name not in (NON_RESPONSE, N_FACES)}
        refused = "" if path is None or look.face is None else _refused(look.face, look.count, path, gate)
        if look.face is None or refused:
            why = refused or ("no color image" if path is None else _why(look, path))
            none[why] += 1
            rows.append(replace(row, box=None, landmarks=None, extra={**extra, NON_RESPONSE: why}))
            continue
        one, several = one + (look.count == 1), several + (look.count > 1)
        face = look.face
        rows.append(
            replace(row, box=face.box, landmarks=face.landmarks, extra={**extra, N_FACES: str(look.count)})
        )  # fmt: skip
    counts = BoxCounts(one, several, dict(none), kept)
    notes = [note for note in manifest.notes if not note.startswith(_NOTE)]
    told = f"{_NOTE}{'; '.join(counts.lines())}"
    return replace(manifest, rows=tuple(rows), notes=(*notes, told)), counts


_NOTE = "face boxes: "


def boxes_of_photos(
    source: Path, aligner: str | Aligner, *, workers: int = 1
) -> tuple[dict[str, list[Any]], BoxCounts, dict[str, int]]:
    """Find the largest face of every photo of a folder.

    Args:
        source: a folder of photos, or one photo.
        aligner: the face finder, by its name where there are workers.
        workers: processes, all cores when 0; the result does not depend on it.

    Returns:
        A table (key, n_faces, box, landmarks, confidence, note), the counts, and what is no photo: sentence -> number.
    """
    listing = photos_of(source)
    base = source if source.is_dir() else source.parent
    names = ("key", N_FACES, *BOX_COLUMNS, *LANDMARK_COLUMNS, "confidence", "note")
    columns: dict[str, list[Any]] = {name: [] for name in names}
    none: Counter[str] = Counter()
    counts: Counter[bool] = Counter()
    looks = find_faces(listing.photos, FindJob(aligner, crops=False), workers=workers)
    for path in track(listing.photos, label="finding faces", unit="photos"):
        look = next(looks)
        if look.face is None:
            none[_why(look, path)] += 1
        else:
            counts[look.count > 1] += 1
        cells = (printable(path.relative_to(base).as_posix()), look.count, *_cells(look, path))
        for name, cell in zip(names, cells, strict=True):
            columns[name].append(cell)
    return columns, BoxCounts(counts[False], counts[True], dict(none)), dict(listing.unread)


def _refused(face: FaceLocation, count: int, path: Path, gate: QualityGate | None) -> str:
    """Why a gate refuses a photo, "" where it does not."""
    if gate is None or gate.mode != "refuse":
        return ""
    problem = next(quality_problems(read_photo(path), face, count, limits=gate.limits), "")
    return f"{LOW_QUALITY}{problem}" if problem else ""


def _why(look: PhotoFace, path: Path) -> str:
    """Why there is no face."""
    return look.unread or (NO_FACE if look.refused is None else why_unread(path, look.refused))


def _cells(look: PhotoFace, path: Path) -> Iterator[Any]:
    if look.face is None:
        yield from (None for _ in (*BOX_COLUMNS, *LANDMARK_COLUMNS, "confidence"))
        yield _why(look, path)
        return
    yield from map(float, look.face.box)
    yield from (float(value) for point in look.face.landmarks for value in point)
    yield float(look.face.score)
    yield SEVERAL if look.count > 1 else ""
