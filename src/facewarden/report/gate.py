"""The gate of `--fail-on`: a small, closed language over a report's numbers; nothing in it can run code.

    presentation.acer > 0.05 or max(perturbation.success_rate[eps=8/255]) > 0.5 or grade(poisoning) > C

- `SECTION.METRIC` is the value of a metric named as in `report.json`; `SECTION.METRIC[key=value, ...]` picks by group
  (values without quotes; "8/255" and "0.0313725..." are the same). It must name exactly one metric.
- `upper(...)`, `lower(...)` are the ends of its interval, `n(...)` its sample count; `max(...)` and `min(...)` take
  the largest or smallest value of all metrics that fit.
- `grade(SECTION)` compares with a letter; `> C` means worse than C.
- Numbers, `+ - * /`, `< <= > >= == !=`, `and`, `or`, `not`, parentheses.

The gate fails when the expression is true. It also fails when it asks for something that was not measured (a section
without metrics, a missing grade or interval): an audit that could not look has not passed.
"""

from __future__ import annotations

import ast
import difflib
import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from facewarden.core.errors import BadInputError
from facewarden.report.document import LETTERS, SECTIONS, Gate, Metric, Report, Section
from facewarden.report.grades import parse_eps
from facewarden.report.words import measured

ALIASES: Mapping[str, str] = MappingProxyType({"acer": "acer_worst_species", "apcer": "apcer_worst_species"})
"""Short names; they hold where a section has no ungrouped metric of the short name itself."""

_LIMIT, _DEPTH = 2000, 40  # characters and nesting, far from the recursion limit
_BRACKETS = re.compile(r"\[([^\[\]'\"\\]*)\]")
_COMPARE: dict[type, tuple[str, Callable[[float, float], bool]]] = {
    ast.Lt: ("<", operator.lt),
    ast.LtE: ("<=", operator.le),
    ast.Gt: (">", operator.gt),
    ast.GtE: (">=", operator.ge),
    ast.Eq: ("==", operator.eq),
    ast.NotEq: ("!=", operator.ne),
}
_ARITHMETIC: dict[type, Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_OF_ONE = ("upper", "lower", "n")
_OF_MANY: dict[str, Callable[[list[Metric]], Metric]] = {
    "max": lambda metrics: max(metrics, key=lambda metric: metric.value),
    "min": lambda metrics: min(metrics, key=lambda metric: metric.value),
}
_HINT = 'such as "presentation.acer > 0.05 or grade(poisoning) > C"; see docs/report.md'


@dataclass(frozen=True)
class Expression:
    """A checked gate, parsed before an audit so that a typing error costs no run.

    Attributes:
        text: as given.
        tree: its whitelisted syntax tree.
    """

    text: str
    tree: ast.expr

    def evaluate(self, report: Report) -> Gate:
        """Apply the gate to a report.

        Raises:
            BadInputError: a metric or group that a measured section does not have, with the nearest names.
        """
        look = _Look(report)
        failed = look.truth(self.tree)
        return Gate(self.text, passed=not failed and not look.missing, detail="; ".join([*look.seen, *look.missing]))


def parse_gate(text: str) -> Expression:
    """Check the syntax and the section names of a gate.

    Args:
        text: the expression, see the module.

    Raises:
        BadInputError: says which part is not allowed.
    """
    if len(text) > _LIMIT:
        raise BadInputError(f"gate: longer than {_LIMIT} characters", hint=_HINT)
    quoted = _BRACKETS.sub(lambda match: f"[{match.group(1).strip()!r}]", text.strip())
    try:
        tree = ast.parse(quoted, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise BadInputError(f"gate: cannot read {text!r}: {getattr(error, 'msg', error)}", hint=_HINT) from None
    level: list[ast.AST] = [tree]
    depth = 0
    while level:  # by levels, because a walk that calls itself is what deep nesting would break
        level, depth = [child for node in level for child in ast.iter_child_nodes(node)], depth + 1
        if depth > _DEPTH:
            raise BadInputError("gate: nested too deeply", hint=_HINT)
    _check_truth(tree)
    return Expression(text, tree)


def evaluate_gate(text: str, report: Report) -> Gate:
    """Parse a gate and apply it to a report."""
    return parse_gate(text).evaluate(report)


def _check_truth(node: ast.expr) -> None:
    if isinstance(node, ast.BoolOp):
        for value in node.values:
            _check_truth(value)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        _check_truth(node.operand)
    elif isinstance(node, ast.Compare) and all(type(op) in _COMPARE for op in node.ops):
        sides = [node.left, *node.comparators]
        about_grades = any(_is_grade(side) for side in sides)
        for side in sides:
            _check_grade(side) if about_grades else _check_number(side)
    else:
        raise BadInputError(f"gate: {_source(node)} is no comparison", hint=_HINT)


def _check_grade(node: ast.expr) -> None:
    if _is_grade(node):
        assert isinstance(node, ast.Call)
        if len(node.args) != 1 or node.keywords or not isinstance(node.args[0], ast.Name):
            raise BadInputError(f"gate: {_source(node)} needs one section", hint="grade(poisoning) > C")
        _check_section(node.args[0].id)
    elif not (isinstance(node, ast.Name) and node.id in LETTERS):
        raise BadInputError(
            f"gate: a grade compares with A to F, not with {_source(node)}", hint="grade(poisoning) > C"
        )


def _check_number(node: ast.expr) -> None:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
        if abs(node.value) > 1e12:
            raise BadInputError(f"gate: {_source(node)} is out of range", hint=_HINT)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        _check_number(node.operand)
    elif isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
        _check_number(node.left)
        _check_number(node.right)
    elif isinstance(node, ast.Call):
        known = (*_OF_ONE, *_OF_MANY, "grade")
        if not isinstance(node.func, ast.Name) or node.func.id not in known:
            raise BadInputError(f"gate: no function {_source(node.func)}", hint=f"known: {', '.join(known)}")
        if len(node.args) != 1 or node.keywords:
            raise BadInputError(f"gate: {_source(node)} needs one metric", hint=_HINT)
        inner = node.args[0]
        nested = isinstance(inner, ast.Call) and isinstance(inner.func, ast.Name) and inner.func.id in _OF_MANY
        if nested and node.func.id in _OF_ONE:  # upper(max(...)) is the interval end of the worst one
            _check_number(inner)
        else:
            _address(inner)
    else:
        _address(node)


def _address(node: ast.expr) -> tuple[str, str, dict[str, str]]:
    """Section, metric name and group of a reference."""
    group: dict[str, str] = {}
    whole = node
    if isinstance(node, ast.Subscript):
        if not (isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str)):
            raise BadInputError(f"gate: cannot read the brackets of {_source(node)}", hint="[eps=8/255]")
        for part in node.slice.value.split(","):
            key, equals, value = part.partition("=")
            if not (equals and key.strip() and value.strip()):
                raise BadInputError(f"gate: {part.strip()!r} in brackets is not key=value", hint="[eps=8/255]")
            group[key.strip()] = value.strip()
        node = node.value
    if not (isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)):
        raise BadInputError(f"gate: {_source(whole)} is not allowed", hint=_HINT)
    _check_section(node.value.id)
    return node.value.id, node.attr, group


def _check_section(name: str) -> None:
    if name not in SECTIONS:
        raise BadInputError(f"gate: no section {name!r}{_near(name, list(SECTIONS))}", hint=_HINT)


class _Look:
    """Evaluates a checked tree and writes down every number it looked at."""

    def __init__(self, report: Report) -> None:
        self.sections: dict[str, Section] = {section.name: section for section in report.sections}
        self.seen: list[str] = []
        self.missing: list[str] = []

    def truth(self, node: ast.expr) -> bool:
        if isinstance(node, ast.BoolOp):
            values = [self.truth(value) for value in node.values]  # all of them: a wrong name must not hide behind `or`
            return all(values) if isinstance(node.op, ast.And) else any(values)
        if isinstance(node, ast.UnaryOp):
            return not self.truth(node.operand)
        assert isinstance(node, ast.Compare)
        sides, used = [node.left, *node.comparators], list[str]()
        read = self._letter if any(map(_is_grade, sides)) else self._number
        numbers = [read(side, used) for side in sides]
        pairs = zip(numbers, node.ops, numbers[1:], strict=False)
        # a number that is missing compares as nothing; `missing` fails the gate whatever the rest says
        result = all(_COMPARE[type(op)][1](left, right) for left, op, right in pairs)
        self.seen.append(f"{_source(node)}: {'yes' if result else 'no'}" + (f" ({', '.join(used)})" if used else ""))
        return result

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
                raise BadInputError(f"gate: {_source(node)} divides by zero", hint=_HINT)
            return _ARITHMETIC[type(node.op)](left, right)
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
            if node.func.id not in _OF_MANY:
                return self._metric(node.args[0])
            found = self._matching(node.args[0], one=False)
            return _OF_MANY[node.func.id](found) if found else None
        found = self._matching(node, one=True)
        return found[0] if found else None

    def _matching(self, node: ast.expr, *, one: bool) -> list[Metric]:
        section_name, name, group = _address(node)
        metrics = self.sections[section_name].metrics
        if not metrics:
            self.missing.append(f"{section_name} was not measured, so the gate cannot pass")
            return []
        if one and not group and name in ALIASES and not any(m.name == name and not m.group for m in metrics):
            name = ALIASES[name]
        named = [metric for metric in metrics if metric.name == name]
        if not named:
            known = sorted({metric.name for metric in metrics})
            raise BadInputError(
                f"gate: {section_name} has no metric {name!r}{_near(name, known)}", hint="the names are in report.json"
            )
        found = [metric for metric in named if _fits(metric.group, group)]
        exact = [metric for metric in found if len(metric.group) == len(group)]
        found = exact if one and len(exact) == 1 else found
        if not found or (one and len(found) > 1):
            labels = ", ".join(f"{section_name}.{metric.label}" for metric in (found or named)[:6])
            count = "none" if not found else f"{len(found)} metrics"
            raise BadInputError(
                f"gate: {count} fit {_source(node)}; there are {labels}", hint="name one, or use max(...) or min(...)"
            )
        return found


def _fits(group: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    return all(key in group and _same(group[key], value) for key, value in wanted.items())


def _same(one: str, other: str) -> bool:
    return one == other or abs(parse_eps(one) - parse_eps(other)) < 1e-9


def _is_grade(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "grade"


def _source(node: ast.expr) -> str:
    return re.sub(r"\['([^']*)'\]", r"[\1]", ast.unparse(node))


def _near(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
    return f"; did you mean {' or '.join(close)}?" if close else f"; known: {', '.join(known)}"
