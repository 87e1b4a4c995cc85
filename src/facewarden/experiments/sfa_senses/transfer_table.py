"""Transfer of one step between the networks of a `sfa_senses` plan, plain and with SFA."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from facewarden.experiments.engine.kind import CellResult
from facewarden.experiments.sfa_senses.arm_results import ArmResults
from facewarden.experiments.sfa_senses.settings import MAIN, PLAIN, SensesPlan
from facewarden.experiments.vulnerability.inputs import as_mask
from facewarden.metrics.intervals import mean_by_subject
from facewarden.metrics.paired import paired_bootstrap_difference


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
    """One row for each source, head, budget and victim."""
    order = {key: number for number, key in enumerate(found.keys)}
    for result in results:
        settings, value = result.cell.settings, result.value
        if settings["do"] != "transfer":
            continue
        for eps in settings["eps"]:
            for victim, columns in value["victims"].items():
                right = as_mask(value["key"], columns["right"], order)
                if not right.any():
                    continue
                subject = found.subject[right]
                hit = {arm: as_mask(value["key"], columns[f"{eps:g}|{arm}"], order)[right].astype(float)
                       for arm in (PLAIN, MAIN)}  # fmt: skip
                rates = {arm: mean_by_subject(np.asarray(hits), subject, seed=plan.seed) for arm, hits in hit.items()}
                gain = paired_bootstrap_difference(hit[MAIN], hit[PLAIN], subjects=subject, seed=plan.seed)
                yield TransferRow(
                    (f"{settings['model']}, {settings['head']}, {eps:g}/255", victim, rates[PLAIN].words,
                     rates[MAIN].words,
                     f"{100 * gain.value:+.1f} ({100 * gain.low:+.1f} to {100 * gain.high:+.1f})"),
                    {"source": settings["model"], "head": settings["head"], "eps": eps, "victim": victim,
                     **{arm: {"value": rate.value, "low": rate.low, "high": rate.high, "n": rate.n}
                        for arm, rate in rates.items()},
                     "points": {"value": 100 * gain.value, "low": 100 * gain.low, "high": 100 * gain.high}},
                )  # fmt: skip
