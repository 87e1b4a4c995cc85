"""Verdicts for a person who has photos or captures: score, probability, decision, and where the threshold came from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from facewarden.core.compute.computing import computed_by, computes
from facewarden.core.compute.precision import Precision
from facewarden.core.compute.shards import note_input, shard_call
from facewarden.core.compute.stream import chunks, count_workers, stream
from facewarden.core.errors import BadInputError
from facewarden.core.guards.lock import locking
from facewarden.core.identity.given import PathLike, maybe_path, path_of
from facewarden.core.identity.inputs import hash_of
from facewarden.core.progress import track
from facewarden.core.resolve import DetectorLike, resolve_aligner, resolve_detector
from facewarden.core.roles import Detector
from facewarden.core.sources.grammar import is_there
from facewarden.data.captures import names_captures, open_captures
from facewarden.data.manifest import check_results_target, share_of
from facewarden.data.photo_files import photos_of, share_of_photos
from facewarden.data.table import write_table
from facewarden.data.text import counted_reasons, printable
from facewarden.evaluation.photo_scores import PhotoScore, ScoreJob, ScorePhotos
from facewarden.evaluation.polarity import warn_if_reversed
from facewarden.evaluation.scores import absent_words, score_manifest
from facewarden.evaluation.verdicts.choice import DEFAULT_POLICY, chosen_rule
from facewarden.evaluation.verdicts.default_detector import choose_detector
from facewarden.evaluation.verdicts.quality import QualityGate
from facewarden.evaluation.verdicts.rule import VerdictRule
from facewarden.metrics.pad import check_policy
from facewarden.scale.record import sharded
from facewarden.verbs.own.clips import ClipsAsked, score_clips
from facewarden.verbs.own.folders import folder_paths, given_captures
from facewarden.verbs.own.verdict_result import ScoreResult, box_text, verdict_columns, verdicts_of, warnings_of

__all__ = ["ScoreResult", "score"]

_FEW = 8
"""Photos of a folder up to which its detector is not recorded for onnxruntime: that takes as long as dozens of them."""


@computes
@locking
@sharded("score", of=("captures", "photos"), apart=("source", "bona_fide", "attacks", "mapping"))
def score(
    source: PathLike | None = None,
    /,
    *,
    bona_fide: PathLike | Sequence[PathLike] = (),
    attacks: PathLike | Sequence[PathLike] = (),
    mapping: PathLike | None = None,
    subject: str = "auto",
    detector: DetectorLike = "auto",
    rule: PathLike | None = None,
    dev: PathLike | None = None,
    policy: str | None = None,
    quality: str = "note",
    camera: int | None = None,
    seconds: float = 5.0,
    clips: bool = False,
    frames: str = "count=8",
    clip_rule: str = "median",
    frame_table: PathLike | None = None,
    device: str = "auto",
    precision: Precision | None = None,
    workers: int = 0,
    batch: int | None = None,
    shard: str | None = None,
    out: PathLike | None = None,
) -> ScoreResult:
    """Score photos or captures with a presentation attack detector and decide on each.

    Args:
        source: a manifest (.csv, .parquet, or its folder), wmca:PATH or another published set of captures, a photo, or
            a folder of photos at any depth.
        bona_fide, attacks: instead of a source, folders of photos of each class; the table then holds label, species
            and subject of each, as `evaluate` reads it.
        mapping, subject: how these folders are read, as in `data_from_folders`.
        detector: registry name, name:PATH, artifact folder, model.onnx with its card, or a detector itself; auto takes
            `color_cnn` where there is color alone, and `multi_cnn` elsewhere.
        rule: threshold and probability that `calibrate` wrote, or a decision.json; or
        dev: captures whose dev rows set the threshold, or a table of their scores; or
        policy: eer, or apcer=0.05: sets it on dev rows, those of `dev` (eer when left out) or of the captures that are
            scored. Without any of the three the threshold is that of the detector's own folder, or nothing is decided.
        quality: of photos: note (low quality is said), refuse (it makes a non-response) or off; limits may follow in
            braces, refuse{"size": 64}.
        camera: number of a camera instead of a source, 0 for the first; what it shows is one clip.
        seconds: how long the camera looks.
        clips: score videos, and each folder of frames, as one clip; a video by itself is one in any case.
        frames: which frames of a clip are scored: count=8 (evenly spread), every=0.5 (seconds) or all.
        clip_rule: how their scores become one: mean, median, or share=0.8 (bona fide when at least that share of the
            frames is).
        frame_table: table to write with a row for each frame, .parquet or .csv.
        device: where the detector computes: auto (a GPU where there is one), cpu, cuda, cuda:1 or mps.
        precision: what it computes in: auto (bfloat16 where it is native), float32, bfloat16 or float16; left out,
            what its own settings say, float32 for most.
        workers: processes that read photos, find faces and score, each with one thread; all cores when 0. No score
            depends on it.
        batch: photos of one size, or captures, that go through the network together: 8 and 32 when left out. Another
            one may change the sixth digit of a score.
        shard: I/N, such as 1/8: only this share of photos or captures, by their keys, for `merge`; left out, all.
        out: table to write, .parquet or .csv.

    Raises:
        BadInputError: nothing that can be scored, a rule of another detector, or a policy without dev rows.
    """
    out = maybe_path(out)
    gate = QualityGate.read(quality)
    check_policy(policy or DEFAULT_POLICY)
    if out is not None:
        check_results_target(out)
    count_workers(workers, items=0, batch=1 if batch is None else batch)  # refused before anything is read
    found_clips = ClipsAsked.read(source, camera=camera, seconds=seconds, clips=clips, frames=frames,
                                  clip_rule=clip_rule, frame_table=maybe_path(frame_table))  # fmt: skip
    choice = choose_detector(detector, source, photos=_color_alone(source, found_clips, bona_fide, attacks))
    detector = choice.detector
    model = resolve_detector(detector)
    if found_clips is not None:
        refuse_other_sensors(model)
        picked = chosen_rule(model, detector, rule=maybe_path(rule), dev=maybe_path(dev), policy=policy)
        scorer = ScorePhotos(model, resolve_aligner("yunet"), Path(), gate)
        found = score_clips(scorer, found_clips, picked, out=out)
        return replace(found, warnings=(*choice.notes, *found.warnings))
    both = bool(folder_paths(bona_fide)) and bool(folder_paths(attacks))
    read = given_captures(source, [model], bona_fide=bona_fide, attacks=attacks, mapping=mapping, subject=subject,
                          seed=0, split=both, gate=gate)  # fmt: skip
    if read is None:
        raise BadInputError("nothing to score", hint="photos, a manifest, or --bona-fide DIR --attacks DIR")
    note_input("detector", hash_of(model.card.identity()))
    asked = _Asked(detector, maybe_path(rule), maybe_path(dev), policy, gate, workers, batch)
    score_all = _score_captures if names_captures(read) else _score_folder
    found = score_all(model, read, asked, out=out)
    return replace(found, warnings=(*choice.notes, *found.warnings))


def _color_alone(source: PathLike | None, clips: ClipsAsked | None, *folders: PathLike | Sequence[PathLike]) -> bool:
    """Whether photos or clips are scored; a source that is not there is for whoever opens it to refuse."""
    if clips is not None or any(map(folder_paths, folders)):
        return True
    return source is not None and is_there(str(path_of(source))) and not names_captures(path_of(source))


@dataclass(frozen=True)
class _Asked:
    """What was asked for: which rule decides, what the gate does, how many processes and photos at a time."""

    detector: DetectorLike
    rule: Path | None
    dev: Path | None
    policy: str | None
    gate: QualityGate
    workers: int
    batch: int | None


def _score_captures(model: Detector, source: Path, asked: _Asked, *, out: Path | None) -> ScoreResult:
    whole = open_captures(source)
    manifest = share_of(whole)
    late = asked.policy is not None and asked.dev is None and asked.rule is None
    if late and len(manifest) < len(whole):
        raise BadInputError("a policy needs the scores of all dev rows, not of a share", hint="--rule or --dev")
    early = None
    if not late:
        early = chosen_rule(model, asked.detector, rule=asked.rule, dev=asked.dev, policy=asked.policy)
    scores = score_manifest(model, manifest, batch=asked.batch or 32, workers=asked.workers)
    rule = early
    if late:
        rule = chosen_rule(model, asked.detector, rule=None, dev=None, policy=asked.policy, scored=scores)
    values = scores.score.tolist()
    if out is not None:
        scores.write(out, more=verdict_columns(values, rule, model))
    turned = warn_if_reversed(scores.score, scores.label, subject=scores.subject, where=scores.source)
    return ScoreResult(
        tuple(scores.key.tolist()),
        tuple(values),
        out,
        dict(scores.skipped),
        computed_by([model]),
        warnings=((turned,) if turned else ()) + absent_words(model, manifest) + warnings_of(model),
        **verdicts_of(values, rule, model),
    )


def _score_folder(model: Detector, source: Path, asked: _Asked, *, out: Path | None) -> ScoreResult:
    refuse_other_sensors(model)
    base = source if source.is_dir() else source.parent
    whole = photos_of(source)
    listing = share_of_photos(whole, base=base)
    rule = chosen_rule(model, asked.detector, rule=asked.rule, dev=asked.dev, policy=asked.policy)
    skipped = Counter(listing.unread)
    batch = asked.batch or 8
    job = ScoreJob(asked.detector, "yunet", base, asked.gate, few=len(whole.photos) <= _FEW)  # equal in all shares
    workers = count_workers(asked.workers, items=len(listing.photos), batch=batch)
    found = stream(job, chunks(listing.photos, batch), workers=workers, here=job.opened(model))
    rows = list(track(found, label="scoring", total=len(listing.photos), unit="photos"))
    skipped.update(row.skipped for row in rows if row.skipped)
    if out is not None:
        write_table(out, _table(rows, rule, model))
    scored = [row for row in rows if row.score is not None]
    if not scored and shard_call("photos") is None:
        raise BadInputError(
            f"{printable(source)}: no photo could be scored: {counted_reasons(skipped)}; the first is {rows[0].key}",
            hint="photos with one visible face",
        )
    values = [row.score for row in scored if row.score is not None]
    return ScoreResult(
        tuple(row.key for row in scored),
        tuple(values),
        out,
        dict(skipped),
        computed_by([model]),
        tuple(row.faces or 0 for row in scored),
        tuple(row.box for row in scored if row.box is not None),
        tuple("; ".join(row.notes) for row in scored),
        warnings_of(model, color_alone=True),
        **verdicts_of(values, rule, model),
    )


def refuse_other_sensors(model: Detector) -> None:
    """Refuse a detector that needs more than color, where there are photos or clips.

    Raises:
        BadInputError: it does.
    """
    if any(modality not in model.optional and modality != "rgb" for modality in model.modalities):
        raise BadInputError(
            f"{model.card.name} needs {', '.join(model.modalities)}", hint="score a manifest of captures"
        )


def _table(rows: Sequence[PhotoScore], rule: VerdictRule | None, model: Detector) -> dict[str, list[Any]]:
    """Every photo, also those without a score."""
    return {
        "key": [row.key for row in rows],
        "score": [row.score for row in rows],
        **verdict_columns([row.score for row in rows], rule, model),
        "n_faces": [row.faces for row in rows],
        "box": [None if row.box is None else box_text(row.box) for row in rows],
        "notes": ["; ".join((*([row.skipped] if row.skipped else []), *row.notes)) for row in rows],
    }
