"""Fit a sum of evidence: every number that calibrates a term is of a domain and of a group of species it never saw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

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
from facewarden.nn.evidence.one_class import fit_expected, fit_typical
from facewarden.nn.evidence.terms import Expected, Line, Term, Typical, write
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


@dataclass(frozen=True, eq=False)
class FitRows:
    """The rows of a fit, and those that are scored without having been seen.

    Attributes:
        blocks: (n, width) each, NaN where a sensor is absent.
        labels: (n,) 1 bona fide, 0 attack.
        domains, groups: (n,); bona fide rows and attacks of no group have the group "".
        held_groups: of species, each held out once; "" alone where none is.
        row, held: (m,) the row that is scored, and the group that its fits did not see.
    """

    blocks: Sequence[Rows]
    labels: Labels
    domains: NDArray[Any]
    groups: NDArray[Any]
    held_groups: tuple[str, ...]
    row: NDArray[np.int64]
    held: NDArray[Any]

    @classmethod
    def of(
        cls, blocks: Sequence[Rows], labels: Labels, domains: Sequence[str], groups: Sequence[str], *, hold_out: bool
    ) -> FitRows:
        """Every bona fide row once for each held-out group, every attack once.

        Args:
            blocks, labels, domains, groups: as of the class.
            hold_out: whether groups of species are held out.
        """
        of_group = np.asarray(groups)
        kinds = sorted({str(group) for group in of_group[labels == 0]} - {ALL})
        names = tuple(kinds) if hold_out and len(kinds) > 1 else (ALL,)
        first = np.where(np.isin(of_group, names), of_group, names[0])  # attacks of no group go with the first
        scored = [np.flatnonzero((labels == 1) | (first == name)) for name in names]
        held = np.repeat(np.array(names), [len(one) for one in scored])
        return cls(blocks, labels, np.asarray(domains), of_group, names, np.concatenate(scored), held)


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
        blocks, labels, groups: of the rows, as of `FitRows`.
        domains, subjects: (n,) of each row.
        settings: what is chosen before.

    Returns:
        Per term its strength, calibration and AUC on held-out rows; per set of sensors its weights, its threshold and
        the AUC on held-out rows, for the log.

    Raises:
        BadInputError: one class only, or too few people to hold any out.
    """
    rows = FitRows.of(blocks, labels, pseudo_domains(domains, subjects), groups, hold_out=settings.hold_out_species)
    columns, log = [], []
    for term, layer in zip(head.terms, head.layers, strict=True):
        column, about = _line(term, layer, rows) if isinstance(layer, Line) else _one_class(term, layer, rows)
        columns.append(column)
        log.append({"term": term.name, **about})
    held = HeldOut(
        row=rows.row, label=labels[rows.row], domain=tuple(rows.domains[rows.row].tolist()),
        group=tuple(rows.held.tolist()), scores=np.stack(columns, axis=1),
    )  # fmt: skip
    calibrations, ratios, share = _calibrate(head, held, settings=settings)
    for one, about in zip(calibrations, log, strict=True):
        about.update(one)
    sensors = _combine(head, held, ratios, share, settings=settings)
    return {"terms": log, "sensors": sensors, "held_out_groups": list(rows.held_groups), "held_out_rows": len(rows.row)}


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


def _known(blocks: Sequence[Rows]) -> NDArray[np.bool_]:
    """Rows whose sensors are all there."""
    return np.asarray(np.all([np.isfinite(block).all(axis=1) for block in blocks], axis=0))


def _line(term: Term, layer: Line, rows: FitRows) -> tuple[Numbers, dict[str, Any]]:
    """A ridge that counts every domain and class the same; held-out rows are scored by fits without them."""
    chosen = [rows.blocks[block] for block in term.blocks]
    known, block = _known(chosen), np.concatenate(chosen, axis=1)
    scaling = scaling_of(block)
    ridge = DualRidge(scaling.of(block), rows.labels, rows.domains.tolist())
    fold = folds_of(rows.domains.tolist())

    def held_out(strength: float, *, species: bool) -> Numbers:
        scores = np.full(rows.row.size, np.nan)
        for number in np.unique(fold):
            for group in rows.held_groups if species else (ALL,):
                mine = (fold[rows.row] == number) & known[rows.row]
                train = known & (fold != number)
                if species and group != ALL:
                    mine &= rows.held == group
                    train &= (rows.labels == 1) | (rows.groups != group)
                if mine.any() and {0, 1} <= set(rows.labels[train].tolist()):
                    scores[mine] = ridge.solve(train, strength).scores(rows.row[mine])
        return scores

    tried = [held_out(strength, species=False) for strength in STRENGTHS]
    usable = np.isfinite(tried[0])
    if not usable.any():
        raise BadInputError(
            f"{term.name}: too few domains have bona fide and attack rows", hint="captures of both classes"
        )
    areas = [auc(scores[usable], rows.labels[rows.row][usable]) for scores in tried]
    best = max(range(len(areas)), key=lambda place: (areas[place], STRENGTHS[place]))
    weight, intercept = ridge.solve(known, STRENGTHS[best]).line()
    write(layer, mean=scaling.mean, deviation=scaling.deviation, weight=weight, intercept=intercept)
    scores = tried[best] if rows.held_groups == (ALL,) else held_out(STRENGTHS[best], species=True)
    return scores, {"strength": STRENGTHS[best]}


def _one_class(term: Term, layer: nn.Module, rows: FitRows) -> tuple[Numbers, dict[str, Any]]:
    """What the bona fide captures of the other domains let expect; no attack is used, so no group needs holding out."""
    chosen = [rows.blocks[block] for block in term.blocks]
    known = _known(chosen)
    bona_fide = known & (rows.labels == 1)

    def fit(where: NDArray[np.bool_]) -> None:
        if isinstance(layer, Expected):
            fit_expected(layer, chosen[0][where], chosen[1][where])
        elif isinstance(layer, Typical):
            fit_typical(layer, chosen[0][where])

    scores = np.full(rows.labels.size, np.nan)
    for name in np.unique(rows.domains):
        inside, others = known & (rows.domains == name), bona_fide & (rows.domains != name)
        if inside.any() and others.sum() > 1:
            fit(others)
            with torch.no_grad():
                scores[inside] = layer(*(torch.from_numpy(block[inside]) for block in chosen)).double().numpy()
    fit(bona_fide)
    return scores[rows.row], {"bona_fide": int(bona_fide.sum())}


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
        rarer = min(len(set(held.row[usable & (held.label == label)].tolist())) for label in (0, 1))
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
    write(head, weight=weights.astype(np.float32), threshold=np.array(thresholds, np.float32))
    return found


def _set(head: EvidenceSum, place: int, *, slope: float, offset: float, limit: float) -> None:
    for name, value in (("slope", slope), ("offset", offset), ("limit", limit)):
        head.get_buffer(name)[place] = value
