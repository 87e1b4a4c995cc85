"""Cloaking of photo folders: every face moved away from what recognizers know of it, every other pixel left alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from facewarden.core.artifact import sha256
from facewarden.core.attack import Attack
from facewarden.core.compute.computing import computed_by, computes
from facewarden.core.compute.precision import Precision
from facewarden.core.compute.shards import note_input, shard_call
from facewarden.core.compute.stream import chunks, count_workers, stream
from facewarden.core.errors import BadInputError
from facewarden.core.guards.bounded import read_json_bounded
from facewarden.core.guards.lock import locking
from facewarden.core.identity.code_version import code_of
from facewarden.core.identity.given import PathLike, labeled, name_of, path_of, recorded, several
from facewarden.core.identity.inputs import hash_of
from facewarden.core.progress import track
from facewarden.core.resolve import RecognizerLike, resolve_aligner, resolve_recognizer
from facewarden.core.run import RunFolder
from facewarden.core.seeding import derive
from facewarden.core.settings.budget import check_gray, read_budget
from facewarden.data.results import RowsResult
from facewarden.data.table import read_table, write_table
from facewarden.experiments.cloaking.cloak_folder import CloakChoices, CloakFolder, CloakJob, CloakTask
from facewarden.photos.cloak_attack import choose_method, surrogate_weights
from facewarden.photos.cloak_detector import SUSPICIOUS, CloakDetector
from facewarden.photos.folder import PhotoFolder
from facewarden.photos.reader import Unusable
from facewarden.recognizers.parts.ensembles import CLOAK_SURROGATES
from facewarden.scale.record import sharded

Strength = Literal["low", "mid", "high"]
_FIRST = ("source", "file", "treatment", "faces", "likelihood", "psnr", "ssim", "ssim_face", "gain")
_SUFFIXES = {"png": "png", "jpeg": "jpg"}


@dataclass(frozen=True, repr=False)
class Cloaked(RowsResult):
    """What was cloaked.

    Attributes:
        done: photos written by this call.
        kept: photos that an earlier call had written already.
        skipped: reason -> count, over the whole folder.
        manifest: table of every photo: source, file, treatment ("cloaked" or "skipped: REASON"), faces, likelihood
            (that its most suspicious face had been cloaked before), psnr and ssim (of the photo), ssim_face, gain (how
            much of the cloak arrives in a crop aligned again), and shift_NAME, one minus the cosine, per recognizer.
        summary: mean of each of its numbers.
        suspicious: photos that seem to have been cloaked before, in the whole folder; they are cloaked once more.
        notes: what else the person at the keyboard should know of the photos of this call: sentence -> photos.
        computed: device and precision of the recognizers.
    """

    done: int
    kept: int
    skipped: dict[str, int]
    manifest: Path
    summary: dict[str, float]
    suspicious: int
    notes: dict[str, int] = field(default_factory=dict)
    computed: dict[str, str] = field(default_factory=dict)

    def lines(self) -> tuple[str, ...]:
        """Return counts and mean numbers, a line each."""
        lines = [f"cloaked {self.done}, already there {self.kept}"]
        lines += [f"skipped {count}: {reason}" for reason, count in self.skipped.items()]
        lines += [f"note for {count}: {note}" for note, count in self.notes.items()]
        if self.suspicious:
            lines.append(
                f"suspicious {self.suspicious}: cloaked before, it seems; twice cloaked, a photo exceeds the budget"
            )
        lines += [f"  {name:<24} {value:7.3f} (mean over photos)" for name, value in self.summary.items()]
        return (*lines, f"per photo: {self.manifest}")

    def columns(self) -> Mapping[str, Sequence[Any]]:
        """One row for each photo, as the table on disk holds it."""
        return read_table(self.manifest)


@computes
@locking
@sharded("cloak", of="photos", apart=("source",))
def cloak(
    source: PathLike,
    /,
    *,
    out: PathLike,
    method: str | Attack = "lowkey",
    surrogates: RecognizerLike | Sequence[RecognizerLike] = CLOAK_SURROGATES,
    recognizers: RecognizerLike | Sequence[RecognizerLike] = (),
    strength: Strength = "mid",
    eps: float | str | None = None,
    faces: Literal["all", "largest"] = "all",
    aligner: str = "yunet",
    thorough: bool = False,
    format: Literal["png", "jpeg"] = "png",
    quality: int = 95,
    workers: int = 0,
    batch: int = 8,
    seed: int = 0,
    shard: str | None = None,
    device: str = "auto",
    precision: Precision | None = None,
) -> Cloaked:
    """Cloak every face in a folder of photos; the input is never touched, and a stopped call goes on where it was.

    A cloak spoils what a recognizer learns from photos published from now on. It does not make a photo unrecognizable
    to people, nor to a system that knows clean photos of the person, and a purifier may remove it.

    Args:
        source: a photo or a folder of photos at any depth.
        out: another folder; photos keep their relative paths, transparency, EXIF data and color profile.
        method: an entry of facewarden list attacks; its settings may follow in braces. Who is on a photo is not
            known here, so that fawkes_targeted and tip_im aim at strangers that are far from each face, not from a
            person. opom, protego and facecloak make one mask for all photos of a person: PHOTOS then holds a folder
            for each person, and of every photo the largest face is cloaked.
        surrogates: recognizers that the cloak is made on, all different.
        recognizers: further recognizers whose shift is reported, and which the cloak never sees.
        strength: low, mid or high: 4, 8 or 16 gray levels; for Fawkes its published modes; for warp 1.5, 2.5 or 4
            pixels of displacement in the aligned face; for tint a strength of color of 0.1, 0.2 or 0.4.
        eps: largest change of a value in gray levels instead; warp and tint have settings of their own, pixels and
            color.
        faces: every face of a photo, or the largest one.
        aligner: how faces are found, an entry of facewarden list align.
        thorough: with lowkey, the published 50 steps instead of the swift 14.
        format: png is lossless; jpeg takes part of the cloak away again, which the report shows.
        quality: of JPEG, 1 to 95.
        workers: processes, each with one thread; all cores when 0. No pixel depends on it.
        batch: photos at a time; it changes memory and speed, and the last bits of what is computed.
        seed: of random starts.
        shard: I/N, such as 1/8: only this share of the photos, by their paths, for `merge`; left out, all.
        device: where the recognizers compute: auto (a GPU where there is one), cpu, cuda, cuda:1 or mps.
        precision: what they compute in: auto (bfloat16 where it is native), float32, bfloat16 or float16; left out,
            what the settings of each say, float32 for most.

    Raises:
        BadInputError: no photos, none that can be cloaked, an output inside the input or one that cannot be written, an
            impossible choice, or an output folder that holds photos cloaked with other settings.
    """
    source, out = path_of(source), path_of(out)
    folder = PhotoFolder(source, out=out)
    workers = count_workers(workers, items=len(folder.paths), batch=batch, worth=1)
    if not 1 <= quality <= 95:
        raise BadInputError(f"quality {quality}", hint="quality=95")
    eps = None if eps is None else read_budget(eps, norm="linf")
    chosen = choose_method(method, strength=strength, eps=eps, thorough=thorough)
    if chosen.attack.own_budget is None:  # photos would be called cloaked that are as they were
        check_gray(chosen.eps)
    whole_people = chosen.attack.person_goal is not None
    if whole_people:
        _check_people(folder, name_of(method), shard=shard)
        faces = "largest"
    chosen_surrogates, others = _models(surrogates, what="surrogates"), _models(recognizers, what="recognizers")
    names = list(chosen_surrogates)
    models = {name: resolve_recognizer(given) for name, given in {**chosen_surrogates, **others}.items()}
    weights = surrogate_weights([models[name] for name in names], attack=chosen.attack)
    finder, detector = resolve_aligner(aligner), CloakDetector()
    recipe = {
        "method": recorded(method), "surrogates": names, "weights": weights,
        "judges": [name for name in models if name not in names],  # the word of 0.1, so that its records go on
        "eps": chosen.eps, "strength": strength, "faces": faces, "aligner": aligner, "thorough": thorough,
        "format": format, "quality": quality, "seed": seed,
    }  # fmt: skip
    recipe |= chosen.aim()
    if precision is not None:
        recipe["precision"] = precision
    computed = computed_by(models.values())
    folder.claim(out / "record" / "source")
    inputs = {f"recognizer {name}": hash_of(model.card.identity()) for name, model in models.items()}
    for name, digest in inputs.items():
        note_input(name, digest)
    run = RunFolder(out / "record", recipe=recipe, code=code_of("cloak"), resume=True, inputs=inputs, computed=computed)
    rows: dict[str, dict[str, Any]] = {}
    choices = CloakChoices(faces, format, quality, seed)
    job = CloakJob(folder.base, out, method, strength, eps, thorough, chosen_surrogates, others, aligner, choices)
    here = CloakFolder(folder.base, out, chosen, models, names, finder, detector, choices)
    tasks = _tasks(folder, run, rows, out=out, batch=batch, suffix=_SUFFIXES[format], whole_people=whole_people)
    kept = sum(task.done for some in tasks for task in some)
    left = [some for some in tasks if not all(task.done for task in some)]
    outcomes = stream(job, left, workers=min(workers, max(1, len(left))), here=here)
    label, total = f"cloaking with {name_of(method)}", sum(map(len, left))
    for outcome in track(outcomes, label=label, total=total, unit="photos"):
        folder.notes.update(outcome.notes or {})
        if outcome.left_out:
            folder.leave_out(outcome.task.path, outcome.left_out)
        elif outcome.row is not None:
            name = outcome.task.name
            rows[name] = run.stage(_stage(name), partial(dict, outcome.row))
    return replace(_result(rows, folder, run=run, out=out, kept=kept), computed=computed)


def _tasks(
    folder: PhotoFolder, run: RunFolder, rows: dict[str, dict[str, Any]], *, out: Path, batch: int, suffix: str,
    whole_people: bool,
) -> list[tuple[CloakTask, ...]]:  # fmt: skip
    """The photos by batches, which depend on the folder alone; rows of finished ones are added to `rows`."""
    tasks = []
    for path in folder.paths:
        try:
            name = folder.name(path)
        except Unusable as reason:
            folder.leave_out(path, str(reason))
            continue
        target = out / f"{folder.relative(path)}.{suffix}"
        row = _finished(run, path, name, target=target)
        if row is not None:
            rows[name] = row
        tasks.append(CloakTask(path, name, target, done=row is not None))
    if not whole_people:
        return list(chunks(tasks, batch))
    people: dict[str, list[CloakTask]] = {}
    for task in tasks:
        people.setdefault(folder.relative(task.path).partition("/")[0], []).append(task)
    return [tuple(photos) for photos in people.values()]


def _check_people(folder: PhotoFolder, method: str, *, shard: str | None) -> None:
    """Refuse photos of which nobody says who is on them, for a method that makes one mask for all photos of a person.

    Raises:
        BadInputError: photos that lie in no person's folder, or a share of the photos.
    """
    flat = sum("/" not in folder.relative(path) for path in folder.paths)
    if flat:
        raise BadInputError(
            f"{folder.source}: {method} makes one mask for all photos of a person, and {flat} of {len(folder.paths)} "
            "photos lie in no person's folder",
            hint=f"one folder for each person, {folder.base}/PERSON/PHOTO, and the folder above them as PHOTOS; "
            "or a method for single photos: --method lowkey",
        )
    if shard is not None:
        raise BadInputError(
            f"--shard {shard} may separate photos of a person, of which {method} makes one mask",
            hint="leave --shard out, and give each call the folders of some people",
        )


def _models(given: RecognizerLike | Sequence[RecognizerLike], *, what: str) -> dict[str, RecognizerLike]:
    # one text with commas is how the release before had it
    listed: Sequence[RecognizerLike] = given.split(",") if isinstance(given, str) else several(given)
    wanted = [one.strip() if isinstance(one, str) else one for one in listed]
    wanted = [one for one in wanted if not isinstance(one, str) or one]
    found = labeled(wanted)
    if len(found) != len(wanted) or (what == "surrogates" and not found):
        raise BadInputError(
            f"{what} {' '.join(map(recorded, wanted))!r} must be different names",
            hint=f"--{what} mobilefacenet_512 dlib_resnet34",
        )
    return found


def _stage(name: str) -> str:
    return f"photo-{derive(0, name):016x}"


def _finished(run: RunFolder, path: Path, name: str, *, target: Path) -> dict[str, Any] | None:
    """What an earlier call recorded of a photo, or None where it, its result or the photo itself is another now."""
    record = run.path / "stages" / f"{_stage(name)}.json"
    if not record.is_file():
        return None
    try:
        row = read_json_bounded(record)
        whole = target.is_file() and target.stat().st_size == row["bytes"]
        same = whole and row["sha256"] == sha256(path) and "likelihood" in row
    except (OSError, ValueError, KeyError, TypeError):  # damaged, or of an earlier version: the photo is done again
        same = False
    if same:
        return dict(row)
    try:
        record.unlink()
    except OSError as error:
        raise BadInputError(f"{record}: cannot be written: {error}", hint="choose a writable --out") from error
    return None


def _result(rows: dict[str, dict[str, Any]], folder: PhotoFolder, *, run: RunFolder, out: Path, kept: int) -> Cloaked:
    manifest = out / "cloaked.csv"
    ordered = [rows[name] | {"treatment": "cloaked"} for name in sorted(rows)]
    names = [*_FIRST, *sorted({key for row in ordered for key in row} - {*_FIRST, "sha256", "bytes"}), "sha256"]
    listed = sorted([*ordered, *folder.rows()], key=lambda row: str(row["source"]))
    write_table(manifest, {name: [row.get(name) for row in listed] for name in names})
    numbers = {
        name: [row[name] for row in ordered] for name in names if ordered and isinstance(ordered[0][name], float)
    }
    summary = {name: float(np.mean(values)) for name, values in numbers.items()}
    suspicious = sum(row["likelihood"] >= SUSPICIOUS for row in ordered)
    run.finish({"photos": len(ordered), "skipped": folder.counts, "suspicious": suspicious, "mean": summary})
    if not ordered and shard_call("photos") is None:
        raise folder.nothing_done("cloaked", manifest=manifest)
    return Cloaked(len(ordered) - kept, kept, folder.counts, manifest, summary, suspicious, dict(folder.notes))
