"""What a purifier costs natural faces, as a table and as sentences with the limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from facewarden.experiments.cloaking.results_grid import CloakingGrid
from facewarden.metrics.combine import rate_difference
from facewarden.metrics.goals import at_most
from facewarden.metrics.intervals import Interval
from facewarden.reporting.document import Table

_BARE = "no interval"


def cost_table(costs: Mapping[str, Mapping[str, Any]]) -> Table:
    """Table of the cost of every purifier for natural faces."""
    recognizers = sorted({name for cost in costs.values() for name in cost["recognizers"]})
    rows = []
    for name, cost in costs.items():
        psnr = " / ".join(f"{cost[key]:.1f}" if key in cost else "–" for key in ("psnr", "psnr_median", "psnr_worst"))
        row: list[Any] = [name, f"{cost['images_per_second']:.0f}", psnr, f"{cost['ssim']:.3f}"]
        for recognizer in recognizers:
            one = cost["recognizers"].get(recognizer)
            if one is None:
                row += ["", ""]
                continue
            before, gallery, both = (_points(one[side]["eer"]) for side in ("before", "gallery", "both"))
            ranks = [100 * one["rank1"][side] for side in ("before", "after")]
            row += [f"{before} → {gallery}, both {both}", f"{ranks[0]:.1f} → {ranks[1]:.1f}"]
        rows.append(tuple(row))
    head = [column for name in recognizers for column in (f"EER % {name}", f"one-photo rank-1 % {name}")]
    pairs = max((one["pairs"] for cost in costs.values() for one in cost["recognizers"].values()), default=0)
    return Table(
        "Cost for natural faces",
        ("Purifier", "Images/s, one thread", "PSNR dB: pooled / median / worst 5 %", "SSIM", *head),
        tuple(rows),
        note=f"EER on {pairs} natural pairs of the people, 95 % intervals over people: nothing purified → one photo "
        "purified, and both purified. "
        "Rank-1 with one purified gallery photo a person, raw probes, mean of 100 draws. PSNR and SSIM against the "
        "natural crop. Images/s count the processor time of one thread, on the machine that ran the plan.",
    )


def _points(values: Sequence[float]) -> str:
    value, low, high = (100 * one for one in values)
    return f"{value:.2f} ({low:.2f}–{high:.2f})"


def cost_sentences(grid: CloakingGrid, costs: Mapping[str, Mapping[str, Any]], *, candidate: str) -> tuple[str, ...]:
    """The candidate's price at its worst recognizer, each with its limit, judged by its interval where there is one."""
    prices: list[tuple[str, list[Interval], float]] = []
    drops = [
        rate_difference(bare.normal_accuracy, cell.normal_accuracy)
        for cell in grid.all()
        if cell.purifier == candidate and cell.probes == "raw" and (bare := grid.untreated(cell)) is not None
    ]
    prices.append(("normal accuracy falls by", drops, 0.5))
    of_each = list(costs.get(candidate, {}).get("recognizers", {}).values())
    ranks = [one["rank1"]["before"] - one["rank1"]["after"] for one in of_each]
    prices.append(("one-photo rank-1 falls by", [Interval(one, one, one, 1, _BARE) for one in ranks], 1.0))
    errors = [rate_difference(_triple(one["gallery"]["eer"]), _triple(one["before"]["eer"])) for one in of_each]
    prices.append(("EER on natural pairs rises by", errors, 0.3))
    said = []
    for what, found, most in prices:
        if found:
            worst = max(found, key=lambda one: one.value)
            alone = worst.method == _BARE
            ends = "" if alone else f" ({100 * worst.low:.2f} to {100 * worst.high:.2f})"
            said.append(
                f"Cost of {candidate} on its worst evaluation recognizer: {what} {100 * worst.value:.2f}{ends} points, "
                f"limit {most:g}: {at_most(worst, most / 100)}{', by the number alone' if alone else ''}."
            )
    return tuple(said)


def _triple(found: Sequence[float]) -> Interval:
    value, low, high = found
    return Interval(value, low, high, 1, "as stored")
