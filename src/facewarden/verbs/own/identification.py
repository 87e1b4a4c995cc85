"""Identification on own lists: who is found in a gallery, and how often strangers raise an alarm."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from facewarden.core.compute.computing import computed_by, computes
from facewarden.core.compute.precision import Precision
from facewarden.core.compute.stream import count_workers
from facewarden.core.errors import BadInputError
from facewarden.core.files import write_json
from facewarden.core.guards.lock import hold, locking
from facewarden.core.identity.given import PathLike, labeled, maybe_path, several
from facewarden.core.resolve import RecognizerLike, resolve_aligner, resolve_recognizer
from facewarden.core.seeding import checked_seed
from facewarden.data.alike_names import alike_words
from facewarden.data.own.photo_lists import photos_of_list
from facewarden.data.results import plain
from facewarden.evaluation.own.identification import identify, sides_apart, too_few
from facewarden.scale.record import sharded
from facewarden.verbs.evaluated import Evaluated


@computes
@locking
@sharded("evaluate identification", of="faces", apart=("gallery", "probes", "rank", "fpir", "run", "seed"), out="run")
def evaluate_identification(
    *,
    recognizer: RecognizerLike | Sequence[RecognizerLike] = (),
    gallery: PathLike,
    probes: PathLike,
    rank: Sequence[int] = (1, 5),
    fpir: Sequence[float] = (0.01, 0.1),
    aligner: str = "yunet",
    run: PathLike | None = None,
    seed: int = 0,
    shard: str | None = None,
    device: str = "auto",
    precision: Precision | None = None,
    workers: int = 0,
    batch: int = 32,
    out: PathLike | None = None,
) -> Evaluated:
    """Measure recognizers on your gallery and probes: rank-k, and FNIR at FPIR where strangers are among the probes.

    The threshold of an FPIR is set on the strangers' searches of these probes; its own uncertainty is in no interval.

    Args:
        recognizer: registry names or files with their cards.
        gallery: photos of the enrolled people: a table with the columns file and subject, or one folder per person.
        probes: photos that are searched, in the same form; who is not in the gallery is a stranger.
        rank: how many candidates are looked at.
        fpir: shares of strangers' searches that may find anybody.
        aligner: how faces are found.
        run: folder that keeps the embeddings for the next time.
        seed: of the bootstrap.
        shard: I/N, such as 1/8: only this share of the photos into `run`, and nothing is measured before `merge`.
        device, precision: where and in which precision the recognizers compute, as in score.
        workers, batch: as in `evaluate`.
        out: folder for identification.json.

    Raises:
        BadInputError: no recognizer, lists that cannot be read, or nobody who is on both sides.
    """
    checked_seed(seed)
    count_workers(workers, items=0, batch=batch)
    recognizers: tuple[RecognizerLike, ...] = several(recognizer)
    if not recognizers:
        raise BadInputError("identification needs recognizers", hint="--recognizer mobilefacenet_512")
    if not rank or min(rank) < 1 or not all(0 < one <= 1 for one in fpir):
        raise BadInputError(f"rank {tuple(rank)} and FPIR {tuple(fpir)}", hint="--rank 1 5 --fpir 0.01 0.1")
    folder = maybe_path(out)
    if folder is not None:
        hold(folder)
    resolve_aligner(aligner)
    lists = [photos_of_list(os.fspath(one)) for one in (gallery, probes)]
    *sides, repeated = sides_apart(*(one.photos for one in lists))
    simulated = any(one.simulated for one in lists)
    models = {name: resolve_recognizer(given, device=device) for name, given in labeled(recognizers).items()}
    metrics, skipped = identify(
        models, *sides, ranks=rank, fpirs=fpir, aligner=aligner, run=maybe_path(run), workers=workers, batch=batch,
        seed=seed, simulated=simulated,
    )  # fmt: skip
    skipped = repeated | skipped
    if shard is not None:
        return Evaluated((), None, simulated=simulated, computed=computed_by(list(models.values())))
    strangers = {photo.identity for photo in sides[1]} - {photo.identity for photo in sides[0]}
    asked = sum(photo.identity in strangers for photo in sides[1])
    warnings = (
        too_few(asked, fpir) if strangers else ("all probes show enrolled people, so FNIR at FPIR is not measured",)
    )
    told = alike_words({photo.identity for side in sides for photo in side}, what="People")
    warnings += (told,) if told else ()
    files: tuple[Path, ...] = ()
    if folder is not None:
        files = (write_json(folder / "identification.json", {"metrics": plain(list(metrics)), "skipped": skipped}),)
    return Evaluated(metrics, None, simulated, files, skipped, computed_by(list(models.values())), warnings)
