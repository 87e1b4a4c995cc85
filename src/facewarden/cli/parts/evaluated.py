"""How the figures of an evaluation are printed."""

from __future__ import annotations

from facewarden.cli.parts.outcome import Outcome
from facewarden.evaluation.verdicts.default_detector import COLOR_ALONE
from facewarden.reporting.format import group_text, label, measured
from facewarden.verbs.evaluated import Evaluated


def outcome_of(result: Evaluated) -> Outcome:
    """What was left out, every figure, and what was written."""
    lines = [f"skipped {count}: {reason}" for reason, count in result.skipped.items()]
    for metric in result.metrics:
        where = group_text(metric.group)
        mark = "  simulated" if metric.simulated else ""
        lines.append(f"{label(metric.name) + (f' ({where})' if where else ''):<56} {measured(metric)}{mark}")
    lines += [f"wrote {path}" for path in result.files]
    told = [text for text in result.warnings if text != COLOR_ALONE]  # which was said when it was chosen
    return Outcome(result, lines, problems=[f"warning: {text}" for text in told])
