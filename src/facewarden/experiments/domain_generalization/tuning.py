"""The choice among a method's settings: by one figure on held-out sources, recorded with the figures of all of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from facewarden.core.errors import BadInputError
from facewarden.experiments.domain_generalization.domain_figures import domain_figures
from facewarden.experiments.domain_generalization.figures_over_seeds import Find, ScoreSelection
from facewarden.experiments.domain_generalization.labels import shown
from facewarden.experiments.domain_generalization.settings import PresentationPlan
from facewarden.reporting.document import Table

HIGHER = {"auc": True, "hter": False}
TITLES = {"auc": "AUC %", "hter": "HTER %, threshold of the other sources' dev"}


def fold_figure(result: Mapping[str, Any], figure: str) -> tuple[float, tuple[str, ...]]:
    """Mean of a figure over the held-out sites that have both classes, and which these are.

    Args:
        result: of a cell that was trained on a fold of the sources.
        figure: `auc` or `hter`.

    Raises:
        BadInputError: no site of the fold has both classes.
    """
    found = domain_figures(lambda *_: result, "", ("fold",), seeds=(0,), look=ScoreSelection())
    if not found:
        raise BadInputError("no held-out source has both classes", hint="tuning: {sites: 2}, or more")
    return float(found[figure].values.mean()), found[figure].domains


def chosen(
    results: Sequence[Mapping[str, Any]], changes: Sequence[Mapping[str, Any]], *, figure: str
) -> dict[str, Any]:
    """The record of a choice: every setting with its figure, and the number of the best one.

    Args:
        results: of the cells of the fold, one for each setting.
        changes: the settings, as the plan writes them.
        figure: `auc` or `hter`; the earlier of equal settings is chosen.
    """
    measured = [fold_figure(result, figure) for result in results]
    values = [value for value, _ in measured]
    best = int(np.argmax(values) if HIGHER[figure] else np.argmin(values))
    return {
        "figure": figure,
        "held_out": list(measured[0][1]),
        "captures": len(results[0]["rows"]["test"]["label"]),
        "settings": [{"change": dict(change), figure: value} for change, value in zip(changes, values, strict=True)],
        "chosen": best,
    }


def read_results(folders: Sequence[Path], marker: str) -> list[dict[str, Any]]:
    """Results of the cells that a cell needs; the executor runs it after they are done.

    Args:
        folders: of the cells.
        marker: name of the file with the result.
    """
    return [json.loads((folder / marker).read_text(encoding="utf-8"))["result"] for folder in folders]


def tuned_records(plan: PresentationPlan, find: Find) -> list[dict[str, Any]]:
    """Every choice of a plan that has been made: method, protocol and the record, once for all seeds."""
    found = []
    for name, protocol in dict.fromkeys((m, p) for part in plan.parts for p in part.protocols for m in part.methods):
        seeds = sorted({seed for part in plan.parts if name in part.methods for seed in part.seeds})
        results = (find(name, protocol, seed) for seed in seeds)
        record = next((one["tuned"] for one in results if one is not None and "tuned" in one), None)
        if record is not None:
            found.append({"method": name, "protocol": protocol, **record})
    return found


def tuning_table(plan: PresentationPlan, records: Sequence[Mapping[str, Any]], *, simulated: bool) -> Table:
    """What was chosen, and by which figures."""
    rows = []
    for record in records:
        figure = str(record["figure"])
        for place, one in enumerate(record["settings"]):
            mark = "chosen" if place == record["chosen"] else ""
            setting = json.dumps(one["change"], sort_keys=True) if one["change"] else "as the recipe"
            label = plan.methods[record["method"]].label
            rows.append(
                (label, shown(record["protocol"]), setting, f"{100 * one[figure]:.1f}", record["captures"], mark)
            )
    what = TITLES[plan.tuning.figure]
    sites = ", ".join(sorted({str(len(record["held_out"])) for record in records}))
    return Table(
        "Settings chosen on a fold of the sources",
        ("method", "protocol", "setting", what, "captures", ""), tuple(rows),
        note=f"Mean over {sites} held-out sources, one training each, without intervals: to choose by, not to report. "
        "Nothing of the targets is used.",
        simulated=simulated,
    )  # fmt: skip
