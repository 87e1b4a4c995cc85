"""What the perturbation section says first: its finding in a few sentences, and which of its numbers lead."""

from __future__ import annotations

from collections.abc import Sequence

from facewarden.auditing.judged_attacks import AFTER, BEFORE, MATCHING, judged_words
from facewarden.core.settings.budget import same_budget
from facewarden.reporting.document import Metric
from facewarden.reporting.format import measured
from facewarden.reporting.grades import BUDGET

CONTROL = "noise"
"""The change without a gradient, beside which attacks stand; it never leads."""


def perturbation_finding(metrics: Sequence[Metric], recognizer: str | None) -> str:
    """Say what the strongest attack flips, what the one on the first sensors flips, and what is accepted of attacks.

    Args:
        metrics: of the section, in the grid's order.
        recognizer: that was asked whether attacked captures still match, if one was.
    """
    tops = _strongest(metrics)
    if not tops:
        return ""
    top = max(tops, key=lambda metric: metric.value)
    parts = [_flips(top)]
    halves = [one.value for one in metrics if one.name == "eps_half" and _where(one) == _where(top)]
    if halves:
        parts.append(f"Half of them are lost at about {min(halves):.1f} gray levels.")
    if tops[0] is not top:
        parts.append(_flips(tops[0], alone=True))
    return " ".join([*parts, *judged_words(metrics, recognizer)])


def deciding_first(metrics: Sequence[Metric]) -> tuple[Metric, ...]:
    """The metrics with those first that a reader decides by; the others follow in their order.

    First is the success rate that sets the grade, then the strongest attack on each set of sensors, the budget that
    flips half, and what camera and recognizer leave of the strongest attack.
    """
    graded = [one for one in metrics if one.name == "success_rate" and same_budget(one.group["eps"], BUDGET)]
    first = [max(graded, key=lambda one: (one.high or 0.0, one.value))] if graded else []
    first += _strongest(metrics)
    first += [one for one in metrics if one.name == "eps_half"]
    judged = [one for one in metrics if one.name == AFTER]
    if judged:
        worst = max(judged, key=lambda one: one.value).group
        first += [one for one in metrics if one.name in (AFTER, BEFORE, MATCHING) and one.group == worst]
    return tuple({one.label: one for one in (*first, *metrics)}.values())


def _where(metric: Metric) -> str:
    return metric.group.get("modalities", "")


def _strongest(metrics: Sequence[Metric]) -> list[Metric]:
    """For each set of sensors, in their order, the attack and budget that flip most; of equals, the larger budget."""
    pooled = [
        one
        for one in metrics
        if one.name == "success_rate" and one.group.get("direction") == "pooled" and one.group.get("attack") != CONTROL
    ]
    sensors = dict.fromkeys(map(_where, pooled))
    return [max((one for one in pooled if _where(one) == name), key=_rank) for name in sensors]


def _rank(metric: Metric) -> tuple[float, float]:
    return metric.value, _gray(metric)


def _gray(metric: Metric) -> float:
    return float(metric.group["eps"].partition("/")[0])


def _flips(metric: Metric, *, alone: bool = False) -> str:
    sensors = _where(metric).replace("+", " and ")
    return (
        f"Changing {sensors}{' alone' if alone else ''} by at most {_gray(metric):g} gray levels "
        f"({metric.group['attack']}) flips {measured(metric)} of {'them' if alone else 'its correct decisions'}."
    )
