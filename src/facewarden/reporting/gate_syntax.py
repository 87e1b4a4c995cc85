"""The syntax of the gate: the allowed expressions, and references to metrics."""

from __future__ import annotations

import ast
import difflib
import operator
import re
from collections.abc import Callable

from facewarden.core.errors import BadInputError
from facewarden.reporting.document import LETTERS, SECTIONS, Metric
from facewarden.reporting.format import LABELS

COMPARE: dict[type, tuple[str, Callable[[float, float], bool]]] = {
    ast.Lt: ("<", operator.lt),
    ast.LtE: ("<=", operator.le),
    ast.Gt: (">", operator.gt),
    ast.GtE: (">=", operator.ge),
    ast.Eq: ("==", operator.eq),
    ast.NotEq: ("!=", operator.ne),
}
ARITHMETIC: dict[type, Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
OF_ONE = ("upper", "lower", "n")
OF_MANY: dict[str, Callable[[list[Metric]], Metric]] = {
    "max": lambda metrics: max(metrics, key=lambda metric: metric.value),
    "min": lambda metrics: min(metrics, key=lambda metric: metric.value),
}
SHARES = frozenset(LABELS) - {"eps_half"} | {"acer", "apcer", "natural_error"}
"""Metrics that lie between 0 and 1, whatever the report; the page shows most of them in percent."""

REGRESSED = "regressed"
"""Whether a metric, or any of several, is shown to be worse than in the earlier report."""

HINT = 'such as "presentation.acer > 0.05 or grade(poisoning) > C"; see docs/report.md'


def check_truth(node: ast.expr) -> None:
    """Refuse whatever is not a comparison of numbers or grades, joined by and, or, not.

    Raises:
        BadInputError: says which part is not allowed.
    """
    if isinstance(node, ast.BoolOp):
        for value in node.values:
            check_truth(value)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        check_truth(node.operand)
    elif is_regressed(node):
        assert isinstance(node, ast.Call)
        if len(node.args) != 1 or node.keywords:
            raise BadInputError(f"gate: {source(node)} needs one metric", hint="regressed(presentation.apcer)")
        address(node.args[0])
    elif isinstance(node, ast.Compare) and all(type(op) in COMPARE for op in node.ops):
        sides = [node.left, *node.comparators]
        about_grades = any(is_grade(side) for side in sides)
        for side in sides:
            _check_grade(side) if about_grades else _check_number(side)
        for left, op, right in zip(sides, node.ops, sides[1:], strict=False):
            _check_percent(left, op, right)
    else:
        raise BadInputError(f"gate: {source(node)} is no comparison", hint=HINT)


def _check_percent(left: ast.expr, op: ast.cmpop, right: ast.expr) -> None:
    """Refuse a share that is compared with a number beyond 1: a gate of 5 for 5 % could never fail."""
    turned: dict[type, type] = {ast.Lt: ast.Gt, ast.LtE: ast.GtE, ast.Gt: ast.Lt, ast.GtE: ast.LtE}
    share, bound, way = (left, right, type(op)) if _is_share(left) else (right, left, turned.get(type(op), type(op)))
    limit = _constant(bound)
    if not _is_share(share) or limit is None:
        return
    if limit > 1 or (limit == 1 and way in (ast.Gt, ast.LtE)):
        raise BadInputError(
            f"gate: {source(share)} is a fraction and never above 1, so that comparing it with {source(bound)} tells "
            "nothing",
            hint=f"write {limit:g} % as {limit / 100:g}",
        )


def _is_share(node: ast.expr) -> bool:
    """Whether this is a metric between 0 and 1, an end of its interval, or the largest or smallest of several."""
    while isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id not in ("n", "grade"):
        node = node.args[0]
    node = node.value if isinstance(node, ast.Subscript) else node
    return isinstance(node, ast.Attribute) and node.attr in SHARES


def _constant(node: ast.expr) -> float | None:
    """The value of an expression of numbers alone."""
    if isinstance(node, ast.Constant):
        return float(node.value)  # type: ignore[arg-type]
    if isinstance(node, ast.UnaryOp):
        inner = _constant(node.operand)
        return None if inner is None else -inner
    if isinstance(node, ast.BinOp):
        left, right = _constant(node.left), _constant(node.right)
        dead = left is None or right is None or (isinstance(node.op, ast.Div) and right == 0)
        return None if dead else ARITHMETIC[type(node.op)](left, right)  # type: ignore[arg-type]
    return None


def _check_grade(node: ast.expr) -> None:
    if is_grade(node):
        assert isinstance(node, ast.Call)
        if len(node.args) != 1 or node.keywords or not isinstance(node.args[0], ast.Name):
            raise BadInputError(f"gate: {source(node)} needs one section", hint="grade(poisoning) > C")
        _check_section(node.args[0].id)
    elif not (isinstance(node, ast.Name) and node.id in LETTERS):
        raise BadInputError(f"gate: a grade compares with A to F, not with {source(node)}", hint="grade(poisoning) > C")


def _check_number(node: ast.expr) -> None:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
        if abs(node.value) > 1e12:
            raise BadInputError(f"gate: {source(node)} is out of range", hint=HINT)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        _check_number(node.operand)
    elif isinstance(node, ast.BinOp) and type(node.op) in ARITHMETIC:
        _check_number(node.left)
        _check_number(node.right)
    elif isinstance(node, ast.Call):
        known = (*OF_ONE, *OF_MANY, "grade")
        if not isinstance(node.func, ast.Name) or node.func.id not in known:
            raise BadInputError(f"gate: no function {source(node.func)}", hint=f"known: {', '.join(known)}")
        if len(node.args) != 1 or node.keywords:
            raise BadInputError(f"gate: {source(node)} needs one metric", hint=HINT)
        inner = node.args[0]
        nested = isinstance(inner, ast.Call) and isinstance(inner.func, ast.Name) and inner.func.id in OF_MANY
        if nested and node.func.id in OF_ONE:  # upper(max(...)) is the interval end of the worst one
            _check_number(inner)
        else:
            address(inner)
    else:
        address(node)


def address(node: ast.expr) -> tuple[str, str, dict[str, str]]:
    """Section, metric name and group of a reference."""
    group: dict[str, str] = {}
    whole = node
    if isinstance(node, ast.Subscript):
        if not (isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str)):
            raise BadInputError(f"gate: cannot read the brackets of {source(node)}", hint="[eps=8/255]")
        for part in node.slice.value.split(","):
            key, equals, value = part.partition("=")
            if not (equals and key.strip() and value.strip()):
                raise BadInputError(f"gate: {part.strip()!r} in brackets is not key=value", hint="[eps=8/255]")
            group[key.strip()] = value.strip()
        node = node.value
    if not (isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)):
        raise BadInputError(f"gate: {source(whole)} is not allowed", hint=HINT)
    _check_section(node.value.id)
    return node.value.id, node.attr, group


def _check_section(name: str) -> None:
    if name not in SECTIONS:
        raise BadInputError(f"gate: no section {name!r}{near(name, list(SECTIONS))}", hint=HINT)


def is_grade(node: ast.expr) -> bool:
    """Whether this is `grade(...)`."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "grade"


def is_regressed(node: ast.expr) -> bool:
    """Whether this is `regressed(...)`."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == REGRESSED


def asks_for_earlier(node: ast.expr) -> bool:
    """Whether a gate asks for an earlier report."""
    return any(isinstance(part, ast.expr) and is_regressed(part) for part in ast.walk(node))


def source(node: ast.expr) -> str:
    """Write the expression as it was typed, without the quotes that the parser adds in brackets."""
    return re.sub(r"\['([^']*)'\]", r"[\1]", ast.unparse(node))


def near(name: str, known: list[str]) -> str:
    """Return the names nearest to a wrong one, or all names."""
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
    return f"; did you mean {' or '.join(close)}?" if close else f"; known: {', '.join(known)}"
