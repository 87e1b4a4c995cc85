"""A metric that a person chooses for a trend, spelled as in a gate."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from facewarden.core.errors import BadInputError
from facewarden.reporting.document import Metric, Report
from facewarden.reporting.format import group_text, label
from facewarden.reporting.gate import parse_expression
from facewarden.reporting.gate_syntax import OF_MANY, address
from facewarden.reporting.gate_values import GateEvaluator

HINT = "such as presentation.bpcer, presentation.apcer or max(perturbation.success_rate[eps=8/255])"
DECIDING = (
    "presentation.acer_worst_species",
    "presentation.eer",
    "max(perturbation.success_rate[eps=8/255])",
    "max(poisoning.excess_protection_rate)",
)
"""What is followed where nothing is chosen: the numbers that decide grades, and the EER."""


@dataclass(frozen=True)
class MetricReference:
    """A checked reference to one metric, or to several of one name.

    Attributes:
        text: as given.
        tree: its syntax tree.
    """

    text: str
    tree: ast.expr

    @property
    def section(self) -> str:
        """Section of the metric."""
        return address(self._inner)[0]

    @property
    def title(self) -> str:
        """For the heading of a page, e.g. "Presentation: APCER"."""
        section, name, group = address(self._inner)
        where = f" ({group_text(group)})" if group else ""
        chosen = f", {self._function}" if self._function else ""
        return f"{section.capitalize()}: {label(name)}{where}{chosen}"

    def metrics(self, report: Report) -> tuple[tuple[str, Metric], ...]:
        """The metrics of a report that it stands for, each with the name of its line in a figure.

        Args:
            report: an audit; where the section was not measured there are none.

        Raises:
            BadInputError: the section was measured and has no such metric, with the nearest names.
        """
        values = GateEvaluator(report)
        found = values.matching(self._inner)
        if self._function and found:
            return ((self._function, OF_MANY[self._function](found)),)
        return tuple((group_text(metric.group) or label(metric.name), metric) for metric in found)

    @property
    def _function(self) -> str:
        return self.tree.func.id if isinstance(self.tree, ast.Call) and isinstance(self.tree.func, ast.Name) else ""

    @property
    def _inner(self) -> ast.expr:
        return self.tree.args[0] if isinstance(self.tree, ast.Call) else self.tree


def parse_reference(text: str) -> MetricReference:
    """Check the spelling of a metric.

    Args:
        text: SECTION.METRIC, SECTION.METRIC[key=value], or max(...) or min(...) of one.

    Raises:
        BadInputError: says what is not allowed.
    """
    tree = parse_expression(text, what="metric")
    inner = tree
    if isinstance(tree, ast.Call):
        if not (isinstance(tree.func, ast.Name) and tree.func.id in OF_MANY and len(tree.args) == 1):
            raise BadInputError(f"metric {text!r} is no metric of a report", hint=HINT)
        if tree.keywords:
            raise BadInputError(f"metric {text!r} is no metric of a report", hint=HINT)
        inner = tree.args[0]
    try:
        address(inner)
    except BadInputError as error:
        raise BadInputError(f"metric {text!r}: {error.message.removeprefix('gate: ')}", hint=HINT) from error
    return MetricReference(text, tree)
