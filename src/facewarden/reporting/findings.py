"""What to do after an audit: its findings ranked, each with the number that set it, an action and a command.

Order: grades from worst to best, and within a grade by how far the deciding number is above the limit of A; then what
was not graded, and what was left out. A finding of grade A asks for nothing.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from facewarden.reporting.document import LETTERS, SECTIONS, Metric, Report, Section
from facewarden.reporting.format import group_text, label, measured, plain
from facewarden.reporting.grades import BUDGET, SCALES

Level = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Finding:
    """One thing that an audit found.

    Attributes:
        rule: a name that stays from audit to audit, such as "presentation/apcer".
        section: of the report.
        grade: of the section; None where it was not graded or something was left out.
        level: "error" for E and F, "warning" for C and D and for what was not graded, "note" for the rest.
        title: what it is, in a few words.
        number: what set it, with interval and count; empty where nothing was measured.
        action: what is recommended.
        command: what to type; empty where there is nothing to type.
        simulated: whether the number is of simulated captures.
    """

    rule: str
    section: str
    grade: str | None
    level: Level
    title: str
    number: str
    action: str
    command: str
    simulated: bool


def ranked_findings(report: Report) -> tuple[Finding, ...]:
    """Everything that an audit asks for, the most urgent first.

    Args:
        report: the audit.
    """
    detector = _named(report, "detector", "DETECTOR")
    found: list[tuple[tuple[float, float], Finding]] = []
    for name, section in zip(SECTIONS, report.sections, strict=True):
        for finding, excess in _of_section(name, section, detector):
            worst = -LETTERS.index(finding.grade) if finding.grade else 1.0
            found.append(((worst, -excess), finding))
        found += [((2.0, 0.0), _left_out(name, section, index)) for index in range(len(section.left_out))]
    return tuple(finding for _, finding in sorted(found, key=lambda one: one[0]))


def _of_section(name: str, section: Section, detector: str) -> Iterator[tuple[Finding, float]]:
    if not section.metrics:
        return
    if section.grade is None:
        action, command = _more_samples(name)
        title = f"{name.capitalize()}: no grade"
        yield _finding(f"{name}/not-graded", name, section, title, section.reason, action, command), 0.0
        return
    if section.grade == "A":
        return
    makers = {"presentation": _presentation, "perturbation": _perturbation, "poisoning": _poisoning}
    yield from makers[name](section, detector)


def _presentation(section: Section, detector: str) -> Iterator[tuple[Finding, float]]:
    limit = SCALES["presentation"].limits[0]
    worst = max((m for m in section.metrics if m.name == "apcer"), key=_high, default=None)
    rejected = next((m for m in section.metrics if m.name == "bpcer" and not m.group), None)
    if worst is not None and _high(worst) > limit:
        kind = plain(worst.group.get("species", "an attack"))
        shown = worst.value > limit
        yield (
            _finding(
                "presentation/apcer", "presentation", section,
                f"{kind} passes the detector" if shown else f"{kind}: too few samples to rule out that it passes",
                f"{label('apcer')} of {kind}: {measured(worst)}",
                f"Train on attacks like {kind}, or set a stricter threshold and look at what it costs in BPCER."
                if shown
                else f"Present more of {kind}: the interval is wide, the number itself is within the limit of A.",
                f"facewarden audit --detector {detector} --policy bpcer_at_apcer=0.05"
                if shown
                else "facewarden plan-test --claim apcer=0.025",
            ),
            _high(worst) - limit,
        )  # fmt: skip
    if rejected is not None and _high(rejected) > limit:
        yield (
            _finding(
                "presentation/bpcer", "presentation", section, "Bona fide presentations are rejected",
                f"{label('bpcer')}: {measured(rejected)}",
                "Carry the threshold over to your own camera from bona fide photos, then measure the attacks again.",
                f"facewarden calibrate {detector} --bona-fide PHOTOS",
            ),
            _high(rejected) - limit,
        )  # fmt: skip


def _perturbation(section: Section, detector: str) -> Iterator[tuple[Finding, float]]:
    limit = SCALES["perturbation"].limits[0]
    at_budget = [m for m in section.metrics if m.name == "success_rate" and m.group.get("eps") == BUDGET]
    worst = max(at_budget, key=_high, default=None)
    if worst is None:
        return
    half = next((m for m in section.metrics if m.name == "eps_half"), None)
    more = f"; half of the samples flip at {measured(half)}" if half is not None else ""
    ladder = [m for m in section.metrics if m.name == "ladder_success" and m.group["attacker"] != "recapture_only"]
    climbed = max(ladder, key=lambda metric: metric.value, default=None)
    if climbed is not None and climbed.value > worst.value:
        more += f"; {label(climbed.name)}: {_with_group(climbed)}"
    where = plain(worst.group.get("modalities", "the image"))
    yield (
        _finding(
            "perturbation/success-rate", "perturbation", section,
            f"Changes of {BUDGET} to {where} flip the decision",
            f"{label('success_rate')} at {BUDGET}: {_with_group(worst)}{more}",
            "Train under attack, and keep attackers from scores and gradients: answer with decisions, limit queries.",
            "facewarden train multitask_robust --out MODEL",
        ),
        _high(worst) - limit,
    )  # fmt: skip


def _poisoning(section: Section, detector: str) -> Iterator[tuple[Finding, float]]:
    limit = SCALES["poisoning"].limits[0]
    rates = [m for m in section.metrics if m.name == "excess_protection_rate"]
    by_purifier: dict[str, Metric] = {}
    for metric in rates:
        name = metric.group.get("purifier", "none")
        by_purifier[name] = max(by_purifier.get(name, metric), metric, key=_high)
    if not by_purifier:
        return
    best = min(by_purifier, key=lambda name: _high(by_purifier[name]))
    plainly = max((m for name, m in by_purifier.items() if name in ("none", "identity")), key=_high, default=None)
    told = f"behind {plain(best)}: {_with_group(by_purifier[best])}"
    before = f"{_with_group(plainly)} without purifying, " if plainly is not None else ""
    yield (
        _finding(
            "poisoning/protection-rate", "poisoning", section, "Cloaked photos hide people from the recognizer",
            f"{label('excess_protection_rate')}: {before}{told}",
            f"Purify every photo with {plain(best)} before the recognizer learns from it.",
            f"facewarden purify PHOTOS --purifier {best} --out PURIFIED",
        ),
        _high(by_purifier[best]) - limit,
    )  # fmt: skip


def _with_group(metric: Metric) -> str:
    """A number and of what it is: the worst of several may be another one than the section's first sentence names."""
    who = group_text({name: value for name, value in metric.group.items() if name not in ("purifier", "recognizer")})
    return f"{measured(metric)} ({who})" if who else measured(metric)


def _more_samples(name: str) -> tuple[str, str]:
    actions = {
        "presentation": (
            "Measure more presentations: too few carry the number.",
            "facewarden plan-test --claim apcer=0.05",
        ),
        "perturbation": ("Attack more samples.", "facewarden audit --preset thorough"),
        "poisoning": ("Give photos of more people, or another recognizer.", "facewarden audit --faces PHOTOS"),
    }
    return actions[name]


def _left_out(name: str, section: Section, index: int) -> Finding:
    gap = section.left_out[index]
    return Finding(
        f"{name}/left-out",
        name,
        None,
        "note",
        f"Not measured: {gap.what}",
        "",
        f"{gap.why}.",
        gap.command,
        simulated=False,
    )  # fmt: skip


def _finding(rule: str, name: str, section: Section, title: str, number: str, action: str, command: str) -> Finding:
    level: Level = "error" if section.grade in ("E", "F") else "note" if section.grade == "B" else "warning"
    return Finding(rule, name, section.grade, level, title, number, action, command, simulated=section.simulated)


def _named(report: Report, role: str, absent: str) -> str:
    part = next((part for part in report.parts if part.role == role), None)
    return absent if part is None else shlex.quote(part.name)


def _high(metric: Metric) -> float:
    return metric.value if metric.high is None else metric.high
