"""How good each head of a multitask detector is on captures that it never saw, with intervals."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facewarden.core.batch import FaceBatch
from facewarden.core.compute.finite import NO_SCORE, computed_rows
from facewarden.core.errors import BadInputError, NotFiniteError
from facewarden.core.roles import Detector
from facewarden.core.tasks import ATTRIBUTES, CODES, HEADS, MAPS, known
from facewarden.data.loading import Skipped, iter_batches
from facewarden.data.manifest import Manifest
from facewarden.metrics.intervals import mean_by_subject
from facewarden.metrics.summary import NamedInterval, named_interval

_LOG = logging.getLogger("facewarden")
_AT_ONCE = 32
Rows = NDArray[Any]


def learned_heads(detector: Detector) -> tuple[str, ...]:
    """The heads of a detector whose targets are more than the label."""
    return tuple(head for head in detector.heads if head in HEADS and head != "live")


def measure_heads(detector: Detector, manifest: Manifest, *, seed: int) -> dict[str, Any]:
    """Measure every head on a manifest.

    Args:
        detector: with heads of `facewarden.core.tasks.HEADS`.
        manifest: captures whose targets are known, at least in part.
        seed: of the intervals.

    Returns:
        Head -> list of metrics as JSON values with `simulated`: `accuracy` of `live`, of the codes over all samples and
        over attacks alone, of attributes over bona fide presentations (all together and each) beside `usual`, the
        accuracy of always giving the commoner answer; `error` of maps, the mean absolute difference to the target over
        both classes and over the class that has one, beside `error_of_zeros`, that of an empty map.

    Raises:
        BadInputError: nothing can be read.
    """
    outputs, targets, label, subject = _collect(detector, manifest)
    found: dict[str, list[NamedInterval]] = {}
    for head, target in targets.items():
        here = known(head, target).numpy()
        if here.any():
            pick = torch.from_numpy(here)
            found[head] = _of_head(head, outputs[head][pick], target[pick], label[here], subject[here], seed=seed)
    return {head: [{**asdict(m), "simulated": manifest.simulated} for m in metrics] for head, metrics in found.items()}


def _collect(detector: Detector, manifest: Manifest) -> tuple[dict[str, Tensor], dict[str, Tensor], Rows, Rows]:
    skipped: list[Skipped] = []
    outputs: dict[str, list[Tensor]] = {}
    targets: dict[str, list[Tensor]] = {}
    labels: list[int] = []
    subjects: list[str] = []
    batches = iter_batches(
        manifest, _AT_ONCE, root=manifest.root, modalities=detector.modalities, targets=learned_heads(detector),
        on_error="skip", skipped=skipped, squash=detector.squash,
    )  # fmt: skip
    lost: list[str] = []
    for whole in batches:
        batch, tasks = _answered(detector, whole)
        lost += [key for key in whole.key if key not in set(batch.key)]
        if not len(batch):
            continue
        with torch.inference_mode():
            wanted = detector.targets(batch)
        for head, target in wanted.items():
            outputs.setdefault(head, []).append(tasks[head])
            targets.setdefault(head, []).append(target)
        labels += [] if batch.label is None else batch.label.tolist()
        subjects += batch.subject or ()
    if lost:
        named = ", ".join(lost[:5]) + (f" and {len(lost) - 5} more" if len(lost) > 5 else "")
        _LOG.warning("%s: %d captures are in no rate of a head, %s: %s", manifest.name, len(lost), NO_SCORE, named)
    if not labels:
        raise BadInputError(f"{manifest.name}: nothing to measure on", hint="facewarden data check")
    return (
        {head: torch.cat(parts) for head, parts in outputs.items()},
        {head: torch.cat(parts) for head, parts in targets.items()},
        np.array(labels),
        np.array(subjects),
    )


def _answered(detector: Detector, batch: FaceBatch) -> tuple[FaceBatch, Mapping[str, Tensor]]:
    """The samples to which a detector gives finite numbers, in its score and in every head, and what its heads say."""

    def ask(rows: list[int]) -> Mapping[str, Tensor]:
        part = batch if len(rows) == len(batch) else batch.select(rows)
        tasks: Mapping[str, Tensor] = detector(part).tasks
        finite = [torch.isfinite(values).flatten(1).all(dim=1) for values in tasks.values()]
        bad = ~torch.stack(finite).all(dim=0) if finite else torch.zeros(len(part), dtype=torch.bool)
        if bool(bad.any()):
            raise NotFiniteError("a head gave NaN or infinity", rows=tuple(torch.nonzero(bad).flatten().tolist()))
        return tasks

    with torch.inference_mode():
        rows, tasks = computed_rows(len(batch), ask)
    return (batch if len(rows) == len(batch) else batch.select(rows)), tasks or {}


def _of_head(
    head: str, output: Tensor, target: Tensor, label: Rows, subject: Rows, *, seed: int
) -> list[NamedInterval]:
    def mean(name: str, values: Rows, rows: Rows) -> list[NamedInterval]:
        chosen = rows & ~np.isnan(values)
        if not chosen.any():
            return []
        share = head not in MAPS
        return [named_interval(name, mean_by_subject(values[chosen], subject[chosen], seed=seed, proportion=share))]

    every, attack = np.ones(len(label), bool), label == 0
    if head == "live" or head in CODES:
        hits = (output.argmax(dim=1) == target).double().numpy()
        return mean("accuracy", hits, every) + (mean("accuracy/attacks", hits, attack) if head in CODES else [])
    if head in MAPS:
        owner = label == int(head == "depth_map")
        wrong = _rows_mean((output - target).abs())
        return [
            *mean("error", wrong, every),
            *mean("error/owners", wrong, owner),
            *mean("error_of_zeros/owners", _rows_mean(target.abs()), owner),
        ]
    right = torch.where(torch.isnan(target), torch.nan, ((output > 0) == (target > 0.5)).double()).numpy()
    truth = target.double().numpy()
    share = np.array([_mean(column[~attack]) for column in truth.T])
    usual = np.where(np.isnan(truth), np.nan, (truth > 0.5) == (share > 0.5))
    named = [metric for i, name in enumerate(ATTRIBUTES) for metric in mean(f"accuracy/{name}", right[:, i], ~attack)]
    together = [mean(name, np.array([_mean(row) for row in rows]), ~attack)
                for name, rows in (("accuracy", right), ("usual", usual))]  # fmt: skip
    return [*together[0], *together[1], *named]


def _rows_mean(values: Tensor) -> Rows:
    return np.array([_mean(row) for row in values.flatten(1).double().numpy()])


def _mean(values: Rows) -> float:
    """Mean of what is known; NaN of nothing."""
    there = values[~np.isnan(values)]
    return float(there.mean()) if there.size else float("nan")
