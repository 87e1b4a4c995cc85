"""What changed between two reports as tables of a page."""

from __future__ import annotations

from facewarden.reporting.changes import Changes, MetricChange
from facewarden.reporting.document import Table
from facewarden.reporting.format import group_text, interval, label, measured, number

_ORDER = {"worse": 0, "better": 1, "not shown": 2, "no interval": 3}
_COLUMNS = ("Measure", "Before", "Now", "Difference", "Shown")


def changes_tables(changes: Changes) -> list[Table]:
    """Metrics that changed, and those without a change that is shown; the second may be long.

    Args:
        changes: between two reports.
    """
    ordered = sorted(changes.metrics, key=lambda one: _ORDER[one.verdict])
    moved = tuple(_row(one) for one in ordered if one.verdict in ("worse", "better"))
    still = tuple(_row(one) for one in ordered if one.verdict not in ("worse", "better"))
    note = (
        "The bounds of a difference take both audits as independent; on the same samples they are rather too wide. "
        "“Shown”: the whole interval of the difference lies on one side."
    )
    found = [Table("Metrics that changed", _COLUMNS, moved or (("none", "", "", "", ""),), note)]
    if still:
        found.append(Table("Metrics without a change that is shown", _COLUMNS, still))
    if changes.conditions:
        told = tuple((one.what.capitalize(), one.old, one.new) for one in changes.conditions)
        why = "A metric may have changed for one of these reasons."
        found.insert(0, Table("What is not the same in both audits", ("What", "Before", "Now"), told, why))
    if changes.gone or changes.added:
        rows = tuple(("no longer measured", name) for name in changes.gone)
        rows += tuple(("new", name) for name in changes.added)
        found.append(Table("In one report only", ("What", "Metric"), rows))
    return found


def _row(one: MetricChange) -> tuple[str, ...]:
    where = group_text(one.new.group)
    name = f"{one.section.capitalize()}: {label(one.new.name)}{f' ({where})' if where else ''}"
    ends = ""
    if one.low is not None and one.high is not None:
        ends = f" ({interval(one.low, one.high, unit=one.new.unit, like=one.difference)})"
    sign = "+" if one.difference > 0 else ""
    shown = one.verdict if one.verdict in ("worse", "better") else "no"
    return name, measured(one.old), measured(one.new), f"{sign}{number(one.difference, unit=one.new.unit)}{ends}", shown
