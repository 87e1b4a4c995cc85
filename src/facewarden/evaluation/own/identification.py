"""Identification on own lists: rank-k among enrolled people, and misses at a rate of false alarms of others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from facewarden.core.compute.shards import shard_call
from facewarden.core.errors import BadInputError
from facewarden.core.roles import Recognizer
from facewarden.data.content import without_repeats
from facewarden.data.datasets import FacePhoto
from facewarden.data.text import counted_reasons
from facewarden.evaluation.kept_embeddings import EmbeddedPhotos, embeddings_of
from facewarden.metrics.intervals import Interval, mean_by_subject
from facewarden.metrics.open_set import fpir_threshold, missed, searches
from facewarden.reporting.document import Metric


def identify(
    models: Mapping[str, Recognizer],
    gallery: Sequence[FacePhoto],
    probes: Sequence[FacePhoto],
    *,
    ranks: Sequence[int],
    fpirs: Sequence[float],
    aligner: str,
    run: Path | None,
    workers: int,
    batch: int,
    seed: int,
    simulated: bool = False,
) -> tuple[tuple[Metric, ...], dict[str, int]]:
    """Search probes in a gallery.

    Args:
        models: label -> recognizer.
        gallery: photos of the enrolled people.
        probes: photos that are searched; people who are not in the gallery are searches of strangers.
        ranks: how many candidates are looked at, for the rank-k rate.
        fpirs: rates of strangers' searches that may find anybody.
        aligner, run, workers, batch: as in `embeddings_of`.
        seed: of the bootstrap over people.
        simulated: whether photos of either side were rendered.

    Returns:
        Nothing in a call with a shard of the faces, which only keeps their embeddings; else
        the figures, and reason -> how many photos could not be used.

    Raises:
        BadInputError: nobody is left on both sides.
    """
    metrics: list[Metric] = []
    left_out: Counter[str] = Counter()
    sides = [embeddings_of(side, models, aligner=aligner, run=run, workers=workers, batch=batch)
             for side in (tuple(gallery), tuple(probes))]  # fmt: skip
    if shard_call("faces") is not None:
        return (), {}
    for name in models:
        (one, enrolled), (two, asked) = (
            _usable(side[name], photos) for side, photos in zip(sides, (gallery, probes), strict=True)
        )
        for side in sides:
            left_out.update({f"{what} ({name})": count for what, count in side[name].left_out.items()})
        not_enrolled = np.isin(asked, list({photo.identity for photo in gallery} - set(enrolled.tolist())))
        if not_enrolled.any():  # they are no strangers
            left_out[f"search of a person of whom no photo could be enrolled ({name})"] += int(not_enrolled.sum())
            two, asked = two[~not_enrolled], asked[~not_enrolled]
        mated = asked[np.isin(asked, enrolled)]
        if not mated.size:
            raise BadInputError(
                f"{name}: no photo of an enrolled person is left among the probes: {counted_reasons(left_out)}",
                hint="photos with one visible face of the same people on both sides",
            )
        found = searches(two @ one.T, asked, gallery_ids=enrolled)
        group = {"recognizer": name}
        for rank in ranks:
            hit = mean_by_subject((found.rank <= rank).astype(np.float64), mated, seed=seed)
            metrics.append(_metric(f"rank_{rank}_identification", hit, group, simulated=simulated))
        for fpir in fpirs if len(found.highest) else ():
            threshold = fpir_threshold(found.highest, fpir=fpir)
            lost = mean_by_subject(missed(found, threshold=threshold).astype(np.float64), mated, seed=seed)
            words = f"fnir_at_fpir_{fpir * 100:g}_percent".replace(".", "_")
            found_metric = _metric(words, lost, {**group, "threshold": f"{threshold:.4f}"}, simulated=simulated)
            few = _few(len(found.highest), fpir)
            metrics.append(replace(found_metric, note=f"{found_metric.note}; {few}") if few else found_metric)
    return tuple(metrics), dict(left_out)


def sides_apart(
    gallery: Sequence[FacePhoto], probes: Sequence[FacePhoto]
) -> tuple[list[FacePhoto], list[FacePhoto], dict[str, int]]:
    """A gallery and probes that have no photo in common: any recognizer finds a photo again that it has enrolled.

    Args:
        gallery, probes: as listed.

    Returns:
        Both without copies, byte for byte, of a photo that stands before them, and reason -> how many these were.

    Raises:
        BadInputError: a photo on both sides, or nobody who is searched is enrolled.
    """
    shared = {photo.path.resolve() for photo in gallery} & {photo.path.resolve() for photo in probes}
    if shared:
        raise BadInputError(f"{len(shared)} photos are in the gallery and among the probes", hint="each on one side")
    if not {photo.identity for photo in gallery} & {photo.identity for photo in probes}:
        raise BadInputError("nobody among the probes is in the gallery", hint="the same names of people on both sides")
    different, repeated = without_repeats((*gallery, *probes))
    kept = set(map(id, different))
    one, two = ([photo for photo in side if id(photo) in kept] for side in (gallery, probes))
    if not {photo.identity for photo in one} & {photo.identity for photo in two}:
        raise BadInputError(
            f"no photo of an enrolled person is left among the probes: {counted_reasons(repeated)}",
            hint="other photos of the same people on both sides",
        )
    return one, two, repeated


def too_few(strangers: int, fpirs: Sequence[float]) -> tuple[str, ...]:
    """What a reader must know of rates that so few searches of strangers cannot show."""
    return tuple(told for fpir in fpirs if strangers and (told := _few(strangers, fpir)))


def _few(strangers: int, fpir: float) -> str:
    if strangers * fpir >= 1:
        return ""
    return (
        f"{strangers} searches of strangers are too few for an FPIR of {100 * fpir:g} %: at its threshold none of them "
        "finds anybody"
    )


def _usable(found: EmbeddedPhotos, photos: Sequence[FacePhoto]) -> tuple[np.ndarray, np.ndarray]:
    """Finite vectors and who they show."""
    finite = np.isfinite(found.vectors).all(axis=1)
    people = np.array([photos[row].identity for row in found.rows[finite].tolist()])
    return found.vectors[finite].astype(np.float64), people


def _metric(name: str, found: Interval, group: Mapping[str, str], *, simulated: bool) -> Metric:
    return Metric(name, found.value, found.low, found.high, found.n, simulated, "%", dict(group), found.method)
