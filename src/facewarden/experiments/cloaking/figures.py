"""Figures of the cloaking grid: protection by purifier, and success of the cloak against its budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from facewarden.experiments.cloaking.headlines import Headlines
from facewarden.experiments.cloaking.recognizer_kinds import RECOGNIZER_KINDS
from facewarden.experiments.cloaking.results_grid import CloakingGrid
from facewarden.experiments.cloaking.tables import KIND_WORDS
from facewarden.reporting.document import Figure


def protection_figure(headlines: Headlines, *, purifiers: Sequence[str]) -> Figure | None:
    """Protection by purifier with intervals, one series per kind of evaluation recognizer."""
    rows = [
        {"name": name, "series": KIND_WORDS[kind], **one.as_json()}
        for name in purifiers
        for kind in RECOGNIZER_KINDS
        if (one := headlines.rates.get((name, kind))) is not None
    ]
    if not rows:
        return None
    return Figure(
        "interval_dots",
        "Protection that the cloak keeps after each purifier",
        {"xlabel": "protection rate", "percent": True, "rows": rows},
        alt="Mean protection rate with its interval for every purifier and kind of recognizer; lower is better for the "
        "tracker.",
        note="n is the number of cells in the mean.",
    )


def budget_figure(
    grid: CloakingGrid,
    cloaks: Mapping[str, float],
    *,
    purifiers: Sequence[str],
    recognizer: str,
    tracker: str = "nearest",
) -> Figure | None:
    """Success of the cloak against its budget, one curve per purifier, on one evaluation recognizer."""
    series = []
    for name in purifiers:
        points = sorted(
            (eps, cell)
            for cloak, eps in cloaks.items()
            if (cell := grid.find(cloak=cloak, purifier=name, tracker=tracker, recognizer=recognizer)) is not None
        )
        if len(points) > 1:
            series.append(
                {
                    "name": name,
                    "x": [eps for eps, _ in points],
                    "y": [cell.protection.value for _, cell in points],
                    "low": [cell.protection.low for _, cell in points],
                    "high": [cell.protection.high for _, cell in points],
                    "n": points[0][1].protection.n,
                }
            )
    if not series:
        return None
    return Figure(
        "curves",
        f"Success against budget, recognizer {recognizer}, {tracker}",
        {"xlabel": "eps in gray levels", "ylabel": "protection rate", "percent": True, "series": series},
        alt=f"Protection rate against the cloak's budget for every purifier, measured with {recognizer}.",
    )
