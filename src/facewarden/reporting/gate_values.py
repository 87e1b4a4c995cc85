"""The values of a gate: the metrics of a report for every reference in a checked expression."""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping
from types import MappingProxyType

from facewarden.core.errors import BadInputError
from facewarden.core.settings.budget import same_budget
from facewarden.reporting.changes import Changes
from facewarden.reporting.document import LETTERS, Metric, Report, Section
from facewarden.reporting.format import measured
from facewarden.reporting.gate_syntax import (
    ARITHMETIC,
    COMPARE,
    HINT,
    OF_MANY,
    address,
    is_grade,
    is_regressed,
    near,
    source,
)

ALIASES: Mapping[str, str] = MappingProxyType({name: f"{name}_worst_species" for name in ("acer", "apcer", "iapar")})
"""Short names; they hold where a section has no ungrouped metric of the short name itself."""
OLD_GROUP_KEYS: Mapping[str, str] = MappingProxyType({"judge": "recognizer", "judge_is": "recognizer_is"})
"""Keys of groups in gates and reports of 0.1 -> their names now."""


class GateEvaluator:
    """Evaluates a checked tree and records every number that it used."""

    def __init__(self, report: Report, changes: Changes | None = None) -> None:
        self.changes = changes
        self.sections: dict[str, Section] = {section.name: section for section in report.sections}
        self.seen: list[str] = []
        self.missing: list[str] = []

    def truth(self, node: ast.expr) -> bool:
        """Whether a checked expression is true of the report; False, and a line in `missing`, without a number."""
        if isinstance(node, ast.BoolOp):
            values = [self.truth(value) for value in node.values]  # all of them: a wrong name must not hide behind `or`
            return all(values) if isinstance(node.op, ast.And) else any(values)
        if isinstance(node, ast.UnaryOp):
            return not self.truth(node.operand)
        if is_regressed(node):
            assert isinstance(node, ast.Call)
            return self._regressed(node)
        assert isinstance(node, ast.Compare)
        sides, used = [node.left, *node.comparators], list[str]()
        read = self._letter if any(map(is_grade, sides)) else self._number
        numbers = [read(side, used) for side in sides]
        pairs = zip(numbers, node.ops, numbers[1:], strict=False)
        # a number that is missing compares as nothing; `missing` fails the gate whatever the rest says
        result = all(COMPARE[type(op)][1](left, right) for left, op, right in pairs)
        self.seen.append(f"{source(node)}: {'yes' if result else 'no'}" + (f" ({', '.join(used)})" if used else ""))
        return result

    def matching(self, node: ast.expr) -> list[Metric]:
        """All metrics that fit a reference, in the order of the report; none where its section was not measured.

        Raises:
            BadInputError: the section has no metric of this name or group.
        """
        return self._matching(node, one=False)

    def _regressed(self, node: ast.Call) -> bool:
        """Whether any metric that fits is shown to be worse than in the earlier report."""
        if self.changes is None:
            self.missing.append(f"{source(node)} needs an earlier report (--against OLD), so the gate cannot pass")
            return False
        section, _, _ = address(node.args[0])
        found = [self.changes.of(section, m.name, m.group) for m in self._matching(node.args[0], one=False)]
        known = [change for change in found if change is not None and change.verdict != "no interval"]
        if len(known) < len(found):
            self.missing.append(
                f"{len(found) - len(known)} of {len(found)} metrics of {source(node.args[0])} are not in the earlier "
                "report or have no interval, so the gate cannot pass"
            )
        worse = [change for change in known if change.verdict == "worse"]
        told = [f"{one.new.label} was {measured(one.old)}, is {measured(one.new)}" for one in (worse or known)[:3]]
        self.seen.append(f"{source(node)}: {'yes' if worse else 'no'}" + (f" ({'; '.join(told)})" if told else ""))
        return bool(worse)

    def _letter(self, node: ast.expr, used: list[str]) -> float:
        if isinstance(node, ast.Name):
            return float(LETTERS.index(node.id))
        assert isinstance(node, ast.Call)
        assert isinstance(node.args[0], ast.Name)
        section = self.sections[node.args[0].id]
        if section.grade is None:
            self.missing.append(f"{section.name} has no grade, so the gate cannot pass")
            return math.nan
        used.append(f"{section.name} has grade {section.grade}")
        return float(LETTERS.index(section.grade))

    def _number(self, node: ast.expr, used: list[str]) -> float:
        if isinstance(node, ast.Constant):
            assert isinstance(node.value, int | float)
            return float(node.value)
        if isinstance(node, ast.UnaryOp):
            return -self._number(node.operand, used)
        if isinstance(node, ast.BinOp):
            left, right = self._number(node.left, used), self._number(node.right, used)
            if isinstance(node.op, ast.Div) and right == 0:
                raise BadInputError(f"gate: {source(node)} divides by zero", hint=HINT)
            return ARITHMETIC[type(node.op)](left, right)
        metric = self._metric(node)
        if metric is None:
            return math.nan
        used.append(f"{metric.label} = {measured(metric)}")
        return self._end(node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else "", metric)

    def _end(self, function: str, metric: Metric) -> float:
        if function == "n":
            return float(metric.n)
        end = {"upper": metric.high, "lower": metric.low}.get(function, metric.value)
        if end is None:
            self.missing.append(f"{metric.label} has no interval, so the gate cannot pass")
        return math.nan if end is None else end

    def _metric(self, node: ast.expr) -> Metric | None:
        """The one metric that a reference, perhaps inside max or min, stands for; None when nothing was measured."""
        if isinstance(node, ast.Call):
            assert isinstance(node.func, ast.Name)
            if node.func.id not in OF_MANY:
                return self._metric(node.args[0])
            matches = self._matching(node.args[0], one=False)
            return OF_MANY[node.func.id](matches) if matches else None
        matches = self._matching(node, one=True)
        return matches[0] if matches else None

    def _matching(self, node: ast.expr, *, one: bool) -> list[Metric]:
        section_name, name, group = address(node)
        metrics = self.sections[section_name].metrics
        if not metrics:
            self.missing.append(f"{section_name} was not measured, so the gate cannot pass")
            return []
        if (
            not group
            and name in ALIASES
            and (one or not any(m.name == name for m in metrics))
            and not any(m.name == name and not m.group for m in metrics)
        ):
            name = ALIASES[name]
        named = [metric for metric in metrics if metric.name == name]
        if not named:
            known = sorted({metric.name for metric in metrics})
            raise BadInputError(
                f"gate: {section_name} has no metric {name!r}{near(name, known)}", hint="the names are in report.json"
            )
        matches = [metric for metric in named if _fits(metric.group, group)]
        exact = [metric for metric in matches if len(metric.group) == len(group)]
        matches = exact if one and len(exact) == 1 else matches
        if not matches or (one and len(matches) > 1):
            labels = ", ".join(f"{section_name}.{metric.label}" for metric in (matches or named)[:6])
            count = "none" if not matches else f"{len(matches)} metrics"
            raise BadInputError(
                f"gate: {count} fit {source(node)}; there are {labels}", hint="name one, or use max(...) or min(...)"
            )
        return matches


def _fits(group: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    group, wanted = _of_today(group), _of_today(wanted)
    return all(key in group and _same(group[key], value) for key, value in wanted.items())


def _of_today(group: Mapping[str, str]) -> dict[str, str]:
    return {OLD_GROUP_KEYS.get(key, key): value for key, value in group.items()}


def _same(one: str, other: str) -> bool:
    return one == other or same_budget(one, other)
