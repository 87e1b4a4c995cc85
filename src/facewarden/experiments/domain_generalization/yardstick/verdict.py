"""Whether a set is accepted as a yardstick, rule by rule, from its figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from facewarden.experiments.domain_generalization.yardstick.figures import MAIN
from facewarden.experiments.domain_generalization.yardstick.rules import CEILING, CROSSING, FLOORS, GAP, WEIGHTS
from facewarden.metrics.transfer import Replicated, difference

Areas = Mapping[str, Mapping[str, Replicated]]


@dataclass(frozen=True)
class Verdict:
    """What one rule says.

    Attributes:
        rule: in words.
        passed: None where it cannot be decided with what was measured.
        detail: the figures, in words.
    """

    rule: str
    passed: bool | None
    detail: str

    def plain(self) -> dict[str, Any]:
        """As JSON values."""
        return {"rule": self.rule, "passed": self.passed, "detail": self.detail}

    @property
    def word(self) -> str:
        """What tables say: pass, FAIL or not decided."""
        return "not decided" if self.passed is None else "pass" if self.passed else "FAIL"


@dataclass(frozen=True)
class GroupGap:
    """The best floor of a group under its ceiling.

    Attributes:
        group: of species.
        floor: its name.
        best, ceiling: areas.
        gap: ceiling less floor, on the same draws.
    """

    group: str
    floor: str
    best: Replicated
    ceiling: Replicated
    gap: Replicated

    @property
    def wide(self) -> bool:
        """Whether the floor is far enough under the ceiling: the first rule."""
        return self.best.interval().high <= self.ceiling.value - GAP

    @property
    def high(self) -> bool:
        """Whether the ceiling is high enough: the second rule."""
        return self.ceiling.value >= CEILING


def gaps(floors: Areas, ceiling: Mapping[str, Replicated]) -> dict[str, GroupGap]:
    """The gap of every group that has a floor and a ceiling.

    Args:
        floors: floor -> group -> area; frozen features are no floor of the rules.
        ceiling: group -> area, in-domain.
    """
    found = {}
    for group in WEIGHTS:
        known = {name: areas[group] for name, areas in floors.items() if name in FLOORS and group in areas}
        if not known or group not in ceiling:
            continue
        best = max(known, key=lambda name: known[name].value)
        top = ceiling[group]
        if (known[best].n, known[best].subjects) == (top.n, top.subjects):  # else some domains have no ceiling
            found[group] = GroupGap(group, best, known[best], top, difference(top, known[best]))
    return found


def verdicts(
    by_group: Mapping[str, GroupGap],
    *,
    crossed: Mapping[str, Replicated],
    inside: Mapping[str, Replicated],
    floors: int,
) -> list[Verdict]:
    """The rules, in their order; the one on rankings waits for trained methods.

    Args:
        by_group: the gaps.
        crossed, inside: areas of frozen features of unseen domains, and fitted in-domain on all species.
        floors: how many linear floors were fitted; rule 1 is undecided without all of them.
    """
    whole = len(by_group) == len(WEIGHTS)
    complete = whole and floors == len(FLOORS)

    def told(pick: str) -> str:
        return "; ".join(f"{name} {getattr(one, pick)}" for name, one in shown.items())

    shown = {name: _Shown(one) for name, one in by_group.items()}
    first = Verdict(
        f"in each group the upper end of the best floor is at least {100 * GAP:.0f} points under the ceiling",
        all(one.wide for one in by_group.values()) if complete else None,
        told("gap"),
    )
    second = Verdict(
        f"the ceiling is at least {100 * CEILING:.0f} % in each group",
        all(one.high for one in by_group.values()) if whole else None,
        told("ceiling"),
    )
    return [first, second, _crossing(crossed, inside)]


def _crossing(crossed: Mapping[str, Replicated], inside: Mapping[str, Replicated]) -> Verdict:
    rule = (
        f"frozen features reach at least {100 * CEILING:.0f} % in-domain, and the upper end of unseen domains is at "
        f"least {100 * CROSSING:.0f} points under that"
    )
    if MAIN not in crossed or MAIN not in inside:
        return Verdict(rule, None, "a group is missing")
    far, near = crossed[MAIN], inside[MAIN]
    passed = near.value >= CEILING and far.interval().high <= near.value - CROSSING
    return Verdict(rule, passed, f"in-domain {_percent(near)}, unseen domains {_percent(far)}")


@dataclass(frozen=True)
class _Shown:
    one: GroupGap

    @property
    def gap(self) -> str:
        return f"{_percent(self.one.best)} ({self.one.floor}) under {100 * self.one.ceiling.value:.1f}"

    @property
    def ceiling(self) -> str:
        return _percent(self.one.ceiling)


def _percent(found: Replicated) -> str:
    interval = found.interval()
    return f"{100 * interval.value:.1f} [{100 * interval.low:.1f}, {100 * interval.high:.1f}]"
