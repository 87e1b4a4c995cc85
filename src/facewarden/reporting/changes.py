"""What changed between two reports, metric by metric; the gate's `regressed(...)` reads it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Literal

from facewarden.reporting.document import SECTIONS, AuditedPart, Metric, Report, Section

HIGHER_IS_BETTER = frozenset({"auc", "eps_half", "verification_accuracy", "cloak_psnr"})
"""Metrics of which more is better for the owner of the audited system; of all others less is."""
NEUTRAL = frozenset({"cloak_psnr", "cloak_psnr_median", "cloak_psnr_worst"})
"""Metrics that are neither good nor bad."""

Verdict = Literal["worse", "better", "not shown", "no interval"]


@dataclass(frozen=True)
class MetricChange:
    """A metric of both reports.

    Attributes:
        section: of both.
        old, new: as measured then and now.
        difference: new less old.
        low, high: 95 % bounds of the difference, of independent measurements; None without intervals.
        verdict: "worse" or "better" where the whole interval of the difference lies on one side.
    """

    section: str
    old: Metric
    new: Metric
    difference: float
    low: float | None
    high: float | None
    verdict: Verdict


@dataclass(frozen=True)
class Condition:
    """What is not the same in both audits, so that a change of a metric may come from it.

    Attributes:
        what: such as "captures", "policy", "seed".
        old, new: in words.
    """

    what: str
    old: str
    new: str


@dataclass(frozen=True)
class Changes:
    """All metrics of two reports.

    Attributes:
        metrics: in the order of the new report.
        gone: labels of metrics that only the old report has.
        added: labels of metrics that only the new report has.
        old_title, old_created: of the old report.
        conditions: what else is not the same.
    """

    metrics: tuple[MetricChange, ...]
    gone: tuple[str, ...]
    added: tuple[str, ...]
    old_title: str
    old_created: str
    conditions: tuple[Condition, ...] = ()

    def of(self, section: str, name: str, group: Mapping[str, str]) -> MetricChange | None:
        """The change of one metric, or None where the old report has it not."""
        return next(
            (one for one in self.metrics if one.section == section and _key(one.new) == (name, tuple(group.items()))),
            None,
        )


def changes_between(old: Report, new: Report) -> Changes:
    """Compare two reports.

    The bounds of a difference take both reports as independent measurements, so that on the same samples they are too
    wide rather than too narrow; `facewarden compare` pairs samples.

    Source: Zou and Donner, Statistics in Medicine 27, 2008 (bounds of a difference from those of its parts).
    """
    held = {(section, *_key(metric)): metric for section, metric in _metrics(old)}
    now = {(section, *_key(metric)): metric for section, metric in _metrics(new)}
    found = [metric_change(key[0], held[key], metric) for key, metric in now.items() if key in held]
    return Changes(
        metrics=tuple(found),
        gone=tuple(f"{key[0]}.{metric.label}" for key, metric in held.items() if key not in now),
        added=tuple(f"{key[0]}.{metric.label}" for key, metric in now.items() if key not in held),
        old_title=old.title,
        old_created=old.created,
        conditions=tuple(_conditions(old, new)),
    )


def _conditions(old: Report, new: Report) -> Iterator[Condition]:
    roles = dict.fromkeys(part.role for report in (new, old) for part in report.parts)
    for role in roles:
        before, now = ([part for part in report.parts if part.role == role] for report in (old, new))
        if [_identity(part, of) for part, of in zip_longest(before, now)] != [
            _identity(part, of) for part, of in zip_longest(now, before)
        ]:
            yield Condition(role, _named(before), _named(now))
    for what, before_is, now_is in (
        ("preset", old.preset, new.preset),
        ("seed", str(old.seed), str(new.seed)),
        ("policy", _policy(old), _policy(new)),
        *((one.name, _rendered(one), _rendered(two)) for one, two in zip(old.sections, new.sections, strict=True)),
    ):
        if before_is != now_is:
            yield Condition(what, before_is, now_is)


def _identity(part: AuditedPart | None, other: AuditedPart | None) -> object:
    """What tells a part from another; reports of before hold no hash of captures and faces."""
    if part is None or other is None:
        return part
    hashes = part.sha256 if part.sha256 and other.sha256 else {}
    return part.name, dict(hashes), dict(part.settings)


def _named(parts: Sequence[AuditedPart]) -> str:
    words = []
    for part in parts:
        hashes = [f"sha256 {value[:8]}" for value in part.sha256.values()]
        counts = [f"{value} {name}" for name, value in part.settings.items() if name in ("rows", "people", "photos")]
        words.append(f"{part.name} ({', '.join([*counts, *hashes])})" if counts or hashes else part.name)
    return "; ".join(words) or "none"


def _policy(report: Report) -> str:
    words = report.command.split()
    return words[words.index("--policy") + 1] if "--policy" in words[:-1] else "eer"


def _rendered(section: Section) -> str:
    return "measured on simulated faces" if section.simulated else "measured on photos"


def _metrics(report: Report) -> Iterator[tuple[str, Metric]]:
    for name, section in zip(SECTIONS, report.sections, strict=True):
        for metric in section.metrics:
            yield name, metric


def _key(metric: Metric) -> tuple[str, tuple[tuple[str, str], ...]]:
    return metric.name, tuple(metric.group.items())


def metric_change(section: str, old: Metric, new: Metric) -> MetricChange:
    """Compare a metric of two reports.

    Args:
        section: of both.
        old, new: as measured then and now, as independent measurements.
    """
    difference = new.value - old.value
    if old.low is None or old.high is None or new.low is None or new.high is None:
        return MetricChange(section, old, new, difference, None, None, "no interval")
    low = difference - math.hypot(new.value - new.low, old.high - old.value)
    high = difference + math.hypot(new.high - new.value, old.value - old.low)
    sign = 1 if low > 0 else -1 if high < 0 else 0
    if sign == 0 or new.name in NEUTRAL:
        return MetricChange(section, old, new, difference, low, high, "not shown")
    better = (sign > 0) == (new.name in HIGHER_IS_BETTER)
    return MetricChange(section, old, new, difference, low, high, "better" if better else "worse")
