"""Scores of a detector over a manifest, kept as Parquet: nothing scored is ever scored twice by accident."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewarden.core.compute.finite import NO_SCORE, scores_of
from facewarden.core.compute.shards import shard_call
from facewarden.core.compute.stream import count_workers
from facewarden.core.errors import BadInputError
from facewarden.core.guards.limits import check_limit
from facewarden.core.progress import track
from facewarden.core.roles import Detector
from facewarden.data.alike_names import alike_words
from facewarden.data.loading import Skipped, iter_batches
from facewarden.data.manifest import Manifest
from facewarden.data.sample import NON_RESPONSE, Sample
from facewarden.data.table import read_table, write_table
from facewarden.data.text import counted_reasons, printable
from facewarden.evaluation.polarity import warn_if_reversed
from facewarden.evaluation.score_table import FILE, NOTE, UnscoredCapture, check_score_rows

_LOG = logging.getLogger("facewarden")
_COLUMNS = ("key", "score", "label", "species", "subject", "domain", "split", "illumination")
_NAMED = 5
_WORTH = 50
"""Captures below which one more process costs more than it gains."""


@dataclass(frozen=True, eq=False)
class Scores:
    """Scores with what is known of each sample; every column is `(n,)`.

    Attributes:
        key, species, subject, domain, split, illumination: text, illumination empty where unknown.
        score: logits, finite, higher = more bona fide.
        label: 1 = bona fide, 0 = attack.
        source: name of the set.
        simulated: whether any sample was rendered.
        skipped: reason -> how many samples could not be scored.
        unscored: these samples; they are written to a table with an empty score and are in no rate.
    """

    key: NDArray[Any]
    score: NDArray[np.float64]
    label: NDArray[np.int64]
    species: NDArray[Any]
    subject: NDArray[Any]
    domain: NDArray[Any]
    split: NDArray[Any]
    illumination: NDArray[Any]
    source: str
    simulated: bool
    skipped: Mapping[str, int] = field(default_factory=dict)
    unscored: tuple[UnscoredCapture, ...] = ()

    def __len__(self) -> int:
        return len(self.key)

    def where(self, *, split: str | None = None, domain: str | None = None) -> Scores:
        """The rows of one split and / or one domain."""
        keep = np.ones(len(self), bool)
        if split is not None:
            keep &= self.split == split
        if domain is not None:
            keep &= self.domain == domain
        return self.take(keep)

    def take(self, rows: NDArray[Any]) -> Scores:
        """Some rows, by mask or position."""
        columns = {name: getattr(self, name)[rows] for name in _COLUMNS}
        return Scores(
            **columns, source=self.source, simulated=self.simulated, skipped=self.skipped, unscored=self.unscored
        )

    def write(self, path: Path, *, more: Mapping[str, Sequence[Any]] | None = None) -> None:
        """Write the rows as Parquet or CSV; captures without a score follow, with an empty score and a note.

        Args:
            path: of the table.
            more: further columns of the rows with a score, such as decisions; empty in the others.
        """
        columns: dict[str, list[Any]] = {name: getattr(self, name).tolist() for name in _COLUMNS}
        for lost in self.unscored:
            for name, values in columns.items():
                values.append(None if name == "score" else lost.about[name])
        table: dict[str, list[Any]] = {**columns, "simulated": [self.simulated] * (len(self) + len(self.unscored))}
        for name, added in (more or {}).items():
            table[name] = [*added, *[None] * len(self.unscored)]
        if self.unscored:
            table[NOTE] = [""] * len(self) + [lost.reason for lost in self.unscored]
            table[FILE] = [""] * len(self) + [lost.file for lost in self.unscored]
        write_table(path, table)

    @classmethod
    def read(cls, path: Path, *, source: str, skipped: Mapping[str, int] | None = None) -> Scores:
        """Read rows that `write` wrote, or that another program wrote with these columns.

        Args:
            path: the table.
            source: name of the set.
            skipped: reasons that are known besides those in the table.

        Raises:
            BadInputError: a column is missing, or a row is refused as in `check_score_rows`.
        """
        table = read_table(path)
        found = check_score_rows(path, table)
        left_out = Counter(lost.reason for lost in found.unscored)
        if found.repeated:
            left_out["row that repeats an earlier one, counted once"] += found.repeated
        say_unscored(found.unscored, of=len(found.score) + len(found.unscored), where=printable(path))
        _say_doubtful(table, [str(row["subject"]) for row in found.about], where=printable(path))
        return cls(
            score=np.array(found.score, dtype=np.float64),
            label=np.array([row["label"] for row in found.about], dtype=np.int64),
            **{
                name: _text([row[name] for row in found.about], where=printable(path))
                for name in ("key", "species", "subject", "domain", "split", "illumination")
            },
            source=source,
            simulated=found.simulated,
            skipped={**dict(left_out), **dict(skipped or {})},
            unscored=tuple(found.unscored),
        )


def say_unscored(unscored: Sequence[UnscoredCapture], *, of: int, where: str) -> None:
    """Name the captures that have no score, in a warning."""
    if unscored:
        named = [f"{lost.about['key']} ({lost.file or lost.reason})" for lost in unscored[:_NAMED]]
        more = f" and {len(unscored) - _NAMED} more" if len(unscored) > _NAMED else ""
        _LOG.warning(
            "%s: %d of %d captures have no score and are in no rate: %s%s", where, len(unscored), of,
            ", ".join(named), more,
        )  # fmt: skip


def _say_doubtful(table: Mapping[str, Sequence[Any]], subjects: Sequence[str], *, where: str) -> None:
    """Warn of people that are probably one, and of scores of several detectors, which no threshold fits."""
    models = sorted({str(name) for name in table.get("model", ()) if name})
    if len(models) > 1:
        _LOG.warning(
            "%s: the column model names %d detectors (%s): scores of one detector alone have a threshold in common",
            where, len(models), printable(", ".join(models[:_NAMED])),
        )  # fmt: skip
    if told := alike_words(set(subjects), what="Subjects"):
        _LOG.warning("%s: %s", where, told)


def absent_words(detector: Detector, manifest: Manifest) -> tuple[str, ...]:
    """What a reader must be told of captures without a sensor that the detector reads; empty where there are none.

    Args:
        detector: that scores, with the other sensors alone where it can.
        manifest: the captures.
    """
    return tuple(
        f"{lost} of {len(manifest)} captures have no {name}, which {detector.card.name} also reads: their scores rest "
        "on the other sensors"
        for name in detector.modalities
        if name in detector.optional and (lost := sum(row.path(name) is None for row in manifest))
    )


def rows_of_split(scores: Scores, split: str) -> Scores:
    """The rows of a split that must hold both classes, since a threshold or an error rate needs them.

    A warning is given where the rows that set a threshold look reversed.

    Raises:
        BadInputError: it does not; the message says which split lacks what.
    """
    rows = scores.where(split=split)
    lacking = [what for label, what in ((1, "bona fide"), (0, "attack")) if not (rows.label == label).any()]
    if lacking:
        skips = f" ({sum(scores.skipped.values())} captures could not be read)" if scores.skipped else ""
        raise BadInputError(
            f"{scores.source}: no {' and no '.join(lacking)} row in split {split}{skips}",
            hint="the threshold is set on dev and measured on test, each with bona fide and attack rows",
        )
    if split == "dev":
        warn_if_reversed(rows.score, rows.label, subject=rows.subject, where=f"{scores.source}, split dev")
    return rows


def _text(values: Sequence[Any], *, where: str) -> NDArray[Any]:
    texts = ["" if value is None else str(value) for value in values]
    # numpy gives every row the space of the longest one: a single key of a million letters would need gigabytes
    check_limit("key_letters", max(map(len, texts), default=0), what=f"{where}: a key or another name")
    return np.array(texts, dtype=np.str_)


def score_manifest(
    detector: Detector, manifest: Manifest, *, batch: int = 32, label: str = "scoring", workers: int = 1
) -> Scores:
    """Score every capture of a manifest; unreadable ones, and those without a finite score, are named and counted.

    Args:
        detector: that scores, in this process.
        manifest: the captures.
        batch: captures that go through the network together.
        label: of the progress.
        workers: processes that read the captures, all cores when 0; no score depends on it.

    Raises:
        BadInputError: nothing could be scored.
    """
    skipped: list[Skipped] = []
    kept: list[Sample] = []
    scores: list[float] = []
    by_key = {sample.key: sample for sample in manifest}
    asked = replace(manifest, rows=tuple(row for row in manifest if NON_RESPONSE not in row.extra))
    silent = [row for row in manifest if NON_RESPONSE in row.extra]
    skipped += [Skipped(row.key, _first_file(manifest, row), row.extra[NON_RESPONSE]) for row in silent]
    batches = iter_batches(
        asked, batch, root=manifest.root, modalities=detector.modalities, on_error="skip", skipped=skipped,
        squash=detector.squash, workers=count_workers(workers, items=len(manifest), worth=_WORTH),
    )  # fmt: skip
    for found in track(batches, label=label, total=len(asked), unit="captures", size=len):
        for key, score in zip(found.key, scores_of(detector, found).tolist(), strict=True):
            if np.isfinite(score):
                kept.append(by_key[key])
                scores.append(score)
            else:
                skipped.append(Skipped(key, _first_file(manifest, by_key[key]), NO_SCORE))
    if not kept and shard_call("captures") is None:
        if not len(manifest):
            raise BadInputError(
                f"{manifest.name}: no row of the wanted splits", hint="the column split says train, dev or test"
            )
        raise BadInputError(
            f"{manifest.name}: none of {len(manifest)} captures could be scored: {counted_reasons(_reasons(skipped))}",
            hint="facewarden data check MANIFEST names the files",
        )
    about = [_about(sample) for sample in kept]
    unscored = tuple(UnscoredCapture(_about(by_key[item.key]), _reason(item), item.path) for item in skipped)
    # those that cannot be read were named by the reader
    say_unscored([lost for lost in unscored if lost.reason == NO_SCORE], of=len(manifest), where=manifest.name)
    return Scores(
        score=np.array(scores, dtype=np.float64),
        label=np.array([row["label"] for row in about], dtype=np.int64),
        **{
            name: _text([row[name] for row in about], where=manifest.name)
            for name in ("key", "species", "subject", "domain", "split", "illumination")
        },
        source=manifest.name,
        simulated=manifest.simulated,
        skipped=_reasons(skipped),
        unscored=unscored,
    )


def _about(sample: Sample) -> dict[str, str | int]:
    return {
        "key": sample.key,
        "label": sample.label,
        "species": sample.species,
        "subject": sample.subject,
        "domain": sample.domain,
        "split": sample.split,
        "illumination": sample.illumination or "",
    }


def _first_file(manifest: Manifest, sample: Sample) -> str:
    paths = (manifest.path(sample, name) for name in sample.modalities)
    return next((printable(path) for path in paths if path is not None), "")


def _reason(item: Skipped) -> str:
    """Why, without the names of the file and the sample."""
    return item.reason.removeprefix(item.path).removeprefix(f"sample {item.key!r}").lstrip(": ")


def _reasons(skipped: Sequence[Skipped]) -> dict[str, int]:
    """Reason -> count."""
    return dict(Counter(map(_reason, skipped)))
