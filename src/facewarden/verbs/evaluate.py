"""Evaluation of one model: a detector on captures, or a recognizer on pairs of photos."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from facewarden.core.compute.computing import computes, placement
from facewarden.core.compute.precision import Precision
from facewarden.core.compute.shards import shard_call
from facewarden.core.compute.stream import count_workers
from facewarden.core.errors import BadInputError
from facewarden.core.guards.lock import hold, locking
from facewarden.core.identity.given import PathLike, labeled, maybe_path, several
from facewarden.core.resolve import DetectorLike, PurifierLike, RecognizerLike
from facewarden.core.seeding import checked_seed
from facewarden.evaluation.verification import verify
from facewarden.evaluation.verification_report import verification_metrics, write_verification
from facewarden.recognizers.parts.ensembles import CLOAK_SURROGATES
from facewarden.scale.record import sharded
from facewarden.verbs.evaluate_cloaks import evaluate_cloaks
from facewarden.verbs.evaluate_presentations import evaluate_presentation
from facewarden.verbs.evaluated import Evaluated
from facewarden.verbs.own.folders import folder_paths


@computes
@locking
def evaluate(
    experiment: Literal["presentation", "verification", "cloaking"],
    /,
    *,
    captures: PathLike | None = None,
    bona_fide: PathLike | Sequence[PathLike] = (),
    attacks: PathLike | Sequence[PathLike] = (),
    mapping: PathLike | None = None,
    subject: str = "auto",
    quality: str = "off",
    scores: PathLike | None = None,
    detector: DetectorLike = "auto",
    policy: str = "eer",
    recognizer: RecognizerLike | Sequence[RecognizerLike] = (),
    dataset: PathLike | Sequence[PathLike] = (),
    pairs: PathLike | Sequence[PathLike] = (),
    aligner: str = "yunet",
    cloak: str | Sequence[str] = ("lowkey:8",),
    surrogate: RecognizerLike | Sequence[RecognizerLike] = CLOAK_SURROGATES,
    purifier: PurifierLike | Sequence[PurifierLike] = ("identity", "jpeg"),
    tracker: str | Sequence[str] = ("nearest",),
    users: int = 40,
    skip_people: int = 0,
    splits: int = 1,
    run: PathLike | None = None,
    seed: int = 0,
    shard: str | None = None,
    device: str = "auto",
    precision: Precision | None = None,
    workers: int = 0,
    batch: int = 32,
    out: PathLike | None = None,
) -> Evaluated:
    """Measure one model with intervals and sample counts.

    Args:
        experiment: presentation: a detector on a manifest's test split, threshold from its dev split; verification:
            recognizers on pairs of photos; cloaking: one person at a time cloaks their gallery photos, and trackers
            look for them.
        captures: manifest to score with --detector, or give --scores.
        bona_fide, attacks: instead of captures, folders of photos of each class; faces are found where the detector
            needs them, and the split by subject is written to runs/own.
        mapping, subject: how these folders are read, as in `data_from_folders`.
        quality: refuse makes a non-response of photos of these folders that are small, blurred, turned away, covered or
            show several faces, with limits in braces; off does not look.
        scores: table that facewarden score --out wrote for a manifest.
        detector: registry name, name:PATH, artifact folder or model.onnx with its card; auto takes `color_cnn` where
            there is color alone, and `multi_cnn` elsewhere.
        policy: how the threshold is set: eer, or apcer=0.05.
        recognizer: for verification: registry names or ONNX files with their cards; for cloaking: recognizers that the
            tracker uses, the usual four when left out.
        dataset: for verification, and one for cloaking: orl, scrapshots, lfw:PATH, or a folder with one folder per
            person.
        pairs: for verification: tables of your pairs of photos with the columns first, second and same.
        aligner: for verification and cloaking: how faces are found.
        cloak: for cloaking: ATTACK:LEVEL, such as lowkey:8 or fawkes:high.
        surrogate: for cloaking: recognizers that every cloak is made on together.
        purifier: for cloaking: what the tracker does to its gallery; identity is nothing.
        tracker: for cloaking: nearest, linear, end_to_end or whole_network.
        users: for cloaking: how many people cloak, one at a time.
        skip_people: for cloaking: people of the order excluded before them; on LFW 16, by whom the recipe of puface
            was chosen.
        splits: for cloaking: how many 70/30 splits, by the seed and those that follow it.
        run: for verification and cloaking: folder that keeps what is costly for the next time.
        seed: of the bootstrap.
        shard: I/N, such as 1/8: only this share of the captures, photos or people who cloak, and nothing is measured
            before `merge`; left out, all.
        device: where networks compute, as in score.
        precision: what they compute in, as in score.
        workers: processes that read captures or photos, all cores when 0; no figure depends on it.
        batch: captures or faces that go through a network together.
        out: folder for scores.parquet and decision.json, or verification.json and verification.md.
    """
    run, out = maybe_path(run), maybe_path(out)
    if out is not None:
        hold(out)
    several_sets: tuple[PathLike, ...] = several(dataset)
    sets = tuple(os.fspath(one) for one in several_sets)
    recognizers: tuple[RecognizerLike, ...] = several(recognizer)
    if experiment == "verification":
        return evaluate_verification(
            recognizer=recognizers,
            dataset=sets,
            pairs=folder_paths(pairs),
            aligner=aligner,
            seed=seed,
            shard=shard,
            device=device,
            precision=precision,
            workers=workers,
            batch=batch,
            run=run,
            out=out,
        )
    if experiment == "cloaking":
        return evaluate_cloaks(
            recognizer=recognizers,
            dataset=sets,
            cloak=several(cloak),
            surrogate=several(surrogate),
            purifier=several(purifier),
            tracker=several(tracker),
            users=users,
            skip_people=skip_people,
            splits=splits,
            aligner=aligner,
            seed=seed,
            shard=shard,
            device=device,
            precision=precision,
            workers=workers,
            batch=batch,
            run=Path("runs/cloaking") if run is None else run,
            out=out,
        )
    return evaluate_presentation(
        captures=maybe_path(captures),
        bona_fide=bona_fide,
        attacks=attacks,
        mapping=mapping,
        subject=subject,
        quality=quality,
        scores=maybe_path(scores),
        detector=detector,
        policy=policy,
        seed=seed,
        shard=shard,
        device=device,
        precision=precision,
        workers=workers,
        batch=batch,
        out=out,
    )


@computes
@sharded("evaluate verification", of="faces", apart=("dataset", "pairs", "run", "seed"), out="run")
def evaluate_verification(
    *,
    recognizer: tuple[RecognizerLike, ...],
    dataset: tuple[str, ...],
    pairs: tuple[Path, ...] = (),
    aligner: str,
    seed: int,
    shard: str | None = None,
    device: str = "auto",
    precision: Precision | None = None,
    workers: int = 1,
    batch: int = 32,
    run: Path | None,
    out: Path | None,
) -> Evaluated:
    """Measure recognizers on pairs of photos.

    Args:
        recognizer: which recognizers.
        dataset: which sets.
        pairs: tables of own pairs.
        aligner: the face finder.
        seed: of the bootstrap.
        shard: which share of the photos; see `evaluate`.
        device, precision: where and in which precision the recognizers compute.
        workers, batch: as in `evaluate`.
        run: folder that keeps the embeddings.
        out: folder for verification.json and verification.md.
    """
    checked_seed(seed)
    count_workers(workers, items=0, batch=batch)
    if not recognizer or not (dataset or pairs):
        raise BadInputError(
            "verification needs recognizers and sets",
            hint="facewarden evaluate verification --recognizer mobilefacenet_512 --dataset orl",
        )
    results = verify(
        recognizer,
        dataset,
        pairs=pairs,
        aligner=aligner,
        seed=seed,
        device=device,
        run=run,
        workers=workers,
        batch=batch,
    )
    if shard_call("faces") is not None:
        return Evaluated((), None, simulated=False, computed=placement().resolved())
    left_out: dict[str, int] = {}
    for reason, count in {result.dataset: result.left_out for result in results}.items():
        left_out |= {f"{what} in {reason}": number for what, number in count.items()}
    files: tuple[Path, ...] = ()
    if out is not None:
        # Results are published: they name a file by its name and a set by its reader, not by this machine's folders.
        models = " ".join(Path(name).name for name in labeled(recognizer))
        sets = " ".join(f"{name.partition(':')[0]}:PATH" if ":" in name else Path(name).name for name in dataset)
        named = f" --dataset {sets}" if sets else ""
        named += f" --pairs {' '.join(path.name for path in pairs)}" if pairs else ""
        command = f"facewarden evaluate verification --recognizer {models}{named} --out DIR"
        files = write_verification(results, out, command=command)
    simulated = any(one.simulated for one in results)
    told = dict.fromkeys(f"{result.dataset}: {note}" for result in results for note in result.notes)
    return Evaluated(
        verification_metrics(results), None, simulated, files, left_out, placement().resolved(), tuple(told)
    )
