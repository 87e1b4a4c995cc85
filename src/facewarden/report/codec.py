"""Report to JSON text and back; what comes back was checked against the schema first."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from facewarden.core.errors import BadInputError
from facewarden.report.document import SECTIONS, Figure, Gate, LeftOut, Metric, Part, Report, Section, Table
from facewarden.report.schema import problems


def dump(report: Report) -> str:
    """The report as JSON text; NaN and infinity are refused."""
    return json.dumps(_plain(report), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def parse(text: str) -> Report:
    """Read a report from JSON text.

    Raises:
        BadInputError: not JSON, or not a report of this schema.
    """
    try:
        data = json.loads(text, parse_constant=_refuse)
    except ValueError as error:
        raise BadInputError(f"not a report: {error}", hint="give the report.json of an audit") from error
    validate(data)
    sections = {name: _section(data[name]) for name in SECTIONS}
    plain = {key: data[key] for key in ("title", "created", "command", "preset", "seed", "provenance", "schema")}
    return Report(
        **plain,
        parts=tuple(Part(**part) for part in data["parts"]),
        gate=None if data["gate"] is None else Gate(**data["gate"]),
        **sections,
    )


def validate(data: str | Mapping[str, Any]) -> None:
    """Check JSON text, or what was read from it, against the schema of this version.

    Raises:
        BadInputError: names the first place that does not fit and counts the rest.
    """
    if isinstance(data, str):
        try:
            data = json.loads(data, parse_constant=_refuse)
        except ValueError as error:
            raise BadInputError(f"not a report: {error}", hint="give the report.json of an audit") from error
    found = problems(data)
    if found:
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        raise BadInputError(f"not a report: {found[0]}{more}", hint="docs/report.md describes the schema")


def _section(data: dict[str, Any]) -> Section:
    return Section(
        name=data["name"],
        grade=data["grade"],
        finding=data["finding"],
        reason=data["reason"],
        metrics=tuple(_metric(metric) for metric in data["metrics"]),
        tables=tuple(_table(table) for table in data["tables"]),
        figures=tuple(Figure(**figure) for figure in data["figures"]),
        left_out=tuple(LeftOut(**item) for item in data["left_out"]),
        skipped=data["skipped"],
        simulated=data["simulated"],
    )


def _metric(data: dict[str, Any]) -> Metric:
    # JSON writers of other languages drop the ".0" of a whole float
    ends = {key: None if data[key] is None else float(data[key]) for key in ("low", "high")}
    return Metric(**{**data, **ends, "value": float(data["value"])})


def _table(data: dict[str, Any]) -> Table:
    rows = tuple(tuple(row) for row in data["rows"])
    return Table(**{**data, "columns": tuple(data["columns"]), "rows": rows})


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        names = [item.name for item in fields(value)]
        if isinstance(value, Report):
            names.sort(key=lambda name: name != "schema")  # a reader of the file meets the version first
        return {name: _plain(getattr(value, name)) for name in names}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
