"""What the recognizer and a second camera say of attacked attack captures, beside the success of the attacks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewarden.auditing.attack_judges import CAMERA, MATCH, MATCHED, MATCHED_CLEAN, UNASKED
from facewarden.core.labels import ATTACK
from facewarden.evaluation.attack_runs import AttackRun
from facewarden.metrics.intervals import mean_by_subject
from facewarden.reporting.document import Metric, Table
from facewarden.reporting.format import measured

AFTER, BEFORE = "accepted_rate_injected", "accepted_rate_before_camera"
_BEHIND = "attack captures that are rejected clean, also behind a simulated camera"
_REFERENCED = "attack captures of victims with a bona fide reference"
MATCHING, CLEAN_MATCHING = "accepted_and_matched_rate", "clean_match_rate"


def judged_metrics(
    cells: Sequence[AttackRun], rows: Mapping[str, Mapping[str, Any]], *, simulated: bool, seed: int
) -> Iterator[Metric]:
    """Rates of the judged cells, of attack captures alone and of each budget by itself.

    Args:
        cells: the grid.
        rows: stage name -> rows of `attack_cell`.
        simulated: whether the captures are; the camera always is.
        seed: of bootstraps.
    """
    for cell in cells:
        found = rows[cell.stage]
        columns = {name: np.array(found[name]) for name in (MATCH, CAMERA) if name in found}
        if not columns:
            continue
        attack, subject = np.array(found["label"]) == ATTACK, np.array(found["subject"])
        fallen = np.array(found["success_alone"], bool)
        group = {"attack": cell.name, "eps": f"{cell.threat.eps * 255:g}/255",
                 "modalities": "+".join(cell.threat.modalities)}  # fmt: skip

        rates: list[tuple[str, NDArray[np.bool_], NDArray[np.bool_], str]] = []
        if CAMERA in columns:
            asked = attack & (columns[CAMERA] != UNASKED)
            rates += [(AFTER, fallen, asked, _BEHIND), (BEFORE, columns[CAMERA] == 1, asked, _BEHIND)]
        if MATCH in columns:
            asked = attack & (columns[MATCH] != UNASKED)
            matches, clean = ((columns[MATCH] & part) > 0 for part in (MATCHED, MATCHED_CLEAN))
            rates += [(MATCHING, fallen & matches, asked, _REFERENCED), (CLEAN_MATCHING, clean, asked, _REFERENCED)]
        for name, hits, asked, note in rates:
            if asked.any():
                value = mean_by_subject(hits[asked].astype(int), subject[asked], seed=seed)
                ends = (value.value, value.low, value.high, value.n)
                yield Metric(name, *ends, simulated or name == BEFORE, "%", group, note)


def judged_table(metrics: Sequence[Metric], recognizer: str | None) -> Iterator[Table]:
    """One line for each judged cell; no table where nothing was judged.

    Args:
        metrics: of the section.
        recognizer: that was asked; None where there was none.
    """
    groups = [metric.group for metric in metrics if metric.name in (AFTER, MATCHING)]
    lines = list(dict.fromkeys(tuple(group.items()) for group in groups))
    if not lines:
        return

    def cell(name: str, line: tuple[tuple[str, str], ...]) -> str | None:
        return next((measured(m) for m in metrics if m.name == name and tuple(m.group.items()) == line), None)

    names = [AFTER, BEFORE, *([CLEAN_MATCHING, MATCHING] if recognizer else [])]
    heads = ["Accepted, injected after the camera", "Accepted, shown to a camera"]
    heads += [f"Matched by {recognizer}, clean", "Accepted and matched"] if recognizer else []
    rows = []
    for line in lines:
        attack, eps, sensors = (value for _, value in line)
        rows.append((attack, sensors, eps, *(cell(name, line) for name in names)))
    note = (
        "Attack captures only, each budget by itself. The attack does not plan for the camera, which is simulated: "
        "lens, exposure, noise, image processor and JPEG of a camera drawn for each capture, on color alone; only "
        "captures count whose clean picture is rejected behind it as well."
    )
    if recognizer:
        note += " A capture matches where the recognizer finds its victim's bona fide capture; evading by destroying "
        note += "the face is no attack."
    yield Table("Attacks before a camera and a recognizer", ("Attack", "Sensors touched", "Budget (L∞)", *heads),
                tuple(rows), note=note, simulated=True)  # fmt: skip


def judged_words(metrics: Sequence[Metric], recognizer: str | None) -> Iterator[str]:
    """A sentence on the strongest judged attack: what a camera leaves of it, and what the recognizer accepts."""
    injected = [metric for metric in metrics if metric.name == AFTER]
    if injected:
        top = max(injected, key=lambda metric: metric.value)
        left = next(m for m in metrics if m.name == BEFORE and m.group == top.group)
        yield (
            f"At most {measured(top)} of the attack captures are accepted when the change is injected behind the "
            f"camera; of the same attack {measured(left)} when it is shown to one (simulated)."
        )
    matched = [metric for metric in metrics if metric.name == MATCHING]
    if matched and recognizer:
        top = max(matched, key=lambda metric: metric.value)
        clean = next(m for m in metrics if m.name == CLEAN_MATCHING and m.group == top.group)
        yield (
            f"At most {measured(top)} are accepted and still match their owner by {recognizer}; without an attack "
            f"{measured(clean)} match."
        )
