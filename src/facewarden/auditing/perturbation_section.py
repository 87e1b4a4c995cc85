"""The perturbation section of the report, from the rows that the experiment measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewarden.auditing.judged_attacks import judged_metrics, judged_table
from facewarden.auditing.perturbation_words import CONTROL, deciding_first, perturbation_finding
from facewarden.core.labels import Modality
from facewarden.evaluation.attack_runs import AttackRun
from facewarden.evaluation.decisions import DIRECTIONS
from facewarden.evaluation.self_checks import CheckOutcome, MeasuredRow, ModelSigns, Source, self_checks
from facewarden.metrics.intervals import mean_by_subject
from facewarden.reporting.document import Figure, LeftOut, Metric, Section, Table
from facewarden.reporting.format import measured, plain
from facewarden.reporting.grades import grade


@dataclass(frozen=True)
class AttackGrid:
    """The measured grid.

    Attributes:
        cells: the grid.
        rows: stage name -> rows of `attack_cell`.
        source: "white box", or "transfer from NAME".
        simulated: whether the captures are.
        seed: of the bootstrap.
        signs: what a short look at the attacked model showed of its gradients and its steadiness, if one was taken.
        recognizer: that was asked whether attacked captures still match, if one was.
    """

    cells: Sequence[AttackRun]
    rows: Mapping[str, Mapping[str, Any]]
    source: str
    simulated: bool
    seed: int
    signs: ModelSigns | None = None
    recognizer: str | None = None

    @property
    def sensors(self) -> tuple[tuple[Modality, ...], ...]:
        """The sets of sensors attacked, in the grid's order."""
        return tuple(dict.fromkeys(cell.threat.modalities for cell in self.cells))

    def curve(self, sensors: tuple[Modality, ...], attack: str = "pgd") -> list[AttackRun]:
        """The cells of growing budget of an attack on these sensors."""
        found = [cell for cell in self.cells if cell.name == attack and cell.threat.modalities == sensors]
        return sorted(found, key=lambda cell: cell.threat.eps)

    @property
    def curves(self) -> list[list[AttackRun]]:
        """Every attack on every set of sensors, by growing budget; noise is none."""
        places = dict.fromkeys((cell.name, cell.threat.modalities) for cell in self.cells if cell.name != CONTROL)
        return [self.curve(sensors, name) for name, sensors in places]

    def column(self, cell: AttackRun, name: str) -> NDArray[Any]:
        """One column of a cell's rows."""
        return np.array(self.rows[cell.stage][name])


def perturbation_section(
    found: AttackGrid, *, left_out: Sequence[LeftOut] = (), skipped: Mapping[str, int] | None = None
) -> Section:
    """Turn the grid's rows into metrics, tables, a security curve, a grade and a finding.

    Args:
        found: the measured grid.
        left_out, skipped: what is missing.
    """
    metrics = [metric for cell in found.cells for metric in _rates(found, cell)]
    metrics += [metric for curve in found.curves for metric in _half_budget(found, curve)]
    metrics += judged_metrics(found.cells, found.rows, simulated=found.simulated, seed=found.seed)
    verdict, checks = grade("perturbation", metrics), _self_checks(found)
    return Section(
        name="perturbation",
        grade=verdict.letter,
        finding=perturbation_finding(metrics, found.recognizer) + _doubts(checks),
        reason=verdict.reason,
        metrics=deciding_first(metrics),
        tables=(_table(found, metrics), *judged_table(metrics, found.recognizer), _check_table(found, checks)),
        figures=(_security_curve(found, metrics),),
        left_out=tuple(left_out),
        skipped=dict(skipped or {}),
        simulated=found.simulated,
    )


def _gray(cell: AttackRun) -> str:
    return f"{cell.threat.eps * 255:g}/255"


def _sensors(cell: AttackRun) -> str:
    return "+".join(cell.threat.modalities)


def _rates(found: AttackGrid, cell: AttackRun) -> Iterator[Metric]:
    success, subject, label = (found.column(cell, name) for name in ("success", "subject", "label"))
    for direction, wanted in {"pooled": None, **DIRECTIONS}.items():
        rows = np.ones(len(label), bool) if wanted is None else label == wanted
        if not rows.any():
            continue
        rate = mean_by_subject(success[rows], subject[rows], seed=found.seed)
        yield Metric(
            "success_rate",
            rate.value,
            rate.low,
            rate.high,
            rate.n,
            found.simulated,
            "%",
            {"attack": cell.name, "eps": _gray(cell), "modalities": _sensors(cell), "direction": direction},
            f"{found.source}; samples decided correctly when clean; {rate.method}",
        )


def _half_budget(found: AttackGrid, curve: Sequence[AttackRun]) -> Iterator[Metric]:
    """Smallest budget that flips half, where the tried budgets reach it.

    Its interval holds the budgets at which one half lies within the interval of the success rate: from where the upper
    ends reach half to where the lower ends do. An attack at one budget alone has none: a line from no change to that
    budget would say nothing of what lies between.
    """
    if len(curve) < 2:
        return
    grays = np.array([cell.threat.eps * 255 for cell in curve])
    rates = [mean_by_subject(found.column(c, "success"), found.column(c, "subject"), seed=found.seed) for c in curve]
    value, low, high = (
        half_crossing(np.array([getattr(rate, end) for rate in rates]), grays) for end in ("value", "high", "low")
    )
    if value is None or low is None:
        return
    note = (
        f"interpolated between the budgets tried, the largest of which is {grays[-1]:g}/255; ends where those of the "
    )
    note += "success rate reach half"
    if high is None:
        note += "; the upper end is the largest budget tried and may lie above it"
    group = {"attack": curve[0].name, "modalities": _sensors(curve[0])}
    # ends of the rates need not rise with the budget where samples differ: the interval holds the value anyway
    low, high = min(low, value), max(float(grays[-1]) if high is None else high, value)
    yield Metric("eps_half", value, low, high, rates[0].n, found.simulated, "/255", group, note)


def half_crossing(rates: NDArray[np.float64], budgets: NDArray[np.float64]) -> float | None:
    """Budget at which success first reaches one half, linear between the points and from (0, 0); None if it never does.

    >>> half_crossing(np.array([0.25, 0.75]), np.array([1.0, 2.0]))
    1.5
    """
    reached = np.flatnonzero(rates >= 0.5)
    if not reached.size:
        return None
    index = int(reached[0])
    low_rate, low_budget = (0.0, 0.0) if index == 0 else (float(rates[index - 1]), float(budgets[index - 1]))
    share = (0.5 - low_rate) / (float(rates[index]) - low_rate)
    return low_budget + share * (float(budgets[index]) - low_budget)


def _pick(metrics: Sequence[Metric], cell: AttackRun, direction: str) -> Metric | None:
    wanted = {"attack": cell.name, "eps": _gray(cell), "modalities": _sensors(cell), "direction": direction}
    return next((metric for metric in metrics if metric.name == "success_rate" and metric.group == wanted), None)


def _table(found: AttackGrid, metrics: Sequence[Metric]) -> Table:
    rows = []
    for cell in found.cells:
        picked = [_pick(metrics, cell, direction) for direction in ("pooled", *DIRECTIONS)]
        rows.append((cell.name, _sensors(cell), _gray(cell), *(measured(m) if m else None for m in picked)))
    return Table(
        "Attack success rate",
        ("Attack", "Sensors touched", "Budget (L∞)", "Pooled", "Attack accepted", "Bona fide rejected"),
        tuple(rows),
        note=f"Gradients: {found.source}. A white-box attack keeps the first images on its way that succeed. What fell "
        "within a budget counts as fallen within every larger one. Noise is uniform at random, the control that every "
        "attack must beat.",
        simulated=found.simulated,
    )


def _self_checks(found: AttackGrid) -> tuple[CheckOutcome, ...]:
    """What must hold if the attacks work: stronger budgets flip more, an attack flips more than noise, and so on."""
    gradients: Source = "white_box" if found.source == "white box" else "transfer"
    measured_rows = [
        MeasuredRow(
            attack=cell.name,
            source="noise" if cell.name == CONTROL else gradients,
            eps=cell.threat.eps * 255,
            success=found.column(cell, "success_alone").astype(bool),
            where="+".join(cell.threat.modalities),
        )
        for cell in found.cells
    ]
    return self_checks(measured_rows, found.signs, unlimited=255 / 2)


def _doubts(checks: Sequence[CheckOutcome]) -> str:
    """A failed check stands beside the number that it casts doubt on."""
    failed = [f"{one.check} ({one.detail})" for one in checks if one.holds is False]
    return f" These numbers are in doubt, a self-check failed: {'; '.join(failed)}." if failed else ""


def _check_table(found: AttackGrid, checks: Sequence[CheckOutcome]) -> Table:
    rows = [(one.check, one.where, one.words) for one in checks if one.holds is not None]
    return Table(
        "Self-checks of this evaluation", ("Must hold", "Sensors", "Outcome"), tuple(rows), simulated=found.simulated
    )


def _security_curve(found: AttackGrid, metrics: Sequence[Metric]) -> Figure:
    series = []
    for curve in found.curves:
        points = [(cell, _pick(metrics, cell, "pooled")) for cell in curve]
        kept = [(cell, metric) for cell, metric in points if metric]
        start = [0.0] if len(kept) > 1 else []  # a line to an only budget would say something of those below it
        series.append(
            {
                "name": f"{curve[0].name} on {plain(_sensors(curve[0]))}",
                "x": [*start, *(cell.threat.eps * 255 for cell, _ in kept)],
                "y": [*start, *(metric.value for _, metric in kept)],
                "low": [*start, *(metric.low for _, metric in kept)],
                "high": [*start, *(metric.high for _, metric in kept)],
                "n": kept[0][1].n if kept else 0,
            }
        )
    return Figure(
        "curves",
        "Security curve",
        {"xlabel": "budget in gray levels (L∞)", "ylabel": "decisions flipped", "percent": True, "series": series},
        alt="Share of flipped decisions against the attack budget, one line for each attack and set of sensors.",
        simulated=found.simulated,
    )
