"""Cloaks measured on one set of photos, whole or a share of the people who cloak."""

from __future__ import annotations

from pathlib import Path

from facewarden.core.compute.computing import computes, placement
from facewarden.core.compute.precision import Precision
from facewarden.core.compute.stream import count_workers
from facewarden.core.errors import BadInputError
from facewarden.core.identity.given import labeled
from facewarden.core.resolve import PurifierLike, RecognizerLike
from facewarden.core.seeding import checked_seed
from facewarden.experiments.cloaking.small_grid import CLOAKED_PEOPLE, evaluate_cloaking
from facewarden.recognizers.parts.ensembles import EVALUATION_RECOGNIZERS
from facewarden.scale.record import sharded
from facewarden.verbs.evaluated import Evaluated


@computes
@sharded("evaluate cloaking", of=CLOAKED_PEOPLE, apart=("dataset", "run", "seed", "splits", "tracker"), out="run")
def evaluate_cloaks(
    *,
    recognizer: tuple[RecognizerLike, ...],
    dataset: tuple[str, ...],
    cloak: tuple[str, ...],
    surrogate: tuple[RecognizerLike, ...],
    purifier: tuple[PurifierLike, ...],
    tracker: tuple[str, ...],
    users: int,
    skip_people: int,
    splits: int,
    aligner: str,
    seed: int,
    shard: str | None = None,
    device: str = "auto",
    precision: Precision | None = None,
    workers: int = 1,
    batch: int = 32,
    run: Path,
    out: Path | None,
) -> Evaluated:
    """Measure how well cloaks protect people from being found.

    Args:
        recognizer: recognizers that the tracker uses, the usual four where there are none.
        dataset: one set.
        cloak, surrogate, purifier, tracker, users, skip_people, splits, aligner, seed, run, out: as in `evaluate`.
        shard: which share of the people who cloak; see `evaluate`.
        device, precision: where and in which precision networks compute.
        workers, batch: as in `evaluate`.
    """
    checked_seed(seed)
    count_workers(workers, items=0, batch=batch)
    if len(dataset) != 1:
        raise BadInputError("cloaking needs one set of photos", hint="--dataset lfw:PATH")
    used: tuple[RecognizerLike, ...] = recognizer or EVALUATION_RECOGNIZERS
    metrics, files, skipped = evaluate_cloaking(
        dataset=dataset[0],
        cloak=cloak,
        surrogate=tuple(labeled(surrogate)),
        purifier=tuple(labeled(purifier)),
        tracker=tracker,
        recognizer=tuple(labeled(used)),
        recognizers=labeled((*surrogate, *used)),
        purifiers=labeled(purifier),
        users=users,
        skip_people=skip_people,
        aligner=aligner,
        seeds=tuple(range(seed, seed + splits)),
        run=run,
        workers=workers,
        batch=batch,
        out=out,
    )
    simulated = any(metric.simulated for metric in metrics)
    return Evaluated(metrics, None, simulated, files, skipped, placement().resolved())
