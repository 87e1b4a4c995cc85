"""Scores of a detector over a manifest, kept as Parquet: nothing scored is ever scored twice by accident."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from facewarden.core.errors import BadInputError
from facewarden.core.progress import track
from facewarden.core.roles import Detector
from facewarden.data.loading import Skipped, iter_batches
from facewarden.data.manifest import Manifest
from facewarden.data.table import read_table, write_table

_COLUMNS = ("key", "score", "label", "species", "subject", "domain", "split", "illumination")


@dataclass(frozen=True, eq=False)
class Scores:
    """Scores with what is known of each sample; every column is `(n,)`.

    Attributes:
        key, species, subject, domain, split, illumination: text, illumination empty where unknown.
        score: logits, higher = more bona fide.
        label: 1 = bona fide, 0 = attack.
        source: name of the set.
        simulated: whether any sample was rendered.
        skipped: reason -> how many samples could not be scored.
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
        return Scores(**columns, source=self.source, simulated=self.simulated, skipped=self.skipped)

    def write(self, path: Path) -> None:
        """Write the rows as Parquet or CSV."""
        columns = {name: getattr(self, name) for name in _COLUMNS}
        write_table(path, {**columns, "simulated": [self.simulated] * len(self)})

    @classmethod
    def read(cls, path: Path, *, source: str, skipped: Mapping[str, int] | None = None) -> Scores:
        """Read rows that `write` wrote.

        Raises:
            BadInputError: a column is missing.
        """
        table = read_table(path)
        missing = [name for name in (*_COLUMNS, "simulated") if name not in table]
        if missing:
            raise BadInputError(
                f"{path}: no column {', '.join(missing)} (found: {', '.join(table)})",
                hint="facewarden score writes such files",
            )
        try:
            return cls(
                key=_text(table["key"]),
                score=np.array(table["score"], dtype=np.float64),
                label=np.array(table["label"], dtype=np.int64),
                **{name: _text(table[name]) for name in ("species", "subject", "domain", "split", "illumination")},
                source=source,
                simulated=any(str(value).lower() == "true" for value in table["simulated"]),
                skipped=dict(skipped or {}),
            )
        except (TypeError, ValueError) as error:
            raise BadInputError(f"{path}: {error}", hint="score and label must be numbers in every row") from error


def rows_of_split(scores: Scores, split: str) -> Scores:
    """The rows of a split that must hold both classes, since a threshold or an error rate needs them.

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
    return rows


def _text(values: list[Any]) -> NDArray[Any]:
    return np.array(["" if value is None else str(value) for value in values], dtype=np.str_)


def score_manifest(detector: Detector, manifest: Manifest, *, batch: int = 32, label: str = "scoring") -> Scores:
    """Score every capture of a manifest; unreadable ones are counted by reason.

    Raises:
        BadInputError: nothing could be scored.
    """
    skipped: list[Skipped] = []
    kept, scores = [], []
    by_key = {sample.key: sample for sample in manifest}
    batches = iter_batches(
        manifest, batch, root=manifest.root, modalities=detector.modalities, on_error="skip", skipped=skipped
    )
    for found in track(batches, label=label, total=len(manifest), unit="captures", size=len):
        with torch.inference_mode():
            scores += detector(found).score.double().tolist()
        kept += [by_key[key] for key in found.key]
    if not kept:
        if not len(manifest):
            raise BadInputError(
                f"{manifest.name}: no row of the wanted splits", hint="the column split says train, dev or test"
            )
        raise BadInputError(
            f"{manifest.name}: none of {len(manifest)} captures could be scored: {_reasons(skipped)}",
            hint="facewarden data check MANIFEST names the files",
        )
    return Scores(
        key=_text([s.key for s in kept]),
        score=np.array(scores, dtype=np.float64),
        label=np.array([s.label for s in kept], dtype=np.int64),
        species=_text([s.species for s in kept]),
        subject=_text([s.subject for s in kept]),
        domain=_text([s.domain for s in kept]),
        split=_text([s.split for s in kept]),
        illumination=_text([s.illumination for s in kept]),
        source=manifest.name,
        simulated=manifest.simulated,
        skipped=_reasons(skipped),
    )


def _reasons(skipped: list[Skipped]) -> dict[str, int]:
    """Reason -> count, without the names of files and samples."""
    names = ((item, f"sample {item.key!r}") for item in skipped)
    return dict(Counter(item.reason.removeprefix(item.path).removeprefix(name).lstrip(": ") for item, name in names))
