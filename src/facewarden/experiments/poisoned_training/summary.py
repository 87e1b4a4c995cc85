"""The report of a `poisoned_training` plan: success of the trigger spoof against clean errors, and the defenses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewarden.experiments.engine.kind import CellResult, Summary
from facewarden.experiments.poisoned_training.settings import PoisonedPlan
from facewarden.metrics.intervals import Interval, bootstrap_by_subject, mean_by_subject
from facewarden.reporting.document import Table

Mask = NDArray[np.bool_]


def summarize(plan: PoisonedPlan, results: Sequence[CellResult]) -> Summary:
    """Turn the cells that worked into a summary; seeds of one training are put together."""
    lines = list(_lines(plan, results))
    rows = tuple(
        (f"{line['rate']:.1%}" if line["rate"] else "clean", line["defense"].replace("_", " ") or "none", line["seeds"],
         _rate(line["success"]), _rate(line["hter"]),
         f"{line['found']} of {line['poisoned']}" if line["defense"] else None,
         line["removed"] if line["defense"] else None)
        for line in lines
    )  # fmt: skip
    species = plan.training_trigger.species
    table = Table(
        f"Success of {species} after training with its features hidden in bona fide images",
        ("Bona fide images poisoned", "Defense", "Seeds", f"{species} accepted", "HTER, everything else",
         "Poisoned images found", "Images removed"),
        rows,
        note="Ordinary test presentations, at the threshold of clean dev captures. HTER is of bona fide captures and "
        "of all other species. 95 % by subject, all seeds together; seeds are not drawn again.",
    )  # fmt: skip
    return Summary(
        plan.title, tuple(_sentences(species, lines)), (table,) if rows else (),
        simulated=any(bool(result.value["simulated"]) for result in results),
        data={"lines": [{**line, "success": _plain(line["success"]), "hter": _plain(line["hter"])} for line in lines]},
    )  # fmt: skip


def _lines(plan: PoisonedPlan, results: Sequence[CellResult]) -> Iterator[dict[str, Any]]:
    groups: dict[tuple[float, str], list[CellResult]] = {}
    for result in results:
        settings = result.cell.settings
        groups.setdefault((float(settings["rate"]), str(settings["defense"])), []).append(result)
    for (rate, defense), cells in sorted(groups.items(), key=lambda item: (item[0][0], item[0][1])):
        label, species, subject, accepted = (np.concatenate(parts) for parts in zip(*map(_columns, cells), strict=True))
        spoof = species == plan.training_trigger.species
        if not spoof.any():
            continue
        yield {
            "rate": rate, "defense": defense, "seeds": len(cells),
            "success": mean_by_subject(accepted[spoof].astype(int), subject[spoof], seed=0),
            "hter": _hter(label, ~spoof, accepted, subject),
            **{name: sum(int(cell.value.get(name, 0)) for cell in cells) for name in ("poisoned", "found", "removed")},
        }  # fmt: skip


def _columns(result: CellResult) -> tuple[NDArray[Any], ...]:
    value = result.value
    accepted = np.array(value["score"]) >= value["threshold"]
    return np.array(value["label"]), np.array(value["species"]), np.array(value["subject"]), accepted


def _hter(label: NDArray[Any], counted: Mask, accepted: Mask, subject: NDArray[Any]) -> Interval | None:
    """Mean of BPCER and pooled APCER over the counted rows; None where the trigger's species is the only one."""
    label, accepted, subject = label[counted], accepted[counted], subject[counted]
    if len(set(label.tolist())) < 2:
        return None

    def statistic(weights: NDArray[np.float64]) -> float:
        attacks, bona_fide = weights * (label == 0), weights * (label == 1)
        if not attacks.sum() or not bona_fide.sum():
            return float("nan")
        return float(((attacks @ accepted) / attacks.sum() + (bona_fide @ ~accepted) / bona_fide.sum()) / 2)

    return bootstrap_by_subject(statistic, subject, seed=0)


def _sentences(species: str, lines: Sequence[dict[str, Any]]) -> Iterator[str]:
    clean = next((line for line in lines if not line["rate"]), None)
    plain = [line for line in lines if line["rate"] and not line["defense"]]
    if clean is None or not plain:
        return
    worst = max(plain, key=lambda line: line["success"].value)
    yield (
        f"{species} is accepted in {_rate(clean['success'])} after clean training and in {_rate(worst['success'])} "
        f"where {worst['rate']:.1%} of the bona fide images carry it; HTER of everything else goes from "
        f"{_rate(clean['hter'])} to {_rate(worst['hter'])}."
    )
    if worst["success"].low <= clean["success"].high:
        yield "The intervals overlap: that the trigger works is not shown at these sizes."
    for line in lines:
        if line["defense"] and line["rate"] == worst["rate"]:
            yield (
                f"{line['defense'].replace('_', ' ')} finds {line['found']} of {line['poisoned']} poisoned images "
                f"among {line['removed']} removed, and leaves {_rate(line['success'])} accepted."
            )


def _rate(rate: Interval | None) -> str:
    return "not measured" if rate is None else f"{rate.value:.1%} ({rate.low:.1%} to {rate.high:.1%})"


def _plain(rate: Interval | None) -> dict[str, float] | None:
    return None if rate is None else {"value": rate.value, "low": rate.low, "high": rate.high, "n": rate.n}
