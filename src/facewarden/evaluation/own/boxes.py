"""Face boxes and landmarks of captures or photos: which face was chosen, and in how many there are none or several."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from facewarden.align import choose_face
from facewarden.core.errors import BadInputError
from facewarden.core.progress import track
from facewarden.core.roles import Aligner, FaceLocation
from facewarden.data.manifest import BOX_COLUMNS, LANDMARK_COLUMNS, Manifest
from facewarden.data.photo import read_photo, why_unread
from facewarden.data.photo_files import photos_of
from facewarden.data.sample import NON_RESPONSE, Sample
from facewarden.data.text import printable

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


@dataclass(frozen=True)
class _Look:
    face: FaceLocation | None
    count: int
    why: str = ""


def with_boxes(manifest: Manifest, aligner: Aligner, *, again: bool = False) -> tuple[Manifest, BoxCounts]:
    """Find the largest face of every color image; rows without one are marked as non-responses with the reason.

    Args:
        manifest: rows with a color image are looked at.
        aligner: finds faces.
        again: look also where a row has a box.

    Returns:
        The manifest with boxes, landmarks and the column `n_faces`, and the counts.
    """
    rows: list[Sample] = []
    none: Counter[str] = Counter()
    one = several = kept = 0
    for row in track(manifest.rows, label="finding faces", unit="images"):
        path = manifest.path(row, "rgb")
        if row.box is not None and not again:
            kept += 1
            rows.append(row)
            continue
        look = _Look(None, 0, "no color image") if path is None else _look(path, aligner)
        extra = {name: value for name, value in row.extra.items() if name not in (NON_RESPONSE, N_FACES)}
        if look.face is None:
            none[look.why] += 1
            rows.append(replace(row, box=None, landmarks=None, extra={**extra, NON_RESPONSE: look.why}))
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


def boxes_of_photos(source: Path, aligner: Aligner) -> tuple[dict[str, list[Any]], BoxCounts, dict[str, int]]:
    """Find the largest face of every photo of a folder.

    Args:
        source: a folder of photos, or one photo.
        aligner: finds faces.

    Returns:
        A table (key, n_faces, box, landmarks, confidence, note), the counts, and what is no photo: sentence -> number.
    """
    listing = photos_of(source)
    base = source if source.is_dir() else source.parent
    names = ("key", N_FACES, *BOX_COLUMNS, *LANDMARK_COLUMNS, "confidence", "note")
    columns: dict[str, list[Any]] = {name: [] for name in names}
    none: Counter[str] = Counter()
    counts: Counter[bool] = Counter()
    for path in track(listing.photos, label="finding faces", unit="photos"):
        look = _look(path, aligner)
        if look.face is None:
            none[look.why] += 1
        else:
            counts[look.count > 1] += 1
        cells = (printable(path.relative_to(base).as_posix()), look.count, *_cells(look))
        for name, cell in zip(names, cells, strict=True):
            columns[name].append(cell)
    return columns, BoxCounts(counts[False], counts[True], dict(none)), dict(listing.unread)


def _look(path: Path, aligner: Aligner) -> _Look:
    try:
        image = read_photo(path)
        found: Sequence[FaceLocation] = aligner.locate(image)
    except BadInputError as error:
        return _Look(None, 0, why_unread(path, error))
    if not found:
        return _Look(None, 0, NO_FACE)
    return _Look(choose_face(found, size=(image.shape[1], image.shape[0])), len(found))


def _cells(look: _Look) -> Iterator[Any]:
    if look.face is None:
        yield from (None for _ in (*BOX_COLUMNS, *LANDMARK_COLUMNS, "confidence"))
        yield look.why
        return
    yield from map(float, look.face.box)
    yield from (float(value) for point in look.face.landmarks for value in point)
    yield float(look.face.score)
    yield SEVERAL if look.count > 1 else ""
