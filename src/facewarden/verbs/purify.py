"""Purify photos before a recognizer learns from them; every photo keeps its metadata and its background."""

from __future__ import annotations

import filecmp
import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from facewarden.core.compute.computing import computed_by, computes
from facewarden.core.compute.finite import NO_VECTOR
from facewarden.core.compute.precision import Precision
from facewarden.core.errors import BadInputError, MissingAssetError
from facewarden.core.files import writing
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
from facewarden.core.roles import Aligner, Purifier, Recognizer
from facewarden.data.photo_change import write_changed
from facewarden.data.results import RowsResult
from facewarden.data.table import read_table, write_table
from facewarden.data.text import named_file, printable
from facewarden.photos.aligned import purify as purify_tensor
from facewarden.photos.aligned import to_images
from facewarden.photos.cloak_detector import SUSPICIOUS, CloakDetector, TellsCloaks
from facewarden.photos.folder import PhotoFolder, Unusable
from facewarden.photos.journal import Record
from facewarden.photos.purify_faces import FacePurifier, FacesOfPhoto
from facewarden.photos.similarity import likeness

_COLUMNS = ("source", "file", "treatment", "faces", "likelihood", "psnr", "ssim", "identity")


@dataclass(frozen=True, repr=False)
class Purified(RowsResult):
    """What was purified.

    Attributes:
        done: photos purified by this call.
        kept: photos that an earlier call had finished already, from the same photo with the same purifier.
        skipped: reason -> photos that are not in the output.
        manifest: table of every photo: source, file, treatment ("purified", "copied" or "skipped: REASON"), faces,
            likelihood of a cloak (of the most suspicious face), psnr in dB (100 where nothing changed), ssim, and
            identity, the mean cosine of the faces before and after. What was not measured is empty.
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
    model = resolve_purifier(purifier)
    finder: Aligner | None = None if region == "photo" else resolve_aligner(aligner)
    checker = _recognizer(recognizer, folder.notes) if finder is not None else None
    detector = _detector(model, needed=only_suspicious) if finder is not None else None
    settings = [
        region,
        aligner,
        recorded(recognizer) if checker is not None else "",
        suspicion if only_suspicious else None,
        *_of_file(recognizer, checker),
    ]
    faces = FacePurifier(model, checker, detector, suspicion if only_suspicious else None)
    work = _Work(folder, out, model, finder, faces, settings)
    folder.claim(out / "purified.source")
    record = Record(out / "purified.jsonl", fresh=force)
    names: list[str] = []
    computed = computed_by([model])
    counts: Counter[str] = Counter()
    try:
        for path in track(folder.paths, label=f"purifying with {name_of(purifier)}", unit="photos"):
            try:
                name = folder.name(path)
                origin = work.origin(path)
                row = record.done(name, origin=origin)
                if row is None:
                    older = record.rows.get(name)
                    row = _unless_gone(path, partial(work.one, path, name, known=older is not None))
                    row |= {"origin": origin, "computed": computed}
                    _drop(older, row, out=out)  # before the row: a stop in between leaves work, not two copies
                    record.add(row)
                    counts[row["treatment"]] += 1
                else:
                    counts["kept"] += 1
                names.append(name)
            except Unusable as reason:
                folder.leave_out(path, str(reason))
    finally:
        record.close()
    present = set(names)
    stale = sum(name not in present and named_file(out, row["file"]).exists() for name, row in record.rows.items())
    if stale:
        folder.notes["of an earlier call is still in the output, though its photo is gone or left out now"] += stale
    manifest = out / "purified.csv"
    rows = sorted([*(record.rows[name] for name in names), *folder.rows()], key=lambda row: str(row["source"]))
    write_table(manifest, {column: [row.get(column) for row in rows] for column in _COLUMNS})
    if not names:
        raise folder.nothing_done("purified", manifest=manifest)
    return Purified(
        counts["purified"], counts["kept"], folder.counts, manifest, counts["copied"], dict(folder.notes),
        computed,
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Work:
    """What is done to one photo after the other."""

    folder: PhotoFolder
    out: Path
    model: Purifier
    finder: Aligner | None
    faces: FacePurifier
    settings: Sequence[Any]

    def origin(self, path: Path) -> str:
        """What decides the result, as a hash: the purifier with settings and weights, and the photo's bytes."""
        card = self.model.card
        code = [code_of("purify")] if code_of("purify") != 1 else []  # what the first version made keeps its origin
        made = json.dumps([*card.identity(), *self.settings, *code], sort_keys=True, default=str)
        digest = hashlib.sha256(made.encode() + b"\0")
        try:
            with path.open("rb") as file:
                while block := file.read(1 << 20):
                    digest.update(block)
        except OSError:
            raise Unusable("unreadable photo: cannot be read") from None
        return digest.hexdigest()

    def one(self, path: Path, name: str, *, known: bool = False) -> dict[str, Any]:
        """Purify or copy a photo and return its row; `known` says that an earlier call has made its result."""
        photo = self.folder.read(path)
        if self.finder is None:
            return self._written(path, name, photo, _all_pixels(self.model, photo), faces=0)
        faces = self.folder.faces(photo, self.finder)
        (purified,) = self.faces([FacesOfPhoto(photo, faces)])
        if purified.identity is not None and not np.isfinite(purified.identity):
            raise Unusable(NO_VECTOR)
        if purified.pixels is None:
            likelihood = float(purified.likelihood or 0.0)
            return self._copied(path, name, faces=len(faces), likelihood=likelihood, known=known)
        row = self._written(path, name, photo, purified.pixels, faces=len(faces))
        return row | {"likelihood": purified.likelihood, "identity": purified.identity}

    def _written(
        self, path: Path, name: str, before: NDArray[np.uint8], after: NDArray[np.uint8], *, faces: int
    ) -> dict[str, Any]:
        target = self._target(path)
        write_changed(path, after, target, on_note=self.folder.note)
        psnr, alike = likeness(before, after)
        row = {"treatment": "purified", "psnr": psnr, "ssim": alike, "faces": faces}
        return self._row(name, target, row)

    def _copied(self, path: Path, name: str, *, faces: int, likelihood: float, known: bool) -> dict[str, Any]:
        target = self._copy(path)
        if not known and target.exists() and not filecmp.cmp(path, target, shallow=False):
            raise BadInputError(
                f"{target} is there already and is another file than {path}", hint="choose an empty --out"
            )
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with writing(target) as temporary:
                shutil.copyfile(path, temporary)
        except OSError as error:
            raise BadInputError(f"{target}: cannot be written: {error}", hint="choose a writable --out") from error
        row = {"treatment": "copied", "psnr": 100.0, "ssim": 1.0, "faces": faces}
        return self._row(name, target, row) | {
            "likelihood": likelihood,
            "identity": 1.0 if self.faces.recognizer else None,
        }

    def _row(self, name: str, target: Path, values: dict[str, Any]) -> dict[str, Any]:
        where = {"source": name, "file": printable(target.relative_to(self.out).as_posix())}
        return {**where, "bytes": target.stat().st_size, "likelihood": None, "identity": None, **values}

    def _target(self, path: Path) -> Path:
        """The suffix stays in the name: a.jpg and a.png of one folder must not meet."""
        return self.out / f"{self.folder.relative(path)}.png"

    def _copy(self, path: Path) -> Path:
        """The name itself, unless it is that of the purified a.jpg for a photo called a.jpg.png."""
        name = self.folder.relative(path)
        taken = name.endswith(".png") and (self.folder.base / name.removesuffix(".png")).exists()
        return self.out / (f"{name}.copy.png" if taken else name)


def _unless_gone(path: Path, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Do the work on a photo, which somebody may take away meanwhile."""
    try:
        return work()
    except BadInputError:
        if path.exists():
            raise
        raise Unusable("gone while it was purified") from None


def _drop(older: dict[str, Any] | None, row: dict[str, Any], *, out: Path) -> None:
    """Remove what an earlier call made of the photo under another name: a gallery must not hold both."""
    if older is not None and older["file"] != row["file"]:
        with suppress(OSError):
            named_file(out, older["file"]).unlink(missing_ok=True)


def _all_pixels(model: Purifier, photo: NDArray[np.uint8]) -> NDArray[np.uint8]:
    cleaned = purify_tensor(model, to_images(photo[None]))[0].permute(1, 2, 0).numpy()
    return np.round(cleaned * 255).astype(np.uint8)


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


def _detector(model: Purifier, *, needed: bool) -> CloakDetector | None:
    """The purifier's own judgment where it has one, else that of the shipped one."""
    try:
        return CloakDetector(model if isinstance(model, TellsCloaks) else "puface")
    except (BadInputError, MissingAssetError):
        if needed:
            raise
        return None
