"""A detector measured on captures, folders of photos or a table of scores, whole or a share of the captures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from facewarden.auditing.request import check_captures
from facewarden.core.compute.computing import computed_by, computes
from facewarden.core.compute.precision import Precision
from facewarden.core.compute.shards import note_input, shard_call
from facewarden.core.compute.stream import count_workers
from facewarden.core.errors import BadInputError, FacewardenError
from facewarden.core.identity.given import PathLike
from facewarden.core.identity.inputs import hash_of
from facewarden.core.resolve import DetectorLike, resolve_detector
from facewarden.core.seeding import checked_seed
from facewarden.data.captures import open_captures
from facewarden.data.manifest import share_of
from facewarden.evaluation.presentation import measure_presentation
from facewarden.evaluation.scores import Scores, absent_words, score_manifest
from facewarden.evaluation.verdicts.default_detector import choose_detector
from facewarden.metrics.pad import check_policy
from facewarden.scale.record import sharded
from facewarden.verbs.evaluated import Evaluated
from facewarden.verbs.own.folders import folder_paths, given_captures, photo_gate


@computes
@sharded("evaluate presentation", of="captures", apart=("captures", "scores", "bona_fide", "attacks", "mapping"))
def evaluate_presentation(
    *,
    captures: Path | None,
    bona_fide: PathLike | Sequence[PathLike] = (),
    attacks: PathLike | Sequence[PathLike] = (),
    mapping: PathLike | None = None,
    subject: str = "auto",
    quality: str = "off",
    scores: Path | None,
    detector: DetectorLike,
    policy: str,
    seed: int,
    shard: str | None = None,
    device: str = "auto",
    precision: Precision | None = None,
    workers: int = 1,
    batch: int = 32,
    out: Path | None,
) -> Evaluated:
    """Measure a detector on a manifest's test split with the threshold of its development split.

    Args:
        captures: manifest to score, or NAME:PATH of a published set; or
        bona_fide, attacks, mapping, subject, quality: folders of photos, see `evaluate`; or
        scores: table that `facewarden score --out` wrote for a manifest.
        detector: which detector, where captures are given; auto as in `evaluate`.
        policy: how the threshold is set.
        seed: of the bootstrap.
        shard: which share of the captures; see `evaluate`.
        device, precision: where and in which precision the detector computes.
        workers, batch: as in `evaluate`.
        out: folder for scores.parquet and decision.json.
    """
    checked_seed(seed)
    count_workers(workers, items=0, batch=batch)
    computed: dict[str, str] = {}
    absent: tuple[str, ...] = ()
    folders = bool(folder_paths(bona_fide) or folder_paths(attacks))
    if (captures is None and not folders) == (scores is None):
        raise BadInputError(
            "give captures, folders of photos, or --scores",
            hint="--captures M.csv, --bona-fide DIR --attacks DIR, or --scores S.csv",
        )
    check_policy(policy)
    notes: tuple[str, ...] = ()
    if scores is None:
        choice = choose_detector(detector, captures, photos=folders)
        detector, notes = choice.detector, choice.notes
    model = resolve_detector(detector) if folders else None
    captures = given_captures(captures, [] if model is None else [model], bona_fide=bona_fide, attacks=attacks,
                              mapping=mapping, subject=subject, seed=seed,
                              gate=photo_gate(quality, folders=(bona_fide, attacks)))  # fmt: skip
    if captures is not None:
        manifest = open_captures(captures).where(split=("dev", "test"))
        check_captures(manifest)
        model = resolve_detector(detector) if model is None else model
        note_input("detector", hash_of(model.card.identity()))
        absent = absent_words(model, manifest)
        found, computed = score_manifest(model, share_of(manifest), workers=workers, batch=batch), computed_by([model])
        if (call := shard_call("captures")) is not None:
            assert out is not None  # `sharded` asks for it
            call.more["source"] = found.source
            found.write(out / "scores.parquet")
            return Evaluated((), None, found.simulated, (out / "scores.parquet",), dict(found.skipped), computed,
                             notes)  # fmt: skip
    else:
        assert scores is not None
        if shard is not None:
            raise BadInputError("scores are measured whole", hint="--scores without --shard")
        found = Scores.read(scores, source=scores.stem)
    try:
        measured = measure_presentation(found, policy=policy, seed=seed, rounds=1000, absent=absent)
    except FacewardenError as error:  # it knows the set by its short name
        told = error.message.removeprefix(f"{found.source}: ")
        raise type(error)(f"{captures or scores}: {told}", hint=error.hint) from error
    files: tuple[Path, ...] = ()
    if out is not None:
        files = (out / "scores.parquet", out / "decision.json")
        found.write(files[0])
        measured.rule.write(files[1])
    return Evaluated(
        measured.section.metrics,
        measured.rule,
        found.simulated,
        files,
        dict(found.skipped),
        computed,
        (*notes, *measured.warnings),
    )
