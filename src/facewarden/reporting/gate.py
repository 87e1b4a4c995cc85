"""The gate of `--fail-on`: a small, closed language over a report's numbers; nothing in it can run code.

    presentation.acer > 0.05 or max(perturbation.success_rate[eps=8/255]) > 0.5 or grade(poisoning) > C

- `SECTION.METRIC` is the value of a metric named as in `report.json`; `SECTION.METRIC[key=value, ...]` picks by group
  (values without quotes; "8/255" and "0.0313725..." are the same). It must name exactly one metric.
- `upper(...)`, `lower(...)` are the ends of its interval, `n(...)` its sample count; `max(...)` and `min(...)` take
  the largest or smallest value of all metrics that fit.
- `grade(SECTION)` compares with a letter; `> C` means worse than C.
- `regressed(SECTION.METRIC)` is true where a metric, or any of several that fit, is shown to be worse than in an
  earlier report (`--against OLD`): the whole 95 % interval of the difference lies on the worse side.
- Numbers, `+ - * /`, `< <= > >= == !=`, `and`, `or`, `not`, parentheses.

The gate fails when the expression is true. It also fails when it asks for something that was not measured (a section
without metrics, a missing grade or interval): an audit that could not look has not passed.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

from facewarden.core.errors import BadInputError
from facewarden.reporting.changes import Changes
from facewarden.reporting.document import Gate, Report
from facewarden.reporting.gate_syntax import HINT, asks_for_earlier, check_truth
from facewarden.reporting.gate_values import GateEvaluator

_LIMIT, _DEPTH = 2000, 40  # characters and nesting, far from the recursion limit
_BRACKETS = re.compile(r"\[([^\[\]'\"\\]*)\]")


@dataclass(frozen=True)
class GateExpression:
    """A checked gate, parsed before an audit so that a typing error costs no run.

    Attributes:
        text: as given.
        tree: its whitelisted syntax tree.
    """

    text: str
    tree: ast.expr

    @property
    def asks_for_earlier(self) -> bool:
        """Whether it can only be evaluated beside an earlier report."""
        return asks_for_earlier(self.tree)

    def evaluate(self, report: Report, changes: Changes | None = None) -> Gate:
        """Apply the gate to a report.

        Args:
            report: the report.
            changes: from an earlier report to this one, for `regressed(...)`.

        Raises:
            BadInputError: a metric or group that a measured section does not have, with the nearest names.
        """
        look = GateEvaluator(report, changes)
        failed = look.truth(self.tree)
        return Gate(self.text, passed=not failed and not look.missing, detail="; ".join([*look.seen, *look.missing]))


def parse_gate(text: str) -> GateExpression:
    """Check the syntax and the section names of a gate.

    Args:
        text: the expression, see the module.

    Raises:
        BadInputError: says which part is not allowed.
    """
    tree = parse_expression(text, what="gate")
    check_truth(tree)
    return GateExpression(text, tree)


def parse_expression(text: str, *, what: str) -> ast.expr:
    """Read the syntax tree of a gate or of a metric's name; what is allowed in it is checked by the caller.

    Args:
        text: the expression; values in brackets stand without quotes.
        what: is read, the beginning of the message.

    Raises:
        BadInputError: too long, nested too deeply, or no expression.
    """
    if len(text) > _LIMIT:
        raise BadInputError(f"{what}: longer than {_LIMIT} characters", hint=HINT)
    quoted = _BRACKETS.sub(lambda match: f"[{match.group(1).strip()!r}]", text.strip())
    try:
        tree = ast.parse(quoted, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise BadInputError(f"{what}: cannot read {text!r}: {getattr(error, 'msg', error)}", hint=HINT) from None
    level: list[ast.AST] = [tree]
    depth = 0
    while level:  # by levels, because a walk that calls itself is what deep nesting would break
        level, depth = [child for node in level for child in ast.iter_child_nodes(node)], depth + 1
        if depth > _DEPTH:
            raise BadInputError(f"{what}: nested too deeply", hint=HINT)
    return tree
