"""Named intervals of `facewarden.metrics` as metrics of a report."""

from __future__ import annotations

from collections.abc import Mapping

from facewarden.metrics.summary import NamedInterval
from facewarden.reporting.document import Metric


def as_metric(found: NamedInterval, *, simulated: bool, group: Mapping[str, str] | None = None) -> Metric:
    """A figure of `presentation_summary` as a metric; "apcer/print" becomes `apcer` of the group species=print.

    Args:
        found: the figure.
        simulated: whether any of its rows was simulated.
        group: what else tells it apart.
    """
    name, _, species = found.name.partition("/")
    where = {**({"species": species} if species else {}), **(group or {})}
    unit = found.unit or ("" if name == "auc" else "%")
    return Metric(name, found.value, found.low, found.high, found.n, simulated, unit, where, found.note)
