"""Fit a sum of evidence: every number that calibrates a term is of a domain and of a group of species it never saw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from facewarden.core.errors import BadInputError
from facewarden.core.seeding import derive
from facewarden.metrics.pad import auc
from facewarden.nn.evidence.calibration import (
    balanced_weights,
    calibrated,
    largest_ratio,
    logistic,
    minimax_threshold,
)
from facewarden.nn.evidence.dual_ridge import DualRidge, folds_of
from facewarden.nn.evidence.head import SUBSETS, EvidenceSum
from facewarden.nn.evidence.one_class import expectation_of, typical_places
from facewarden.nn.evidence.terms import Term
from facewarden.nn.floors.ridge import STRENGTHS, scaling_of

Rows = NDArray[np.float32]
Numbers = NDArray[np.float64]
Labels = NDArray[np.int64]

ALL = ""
"""Held-out group that holds out nothing."""
_FEWEST_DOMAINS = 3


@dataclass(frozen=True)
class EvidenceSettings:
    """What is chosen before a fit.

    Attributes:
        pull: how strongly the weights of the terms are pulled toward `toward`.
        toward: weight of every term before anything was seen; 1 would take them for independent.
        clip: whether log-likelihood ratios are limited to what the rows support.
        hold_out_species: whether terms are calibrated on groups of species that they did not see.
    """

    pull: float = 0.01
    toward: float = 0.3
    clip: bool = True
    hold_out_species: bool = True


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Scores of rows by terms that saw neither their domain nor, of attacks, their group.

    A bona fide row occurs once for every held-out group, scored by what the attacks of that group are scored by.

    Attributes:
        row: (m,) place in the training rows.
        label: (m,).
        domain, group: (m,) of what was held out.
        scores: (m, terms), NaN where a term says nothing.
    """

    row: NDArray[np.int64]
    label: Labels
    domain: tuple[str, ...]
    group: tuple[str, ...]
    scores: Numbers


def fit_evidence(
    head: EvidenceSum,
    blocks: Sequence[Rows],
    labels: Labels,
    *,
    domains: Sequence[str],
    groups: Sequence[str],
    subjects: Sequence[str],
    settings: EvidenceSettings,
) -> dict[str, Any]:
    """Fit every term, its calibration, the weights and the thresholds, in place.

    Args:
        head: the sum whose buffers are written.
        blocks: (n, width) each, NaN where a sensor is absent.
        labels: (n,) 1 bona fide, 0 attack.
        domains, groups, subjects: (n,) of each row; bona fide rows and attacks of no group have the group "".
        settings: what is chosen before.

    Returns:
        Per term its strength, calibration and AUC on held-out rows; per set of sensors its weights, its threshold and
        the AUC on held-out rows, for the log.

    Raises:
        BadInputError: one class only, or too few people to hold any out.
    """
    held_domains = pseudo_domains(domains, subjects)
    kinds = sorted({group for group, label in zip(groups, labels.tolist(), strict=True) if label == 0 and group})
    held_groups = kinds if settings.hold_out_species and len(kinds) > 1 else [ALL]
    index = _index(labels, held_domains, groups, held_groups)
    columns, log = [], []
    for term, layer in zip(head.terms, head.layers, strict=True):
        chosen = [blocks[block] for block in term.blocks]
        known = np.asarray(np.isfinite(np.concatenate(chosen, axis=1)).all(axis=1))
        fitted = _line if term.kind == "line" else _one_class
        column, about = fitted(term, layer, chosen, known, labels, held_domains, groups, held_groups, index)
        columns.append(column)
        log.append({"term": term.name, **about})
    held = HeldOut(
        row=index.row, label=labels[index.row], domain=tuple(held_domains[i] for i in index.row.tolist()),
        group=index.group, scores=np.stack(columns, axis=1),
    )  # fmt: skip
    calibrations, ratios, share = _calibrate(head, held, settings=settings)
    for one, about in zip(calibrations, log, strict=True):
        about.update(one)
    sensors = _combine(head, held, ratios, share, settings=settings)
    return {"terms": log, "sensors": sensors, "held_out_groups": held_groups, "held_out_rows": int(held.row.size)}


@dataclass(frozen=True, eq=False)
class _Index:
    row: NDArray[np.int64]
    group: tuple[str, ...]


def _index(labels: Labels, domains: Sequence[str], groups: Sequence[str], held: Sequence[str]) -> _Index:
    rows: list[int] = []
    names: list[str] = []
    for group in held:
        for i, label in enumerate(labels.tolist()):
            if label == 1 or group == ALL or groups[i] == group or (not groups[i] and group == held[0]):
                rows.append(i)
                names.append(group)
    return _Index(np.array(rows, np.int64), tuple(names))


def pseudo_domains(domains: Sequence[str], subjects: Sequence[str]) -> list[str]:
    """The domains; where there are fewer than three, people of each are parted so that enough can be held out.

    Raises:
        BadInputError: too few people for that.
    """
    if len(set(domains)) >= _FEWEST_DOMAINS:
        return list(domains)
    found = [
        f"{domain} {derive(0, 'part', subject) % _FEWEST_DOMAINS}"
        for domain, subject in zip(domains, subjects, strict=True)
    ]
    if len(set(found)) < 2:
        raise BadInputError(
            f"{len(set(subjects))} people in {len(set(domains))} domain cannot be held out of each other",
            hint="captures of more people or domains",
        )
    return found


def _line(
    term: Term, layer: Any, chosen: list[Rows], known: NDArray[np.bool_], labels: Labels, domains: Sequence[str],
    groups: Sequence[str], held_groups: Sequence[str], index: _Index,
) -> tuple[Numbers, dict[str, Any]]:  # fmt: skip
    """A ridge that counts every domain and class the same; held-out rows are scored by fits without them."""
    block = np.concatenate(chosen, axis=1)
    scaling = scaling_of(block)
    standard = scaling.of(block)
    fold = folds_of(domains)
    of_group, held = np.asarray(groups), np.asarray(index.group)
    ridge = DualRidge(standard, labels, domains)
    strengths = np.full((len(STRENGTHS), index.row.size), np.nan)
    for number in sorted(set(fold.tolist())):
        mine = (fold[index.row] == number) & known[index.row]
        rows = known & (fold != number)
        if mine.any() and {0, 1} <= set(labels[rows].tolist()):
            for place, strength in enumerate(STRENGTHS):
                strengths[place, mine] = ridge.solve(rows, strength).scores(index.row[mine])
    usable = np.isfinite(strengths[0])
    if not usable.any():
        raise BadInputError(
            f"{term.name}: too few domains have bona fide and attack rows", hint="captures of both classes"
        )
    areas = [auc(row[usable], labels[index.row][usable]) for row in strengths]
    best = max(range(len(areas)), key=lambda place: (areas[place], STRENGTHS[place]))
    scores = strengths[best] if held_groups == [ALL] else np.full(index.row.size, np.nan)
    for number in sorted(set(fold.tolist())) if held_groups != [ALL] else ():
        for group in held_groups:
            mine = (fold[index.row] == number) & (held == group) & known[index.row]
            rows = known & (fold != number) & ((labels == 1) | (of_group != group))
            if mine.any() and {0, 1} <= set(labels[rows].tolist()):
                scores[mine] = ridge.solve(rows, STRENGTHS[best]).scores(index.row[mine])
    weight, intercept = ridge.solve(known, STRENGTHS[best]).line()
    _write(layer, mean=scaling.mean, deviation=scaling.deviation, weight=weight, intercept=intercept)
    return scores, {"strength": STRENGTHS[best]}


def _one_class(
    term: Term, layer: Any, chosen: list[Rows], known: NDArray[np.bool_], labels: Labels, domains: Sequence[str],
    groups: Sequence[str], held_groups: Sequence[str], index: _Index,
) -> tuple[Numbers, dict[str, Any]]:  # fmt: skip
    """What the bona fide captures of the other domains let expect; no attack is used, so no group needs holding out."""
    del groups, held_groups
    where = np.asarray(domains)
    row_scores = np.full(labels.size, np.nan)

    def scorer(rows: NDArray[np.bool_]) -> Any:
        if term.kind == "expected":
            return expectation_of(chosen[0][rows], chosen[1][rows])
        return typical_places(chosen[0][rows].reshape(int(rows.sum()), term.places, -1))

    def scored(fitted: Any, rows: NDArray[np.bool_]) -> Numbers:
        read = (
            [chosen[0][rows], chosen[1][rows]]
            if term.kind == "expected"
            else [chosen[0][rows].reshape(int(rows.sum()), term.places, -1)]
        )
        return np.asarray(fitted.score(*read), np.float64)

    for name in sorted(set(domains)):
        inside, others = known & (where == name), known & (where != name) & (labels == 1)
        if inside.any() and others.sum() > 1:
            row_scores[inside] = scored(scorer(others), inside)
    final = scorer(known & (labels == 1))
    if term.kind == "expected":
        _write(layer, mean=final.source_mean, deviation=final.source_deviation, line=final.line,
               level=final.target_mean, whitening=final.whitening)  # fmt: skip
    else:
        _write(layer, mean=final.mean, whitening=final.whitening)
    return row_scores[index.row], {"bona_fide": int((known & (labels == 1)).sum())}


def _calibrate(
    head: EvidenceSum, held: HeldOut, *, settings: EvidenceSettings
) -> tuple[list[dict[str, Any]], Numbers, Numbers]:
    """Slopes, offsets and limits from rows that the terms did not see; their ratios, and the weights of the rows."""
    weights = balanced_weights(held.label, [f"{d} {g}" for d, g in zip(held.domain, held.group, strict=True)])
    ratios = np.zeros_like(held.scores)
    about = []
    for place in range(held.scores.shape[1]):
        column = held.scores[:, place]
        usable = np.isfinite(column)
        if len(set(held.label[usable].tolist())) < 2:
            _set(head, place, slope=0.0, offset=0.0, limit=0.0)
            about.append({"slope": 0.0, "offset": 0.0, "limit": 0.0, "held_out_auc": None})
            continue
        share = weights[usable] / weights[usable].sum()
        slope, offset = calibrated(column[usable], held.label[usable], share)
        rarer = min(int((held.label[usable] == label).sum()) for label in (0, 1))
        limit = largest_ratio(rarer) if settings.clip else 1e6
        ratios[usable, place] = np.clip(slope * column[usable] + offset, -limit, limit)
        _set(head, place, slope=slope, offset=offset, limit=limit)
        about.append({"slope": slope, "offset": offset, "limit": limit,
                      "held_out_auc": auc(column[usable], held.label[usable])})  # fmt: skip
    return about, ratios, weights


def _combine(
    head: EvidenceSum, held: HeldOut, ratios: Numbers, share: Numbers, *, settings: EvidenceSettings
) -> dict[str, dict[str, Any]]:
    """For every set of sensors the weights of its terms, and the threshold of the least worst domain and group."""
    where = [f"{domain} {group}" for domain, group in zip(held.domain, held.group, strict=True)]
    found, weights, thresholds = {}, np.zeros((len(SUBSETS), ratios.shape[1])), []
    for place, sensors in enumerate(SUBSETS):
        says = np.array([set(term.needs) <= set(sensors) for term in head.terms])
        if says.any():
            toward = np.full(int(says.sum()), settings.toward)
            weights[place, says], _ = logistic(
                ratios[:, says], held.label, share, pull=settings.pull, toward=toward, lowest=0.0
            )
        total = ratios @ weights[place]
        thresholds.append(minimax_threshold(total, held.label, where))
        found["+".join(sensors)] = {
            "threshold": thresholds[-1],
            "held_out_auc": auc(total, held.label),
            "weights": {term.name: float(weights[place, k]) for k, term in enumerate(head.terms) if says[k]},
        }
    _write(head, weight=weights.astype(np.float32), threshold=np.array(thresholds, np.float32))
    return found


def _set(head: EvidenceSum, place: int, *, slope: float, offset: float, limit: float) -> None:
    for name, value in (("slope", slope), ("offset", offset), ("limit", limit)):
        head.get_buffer(name)[place] = value


def _write(layer: torch.nn.Module, **values: Any) -> None:
    with torch.no_grad():
        for name, value in values.items():
            layer.get_buffer(name).copy_(torch.as_tensor(value))
