"""Transfer of one step between the networks of a `sfa_senses` plan, plain and with SFA."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewarden.experiments.engine.kind import CellResult
from facewarden.experiments.sfa_senses.arm_results import ArmResults
from facewarden.experiments.sfa_senses.gains import BOTH, LABELS
from facewarden.experiments.sfa_senses.settings import MAIN, PLAIN, SensesPlan
from facewarden.experiments.vulnerability.inputs import as_mask
from facewarden.metrics.intervals import mean_by_subject
from facewarden.metrics.paired import paired_bootstrap_difference

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class TransferRow:
    """Success on a victim.

    Attributes:
        cells: of the table.
        plain: the same as JSON values.
    """

    cells: tuple[str, ...]
    plain: dict[str, Any]


def transfer_rows(plan: SensesPlan, found: ArmResults, results: Sequence[CellResult]) -> Iterator[TransferRow]:
    """One row for each source, head, budget, victim and direction."""
    order = {key: number for number, key in enumerate(found.keys)}
    for result in results:
        settings, value = result.cell.settings, result.value
        if settings["do"] != "transfer":
            continue
        for eps in settings["eps"]:
            for victim, columns in value["victims"].items():
                masks = {name: as_mask(value["key"], columns[name], order)
                         for name in ("right", *(f"{eps:g}|{arm}" for arm in (PLAIN, MAIN)))}  # fmt: skip
                for direction in BOTH:
                    rows = masks["right"] & (found.label == LABELS[direction])
                    if rows.any():
                        hit = {arm: masks[f"{eps:g}|{arm}"][rows].astype(float) for arm in (PLAIN, MAIN)}
                        place = {"source": settings["model"], "head": settings["head"], "eps": eps, "victim": victim,
                                 "direction": direction}  # fmt: skip
                        yield _row(place, hit, found.subject[rows], seed=plan.seed)


def _row(place: dict[str, Any], hit: dict[str, Floats], subject: NDArray[Any], *, seed: int) -> TransferRow:
    """A row from successes, plain and with SFA, on the captures that both networks decide correctly."""
    rates = {arm: mean_by_subject(hits, subject, seed=seed) for arm, hits in hit.items()}
    gain = paired_bootstrap_difference(hit[MAIN], hit[PLAIN], subjects=subject, seed=seed)
    points = {name: 100 * getattr(gain, name) for name in ("value", "low", "high")}
    return TransferRow(
        (f"{place['source']}, {place['head']}, {place['eps']:g}/255", place["victim"],
         place["direction"].replace("_", " "), rates[PLAIN].words, rates[MAIN].words,
         f"{points['value']:+.1f} ({points['low']:+.1f} to {points['high']:+.1f})"),
        {**place,
         **{arm: rate.as_json() for arm, rate in rates.items()},
         "points": points},
    )  # fmt: skip
