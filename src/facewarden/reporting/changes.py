"""What changed between two reports, metric by metric; the gate's `regressed(...)` reads it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from facewarden.reporting.document import SECTIONS, Metric, Report

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
class Changes:
    """All metrics of two reports.

    Attributes:
        metrics: in the order of the new report.
        gone: labels of metrics that only the old report has.
        added: labels of metrics that only the new report has.
        old_title, old_created: of the old report.
    """

    metrics: tuple[MetricChange, ...]
    gone: tuple[str, ...]
    added: tuple[str, ...]
    old_title: str
    old_created: str

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
    )


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
