"""An audit several times with other seeds: how often it passes, and how far its deciding numbers lie apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from facewarden.core.errors import BadInputError
from facewarden.core.files import write_json
from facewarden.metrics.intervals import count_interval
from facewarden.reporting.document import SECTIONS, Gate, Report, Table
from facewarden.reporting.format import label, measured, number, plain
from facewarden.reporting.grades import SCALES
from facewarden.reporting.pages.document import Chapter, Page
from facewarden.reporting.pages.write import write_page


@dataclass(frozen=True)
class RepeatedRun:
    """One of several audits.

    Attributes:
        seed: of it.
        folder: of it.
        grades: of the three sections.
        gate: its outcome, if one was given.
    """

    seed: int
    folder: str
    grades: tuple[str | None, ...]
    gate: Gate | None


@dataclass(frozen=True)
class Repeats:
    """Several audits with other seeds.

    Attributes:
        runs: one of each seed.
        passed: how many passed the gate; None without a gate.
        low, high: 95 % bounds of the share of audits that pass; None without a gate.
        page: what was written.
    """

    runs: tuple[RepeatedRun, ...]
    passed: int | None
    low: float | None
    high: float | None
    page: Path

    @property
    def words(self) -> str:
        """How many passed, in a sentence."""
        if self.passed is None or self.low is None or self.high is None:
            return f"{len(self.runs)} audits, without a gate"
        ends = f"95 %: {number(self.low, unit='%')} to {number(self.high, unit='%')}"
        return f"{self.passed} of {len(self.runs)} audits passed the gate ({ends} of such audits pass)"


def repeat_audits(audit: Callable[[int, Path], Report], *, seed: int, times: int, out: Path, command: str) -> Repeats:
    """Run an audit several times, in folders of their own, and write what they say together.

    Args:
        audit: runs one with a seed into a folder.
        seed: of the first; the others follow it.
        times: how many.
        out: folder of all.
        command: that makes them again.

    Raises:
        BadInputError: fewer than two.
    """
    if times < 2:
        raise BadInputError(f"{times} repetitions", hint="--repeat 5")
    reports = {one: audit(one, out / f"seed_{one}") for one in range(seed, seed + times)}
    runs = tuple(
        RepeatedRun(one, f"seed_{one}", tuple(section.grade for section in report.sections), report.gate)
        for one, report in reports.items()
    )
    gates = [one.gate.passed for one in runs if one.gate is not None]
    share = count_interval(np.array(gates, float), np.ones(len(gates))) if gates else None
    page = _page(runs, list(reports.values()), command=command, passed=sum(gates) if gates else None)
    path = write_page(page, out, name="repeats", forms=["html"])[0]
    low, high = (None, None) if share is None else (share.low, share.high)
    held = Repeats(runs, sum(gates) if gates else None, low, high, path)
    write_json(out / "repeats.json", {"schema": "facewarden.repeats/1", **asdict(held), "page": path.name})
    return held


def _page(runs: Sequence[RepeatedRun], reports: Sequence[Report], *, command: str, passed: int | None) -> Page:
    gated = passed is not None
    rows = tuple(
        (
            one.seed, *(grade or "–" for grade in one.grades),
            *(("passed" if one.gate.passed else "FAILED") if one.gate is not None else "–",) * gated, one.folder,
        )
        for one in runs
    )  # fmt: skip
    columns = ("Seed", *(plain(name).capitalize() for name in SECTIONS), *(("Gate",) * gated), "Folder")
    simulated = any(section.simulated for report in reports for section in report.sections)
    tables = [Table("Grades of each audit", columns, rows, "", simulated)]
    spread = []
    for index, name in enumerate(SECTIONS):
        wanted = SCALES[name].metric
        values = [
            next((metric for metric in report.sections[index].metrics if metric.name == wanted), None)
            for report in reports
        ]
        known = [metric for metric in values if metric is not None]
        if known:
            ordered = sorted(known, key=lambda metric: metric.value)
            middle = float(np.median([metric.value for metric in known]))
            told = f"{name.capitalize()}: {label(wanted)}"
            spread.append((told, number(middle, unit="%"), measured(ordered[0]), measured(ordered[-1])))
    tables.append(Table("How far audits lie apart", ("Number", "Median", "Lowest", "Highest"), tuple(spread)))
    summary = f"{passed} of {len(runs)} audits passed the gate." if gated else f"{len(runs)} audits with other seeds."
    return Page(
        kicker="Repeated audit",
        title=reports[0].title,
        summary=summary,
        facts=(f"seeds {runs[0].seed} to {runs[-1].seed}", f"preset {reports[0].preset}"),
        chapters=(Chapter("runs", "Audits", ("Everything random is drawn anew in each audit.",), tuple(tables)),),
        command=command,
        simulated=simulated,
    )
