"""Audit a detector and a recognizer: one graded report on presentation, perturbation and poisoning."""

from __future__ import annotations

from facewarden.reporting.document import SECTIONS
from facewarden.verbs.audit import AuditResult, audit


def show(result: AuditResult) -> int:
    """Print the grades and where the report is; 1 when the gate failed."""
    for name, section in zip(SECTIONS, result.report.sections, strict=True):
        print(f"{name:<13} {section.grade or '-'}  {section.finding}")
        for reason, count in section.skipped.items():
            print(f"{'':<16} skipped {count}: {reason}")
        for left in section.left_out:
            print(f"{'':<16} left out: {left.what} ({left.why})\n{'':<16} -> {left.command}")
    if result.gate is not None:
        print(f"gate {'passed' if result.gate.passed else 'FAILED'}: {result.gate.detail}")
    print(f"report: {result.html}")
    print(f"data:   {result.json}")
    return 0 if result.gate is None or result.gate.passed else 1


entry = audit
