"""Cloaks measured on one set of photos, whole or a share of the people who cloak."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
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
    if splits < 1:
        raise BadInputError(f"{splits} splits of the photos", hint="--splits 1 or more")
    used: tuple[RecognizerLike, ...] = recognizer or EVALUATION_RECOGNIZERS
    names = {"surrogate": tuple(labeled(surrogate)), "purifier": tuple(labeled(purifier)),
             "recognizer": tuple(labeled(used))}  # fmt: skip
    given = {"dataset": dataset, "cloak": cloak, "tracker": tracker, **names, "users": (users,),
             "skip-people": (skip_people,), "splits": (splits,), "aligner": (aligner,), "seed": (seed,),
             **({} if precision is None else {"precision": (precision,)})}  # fmt: skip
    found = evaluate_cloaking(
        dataset=dataset[0],
        cloak=cloak,
        tracker=tracker,
        surrogate=names["surrogate"],
        purifier=names["purifier"],
        recognizer=names["recognizer"],
        recognizers=labeled((*surrogate, *used)),
        purifiers=labeled(purifier),
        users=users,
        skip_people=skip_people,
        aligner=aligner,
        seeds=tuple(range(seed, seed + splits)),
        run=run,
        workers=workers,
        batch=batch,
        command=f"facewarden evaluate cloaking {_options(given)} --out DIR",
        out=out,
    )
    computed = placement().resolved()
    return Evaluated(found.metrics, None, found.simulated, found.files, found.skipped, computed, found.warnings)


def _options(given: Mapping[str, Iterable[object]]) -> str:
    """Options as they are typed. Results are published: of paths on this machine only the last name is told."""
    words: list[str] = []
    for name, values in given.items():
        told = (re.sub(r"[^\s:\"]*/(?=[^/])", "", str(value)) for value in values)
        words += [f"--{name}", *map(shlex.quote, told)]
    return " ".join(words)
