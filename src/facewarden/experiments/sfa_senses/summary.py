"""The report of a `sfa_senses` plan: the senses with their ceilings, the controls, the regimes, the generators."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from facewarden.experiments.engine.kind import CellResult, Summary
from facewarden.experiments.sfa_senses.arm_results import ArmResults, read_results
from facewarden.experiments.sfa_senses.gains import BOTH, LABELS, Gain
from facewarden.experiments.sfa_senses.settings import MAIN, PLAIN, Sense, SensesPlan
from facewarden.experiments.sfa_senses.transfer_table import transfer_rows
from facewarden.metrics.intervals import Interval
from facewarden.reporting.document import Table

NO_CELL = "no cell in the band"
EITHER, DECISION = "the better of plain and sfa", "plain through the decision"


def summarize(plan: SensesPlan, results: Sequence[CellResult]) -> Summary:
    """Turn the cells that worked into a summary."""
    found = read_results(plan, results)
    senses = list(_senses(plan, found))
    models = list(_models(plan, found))
    controls = list(_controls(plan, found))
    regimes = list(_regimes(plan, found))
    transfer = list(transfer_rows(plan, found, results))
    tables = [
        _models_table(plan, found),
        _table("Senses of the claim, fixed beforehand: sfa against plain", "Sense", senses,
               note="Cells are model, head and budget; with a band each half of the people chooses the cells that "
               "count on the other half. The ceiling is the gain if every attack succeeded; closed is the gain in "
               "points as a share of the points that were there to gain. Paired; 95 % by subject."),
        _table("The main sense, detector by detector", "Detector", models,
               note="Intervals are over people, not over trainings."),
        _table("What else could explain it: each arm against the arm that it is compared with", "Arm", controls,
               note="Attacks through auxiliary heads, cells where plain success is in the first band (chosen on one "
               "half of the people, counted on the other). Some arms are of fewer models, heads, budgets and captures: "
               "both the arm that they are compared with and sfa, in the last columns, are taken on the same."),
        _table("Where SFA helps: by plain success of the cell", "Plain success, direction", regimes,
               note="Points of success, auxiliary heads, cells chosen on the other half of the people."),
        _generator_table(found),
        _success_table(plan, found),
        Table("Transfer of one step", ("Source, head, budget", "Victim", "Direction", "Plain", "With SFA", "Points"),
              tuple(row.cells for row in transfer),
              note="Of captures that both decide correctly when clean. Paired; 95 % by subject."),
    ]  # fmt: skip
    return Summary(
        title=plan.title,
        sentences=tuple(_sentences(plan, found, senses, controls)),
        tables=tuple(table for table in tables if table.rows),
        simulated=found.simulated,
        data={
            "senses": [line.plain() for line in senses],
            "models": [line.plain() for line in models],
            "controls": [line.plain() for line in controls],
            "regimes": [line.plain() for line in regimes],
            "transfer": [row.plain for row in transfer],
            "generators": found.generators,
        },
    )


class _Line:
    """One row of a table of gains."""

    def __init__(
        self, name: str, direction: str, unit: str, gain: Gain | None, *, beside: Gain | None = None, **more: Any
    ) -> None:
        self.name, self.direction, self.unit, self.gain, self.more = name, direction, unit, gain, more
        self.beside = beside

    def cells(self) -> tuple[str | int | None, ...]:
        gain = self.gain
        if gain is None:
            return (self.name, self.direction.replace("_", " "), NO_CELL, *[None] * 4, 0, 0)
        mark = "%" if self.unit == "percent" else "points"
        return (self.name, self.direction.replace("_", " "), _rate(gain.before), _rate(gain.after),
                f"{_signed(gain.gain)} {mark}", f"{gain.ceiling:+.0f} {mark}", f"{_signed(gain.closed)} %",
                gain.cells, gain.samples)  # fmt: skip

    def beside_cells(self) -> tuple[str | None, ...]:
        """Success of sfa on the same captures, and the arm minus sfa, in points."""
        if self.beside is None:
            return (None, None)
        return (_rate(self.beside.before), f"{_signed(self.beside.gain)} points")

    def plain(self) -> dict[str, Any]:
        gain = self.gain
        shown = {"name": self.name, "direction": self.direction, "unit": self.unit, **self.more}
        if gain is None:
            return {**shown, "cells": 0}
        numbers = {name: getattr(gain, name).as_json() for name in ("before", "after", "gain", "closed")}
        if self.beside is not None:
            numbers |= {"sfa": self.beside.before.as_json(), "minus_sfa": self.beside.gain.as_json()}
        return {**shown, **numbers, "ceiling": gain.ceiling, "cells": gain.cells, "samples": gain.samples}


def _table(title: str, first: str, lines: Sequence[_Line], *, note: str) -> Table:
    """One line a gain; of controls also what they are compared with and the gradients of both."""
    columns = (first, "Direction", "Compared with", "Success", "Gain", "Ceiling", "Closed", "Cells", "Samples")
    if not any("against" in line.more for line in lines):
        return Table(title, columns, tuple(line.cells() for line in lines), note=note)
    rows = []
    for line in lines:
        spent = f"{line.more['compared_gradients']} / {line.more['gradients']}"
        rows.append((line.cells()[0], line.more["against"], *line.cells()[1:], spent, *line.beside_cells()))
    names = (first, "Against", *columns[1:], "Gradients", "SFA on the same", "Arm minus SFA")
    return Table(title, names, tuple(rows), note=note)


def _senses(plan: SensesPlan, found: ArmResults) -> Iterator[_Line]:
    """Every sense in its own direction and in the other two; a sense by head gives one line for each."""
    for name, sense in plan.senses.items():
        heads = sense.heads or plan.auxiliary
        for part in [(head,) for head in heads] if sense.each_head else [tuple(heads)]:
            shown = f"{name}: {part[0]}" if sense.each_head else name
            for direction in dict.fromkeys((sense.direction, *LABELS)):
                one = replace(sense, direction=direction, heads=part)
                gain = found.gain(MAIN, PLAIN, one)
                if gain is not None:
                    yield _Line(shown, direction, sense.unit, gain, chosen=direction == sense.direction)


def _models(plan: SensesPlan, found: ArmResults) -> Iterator[_Line]:
    """The first sense of each detector, in its direction and in the other one."""
    first = next(iter(plan.senses.values()))
    sense = replace(first, heads=first.heads or plan.auxiliary, each_head=False)
    for direction in dict.fromkeys((sense.direction, *BOTH)):
        for model in plan.models:
            gain = found.gain(MAIN, PLAIN, replace(sense, direction=direction), model=model)
            if gain is not None:
                yield _Line(model, direction, sense.unit, gain)


def _controls(plan: SensesPlan, found: ArmResults) -> Iterator[_Line]:
    """Each arm in the band of the first sense, in its direction and in the other one."""
    first = next(iter(plan.senses.values()))
    sense = replace(first, heads=plan.auxiliary, each_head=False)
    for direction in dict.fromkeys((sense.direction, *BOTH)):
        one = replace(sense, direction=direction)
        for name, arm in plan.arms.items():
            if name == PLAIN:
                continue
            if not any(row.arm == name for row in found.rows):
                continue
            beside = None if MAIN in (name, arm.against) else found.gain(name, MAIN, replace(one, unit="points"))
            yield _Line(name, direction, one.unit, found.gain(name, arm.against, one), beside=beside,
                        against=arm.against, gradients=found.cost(name),
                        compared_gradients=found.cost(arm.against))  # fmt: skip
        either = found.either(one)
        if either is not None:
            yield _Line(EITHER, direction, one.unit, either, against=PLAIN, gradients=2, compared_gradients=1)
        decision = found.through_decision(one)
        if decision is not None:
            yield _Line(DECISION, direction, one.unit, decision, against=PLAIN, gradients=1, compared_gradients=1)


def _regimes(plan: SensesPlan, found: ArmResults) -> Iterator[_Line]:
    first = next(iter(plan.senses.values()))
    for direction in BOTH:
        for low, high in pairwise(plan.regimes):
            # bounds belong to the upper regime, but the last one has both
            top = high if high == plan.regimes[-1] else high - 1e-9
            sense = Sense(unit="points", direction=direction, heads=plan.auxiliary, eps=first.eps, band=(low, top))
            gain = found.gain(MAIN, PLAIN, sense)
            if gain is not None:
                yield _Line(f"{low:g} to {high:g} %", direction, "points", gain, low=low, high=high)


def _models_table(plan: SensesPlan, found: ArmResults) -> Table:
    rows = []
    for name, clean in found.clean.items():
        value, low, high, n = clean["accuracy"]
        eer = clean["metrics"].get("eer")
        sure = clean.get("saturation")
        rows.append((name, f"{value:.1%} ({low:.1%} to {high:.1%}), n = {n}",
                     f"{eer[0]:.1%} ({eer[1]:.1%} to {eer[2]:.1%})" if eer else None,
                     f"{sure['mean']:.1f}" if sure else None, f"{sure['sure'][0]:.1%}" if sure else None,
                     "yes" if found.counts(name) else "no"))  # fmt: skip
    note = "Saturation is of the attacked captures that are decided correctly."
    if plan.min_accuracy:
        note += f" Detectors of less than {plan.min_accuracy:g} % accuracy count in no sense and no control."
    return Table("Detectors", ("Model", "Accuracy, clean", "EER", "Mean size of the score", "Sure to 99.9 %", "Counts"),
                 tuple(rows), note=note)  # fmt: skip


def _generator_table(found: ArmResults) -> Table:
    rows = tuple(
        (name, one["epochs"], f"{one['held_out_before']:.4f}", f"{one['held_out']:.4f}", f"{one['change']:+.1%}",
         f"{one['size']:.0%}", f"{one['saturated']:.0%}", one["samples"])
        for name, one in found.generators.items()
    )  # fmt: skip
    columns = ("Generators", "Epochs", "Loss on dev, without a map", "Lowest", "Last epoch against the lowest",
               "Map, share of its cap", "Values at the cap", "Training captures")  # fmt: skip
    return Table("Generators: trained until the loss on dev was flat", columns, rows)


def _success_table(plan: SensesPlan, found: ArmResults) -> Table:
    rows = []
    for row in found.rows:
        if row.arm != PLAIN:
            continue
        other = found.row(row.model, row.head, MAIN, row.eps)
        cells: list[str | None] = []
        for direction in BOTH:
            both = [found.share(one, direction) for one in (row, other) if one is not None]
            cells.append(" → ".join(f"{rate:.0%}" for rate in both if rate is not None) or None)
        rows.append((row.model, row.head, f"{row.eps:g}/255", *cells, int(row.valid.sum())))
    return Table("Success, plain → with SFA",
                 ("Model", "Head", "Budget", "Attack as bona fide", "Bona fide as attack", "Captures"),
                 tuple(rows), note="One step of the whole budget; each budget by itself. " + found.pixels)  # fmt: skip


def _sentences(
    plan: SensesPlan, found: ArmResults, senses: Sequence[_Line], controls: Sequence[_Line]
) -> Iterator[str]:
    main = next(iter(plan.senses))
    for line in senses:
        if line.name == main and line.more["chosen"] and line.gain is not None:
            gain, mark = line.gain, "%" if line.unit == "percent" else "points"
            yield (
                f"In the main sense, fixed beforehand ({main}), SFA changes success from {_rate(gain.before)} to "
                f"{_rate(gain.after)}: {_signed(gain.gain)} {mark}, of at most {gain.ceiling:+.0f}; it closes "
                f"{_signed(gain.closed)} % of the gap. {_verdict(gain.gain, plan.percent)}"
            )
    best = [(line, line.gain) for line in controls
            if line.name not in (MAIN, EITHER, DECISION) and line.more["against"] == PLAIN and line.gain is not None
            and line.direction == next(iter(plan.senses.values())).direction]  # fmt: skip
    for line, gain in sorted(best, key=lambda each: each[1].gain.value, reverse=True)[:3]:
        mark = "%" if line.unit == "percent" else "points"
        beside = f"; SFA there {_rate(line.beside.before)}" if line.beside is not None else ""
        yield (
            f"Beside it, {line.name} (gradients: {line.more['gradients']}): {_signed(gain.gain)} {mark} of at most "
            f"{gain.ceiling:+.0f}, success {_rate(gain.after)}{beside}."
        )


def _verdict(gain: Interval, percent: float) -> str:
    if gain.low >= percent:
        return f"The whole interval is at least the published {percent:g}."
    if gain.low > 0:
        inside = "lies inside the interval" if gain.high >= percent else "is not reached"
        return f"It raises success; the published {percent:g} {inside}."
    if gain.high < 0:
        return "It lowers success."
    return "No effect beyond the interval."


def _rate(rate: Interval) -> str:
    return f"{rate.value:.1%} ({rate.low:.1%} to {rate.high:.1%})"


def _signed(interval: Interval) -> str:
    return f"{interval.value:+.1f} ({interval.low:+.1f} to {interval.high:+.1f})"
