"""Which auxiliary task of a multitask detector breaks first: the audit's attack through each of its heads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from facewarden.core.roles import Detector
from facewarden.core.run import RunFolder
from facewarden.core.tasks import HEADS
from facewarden.evaluation.attack_ahead import AttackTask
from facewarden.evaluation.attack_runs import AttackRun, AttackSetup, run_grid
from facewarden.metrics.intervals import Interval, in_words, mean_by_subject
from facewarden.reporting.document import Section, Table

Rows = Mapping[str, Mapping[str, Any]]
"""Head -> what `attack_cell` found."""


def auxiliary_heads(detector: Detector) -> tuple[str, ...]:
    """The tasks that a detector has beside its decision; logits of single sensors are none."""
    return tuple(head for head in HEADS if head != "live" and head in detector.heads)


def head_tasks(setting: AttackSetup, cell: AttackRun, *, heads: Sequence[str]) -> dict[str, AttackTask]:
    """Head -> one cell of the grid through it.

    Args:
        setting: with the truth of the heads in its batches.
        cell: attack and budget.
        heads: of the detector whose gradients are read.
    """
    cells = {head: replace(cell, name=f"{cell.name}-{head}", judged=False) for head in heads}
    return {head: AttackTask(one.stage, replace(setting, head=head), one) for head, one in cells.items()}


def attack_heads(setting: AttackSetup, cell: AttackRun, run: RunFolder, *, heads: Sequence[str]) -> Rows:
    """Repeat one cell of the grid through each head, one resumable stage each.

    Args:
        setting, cell, heads: as of `head_tasks`.
        run: keeps the stages.
    """
    tasks = head_tasks(setting, cell, heads=heads)
    return {head: run_grid(one.setting, [one.cell], run)[one.stage] for head, one in tasks.items()}


def with_heads(section: Section, found: Rows, cell: AttackRun, *, seed: int) -> Section:
    """The perturbation section with a table of the heads, and words on which of them breaks the decision first.

    Args:
        section: of the attacks on the decision itself.
        found: what `attack_heads` found; empty leaves the section as it is.
        cell: attack and budget.
        seed: of the bootstrap.
    """
    if not found:
        return section
    rates = {head: _rate(rows, seed) for head, rows in found.items()}
    rows = tuple(
        (head.replace("_", " "), in_words(rate), found[head]["unlabeled"] or None) for head, rate in rates.items()
    )
    gray = f"{cell.threat.eps * 255:g}"
    table = Table(
        f"Attacks through the auxiliary tasks, {cell.name} at {gray}/255 on {'+'.join(cell.threat.modalities)}",
        ("Task", "Decisions flipped", "Samples without its truth"),
        rows,
        note="The attacker climbs the loss of one task; success stays the decision. Samples without the task's truth "
        "are not attacked and are in no rate.",
        simulated=section.simulated,
    )
    return replace(section, finding=f"{section.finding} {_finding(rates, gray)}", tables=(*section.tables, table))


def _rate(rows: Mapping[str, Any], seed: int) -> Interval | None:
    return mean_by_subject(np.array(rows["success"]), np.array(rows["subject"]), seed=seed) if rows["key"] else None


def _finding(rates: Mapping[str, Interval | None], gray: str) -> str:
    known = {head: rate for head, rate in rates.items() if rate is not None}
    if not known:
        return "Its auxiliary tasks were not attacked: the captures do not tell their truth."
    order = sorted(known, key=lambda head: known[head].value, reverse=True)
    first = known[order[0]]
    if first.value == 0.0:
        return f"Through its auxiliary tasks no attack of {gray} gray levels flips a decision (n = {first.n})."
    unsure = len(order) > 1 and first.low <= known[order[1]].high
    beside = f", though the interval reaches that of {order[1].replace('_', ' ')}" if unsure else ""
    return (
        f"Of its auxiliary tasks {order[0].replace('_', ' ')} breaks first: attacks through it flip "
        f"{in_words(first)} of the correct decisions at {gray} gray levels{beside}."
    )
