"""The report of a `backbone_selection` plan: the choice, its rank correlation and regret, and what the run can tell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from facewarden.experiments.backbone_selection.selection import Selection, select
from facewarden.experiments.backbone_selection.settings import SelectionPlan, as_vulnerability
from facewarden.experiments.engine.kind import CellResult, Summary
from facewarden.experiments.vulnerability.results_grid import VulnerabilityGrid, read_grid
from facewarden.experiments.vulnerability.settings import plan_of as vulnerability_plan
from facewarden.metrics.intervals import Interval
from facewarden.metrics.paired import detectable_difference
from facewarden.reporting.document import Table


def summarize(plan: SelectionPlan, settings: dict[str, Any], results: Sequence[CellResult]) -> Summary:
    """Turn the cells that worked into a summary."""
    grid = read_grid(vulnerability_plan(as_vulnerability(settings)), results)
    simulated = any(bool(content.get("simulated")) for content in grid.clean.values())
    found = select(plan, grid)
    if found is None:
        text = "A backbone has no captures to choose or to judge by: no selection."
        return Summary(plan.title, (text,), simulated=simulated)
    rows = tuple(
        (name + (" (chosen)" if name == found.chosen else ""), _rate(found.seen[name]), _rate(found.unseen[name]),
         _rate(found.accuracy[name]))
        for name in found.backbones
    )  # fmt: skip
    costs = [("by attacks", found.chosen, found.regret), ("by clean accuracy", found.most_accurate, found.clean_regret),
             ("at random", "", found.random_regret)]  # fmt: skip
    tables = (
        Table("Backbones", ("Backbone", "Success of the attacks seen", "Of those unseen", "Accuracy, clean"), rows,
              note=f"Seen: {', '.join(plan.choose.attacks)} ({plan.choose.reading}) on {plan.choose.seeds} detectors "
              "of each backbone and one half of the people. Unseen: the other attacks, on the other detectors and the "
              "other half of the people. 95 % by subject; seeds are not drawn again."),
        Table("What a choice costs", ("Choice", "Backbone", "Regret in points"),
              tuple((name, taken, _signed(regret)) for name, taken, regret in costs),
              note="Unseen success of the chosen backbone above that of the best one."),
    )  # fmt: skip
    return Summary(
        plan.title, tuple(_sentences(plan, found, grid)), tables, simulated=simulated,
        data={"chosen": found.chosen, "most_accurate": found.most_accurate,
              **{name: _plain(getattr(found, name)) for name in
                 ("correlation", "clean_correlation", "regret", "clean_regret", "random_regret")},
              "backbones": {name: {"seen": _plain(found.seen[name]), "unseen": _plain(found.unseen[name]),
                                   "accuracy": _plain(found.accuracy[name])} for name in found.backbones}},
    )  # fmt: skip


def _sentences(plan: SelectionPlan, found: Selection, grid: VulnerabilityGrid) -> Iterator[str]:
    yield (
        f"By {', '.join(plan.choose.attacks)} the choice is {found.chosen}; by clean accuracy it is "
        f"{found.most_accurate}. Regret {_signed(found.regret)} points against {_signed(found.clean_regret)} by clean "
        f"accuracy and {_signed(found.random_regret)} at random."
    )
    if found.correlation is None or found.clean_correlation is None:
        yield "Fewer than three backbones: ranks cannot be correlated."
    else:
        yield (
            f"Rank correlation with unseen success: {_two(found.correlation)} of the attacks seen, "
            f"{_two(found.clean_correlation)} of clean errors."
        )
        if found.correlation.low <= 0:
            yield "The interval of the correlation holds zero: that attacks select robust backbones is not shown here."
    people = len(set(grid.subject.tolist()))
    judged = len(grid.samples) // 2
    each = max(1, round(len(grid.samples) / max(1, people)))
    pairs = len(found.backbones) * (len(found.backbones) - 1) // 2
    difference = detectable_difference(
        judged, rate=0.5, agreement=0.3, per_subject=each, correlation=0.2, comparisons=pairs
    )
    yield (
        f"Before the run: with {judged} judged captures and {pairs} pairs of backbones, a difference of "
        f"{100 * difference:.0f} points of success would be seen with a power of 80 % (rates near one half, "
        "correlation 0.3 of one capture's outcomes and 0.2 within a person; assumed)."
    )


def _rate(rate: Interval) -> str:
    return f"{rate.value:.1%} ({rate.low:.1%} to {rate.high:.1%})"


def _signed(interval: Interval) -> str:
    return f"{interval.value:.1f} ({interval.low:.1f} to {interval.high:.1f})"


def _two(interval: Interval) -> str:
    return f"{interval.value:+.2f} ({interval.low:+.2f} to {interval.high:+.2f})"


def _plain(interval: Interval | None) -> dict[str, float] | None:
    return None if interval is None else {"value": interval.value, "low": interval.low, "high": interval.high}
