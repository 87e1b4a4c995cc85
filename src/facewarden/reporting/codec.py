"""Report to JSON text and back; text is checked against the schema before it is read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from facewarden.core.errors import BadInputError, ContractError, FacewardenError
from facewarden.core.guards.bounded import parse_json, read_bounded
from facewarden.reporting.document import (
    DIFFERENCE,
    SECTIONS,
    AuditedPart,
    Figure,
    Gate,
    LeftOut,
    Metric,
    Report,
    Section,
    Table,
)
from facewarden.reporting.schema import problems

_TINY = 1e-9  # other writers of JSON round the last digits


def dump_report(report: Report) -> str:
    """The report as ASCII JSON text, which keeps file names that are not UTF-8; NaN and infinity are refused."""
    return json.dumps(_plain(report), indent=1, allow_nan=False) + "\n"


def parse_report(text: str) -> Report:
    """Read a report from JSON text.

    Raises:
        BadInputError: not JSON, not a report of this schema, or one with a metric that cannot be: beside its interval,
            a share outside 0 to 1, or there twice.
    """
    data = _loads(text)
    validate(data)
    try:
        return _report(data)
    except ContractError as error:  # fits the schema, contradicts itself
        raise BadInputError(f"not a report: {error.message}", hint="write it again: facewarden audit") from error


def read_report(run: Path) -> tuple[Report, Path]:
    """Read the report of an audit.

    Args:
        run: folder of an audit, or a report.json.

    Returns:
        The report and its file.

    Raises:
        BadInputError: no report there, or one that cannot be read.
    """
    source = run / "report.json" if run.is_dir() else run
    if not source.is_file():
        raise BadInputError(
            f"{source}: no report here",
            hint="the --out of facewarden audit (--resume finishes it) or of facewarden train",
        )
    try:
        text = read_bounded(source, limit="report_bytes")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInputError(f"{source}: cannot be read: {error}", hint="facewarden audit writes such files") from error
    try:
        return parse_report(text), source
    except FacewardenError as error:
        raise BadInputError(f"{source}: {error.message}", hint=error.hint) from error


def validate(data: object) -> None:
    """Check JSON text, or what was read from it, against the schema of this version.

    Raises:
        BadInputError: names the first place that does not fit and counts the rest.
    """
    problem_list = problems(_loads(data) if isinstance(data, str) else data)
    if problem_list:
        more = f" (and {len(problem_list) - 1} more)" if len(problem_list) > 1 else ""
        raise BadInputError(f"not a report: {problem_list[0]}{more}", hint="docs/report.md describes the schema")


def _report(data: dict[str, Any]) -> Report:
    presentation, perturbation, poisoning = (_section(data[name]) for name in SECTIONS)
    return Report(
        title=data["title"],
        created=data["created"],
        command=data["command"],
        preset=data["preset"],
        seed=int(data["seed"]),
        provenance=data["provenance"],
        parts=tuple(AuditedPart(**part) for part in data["parts"]),
        presentation=presentation,
        perturbation=perturbation,
        poisoning=poisoning,
        gate=None if data["gate"] is None else Gate(**data["gate"]),
        schema=data["schema"],
    )


def _section(data: dict[str, Any]) -> Section:
    metrics = tuple(_metric(metric) for metric in data["metrics"])
    _check_metrics(metrics, of=data["name"])
    return Section(
        name=data["name"],
        grade=data["grade"],
        finding=data["finding"],
        reason=data["reason"],
        metrics=metrics,
        tables=tuple(_table(table) for table in data["tables"]),
        figures=tuple(Figure(**figure) for figure in data["figures"]),
        left_out=tuple(LeftOut(**item) for item in data["left_out"]),
        skipped={reason: int(count) for reason, count in data["skipped"].items()},
        simulated=data["simulated"],
    )


def _metric(data: dict[str, Any]) -> Metric:
    # other writers of JSON drop the .0 of a whole float, or add one to a whole number
    ends = {key: None if data[key] is None else float(data[key]) for key in ("low", "high")}
    return Metric(**{**data, **ends, "value": float(data["value"]), "n": int(data["n"])})


def _check_metrics(metrics: Sequence[Metric], *, of: str) -> None:
    """Refuse numbers that no audit writes: every interval holds its value, and a share lies between 0 and 1."""
    seen = set()
    for one in metrics:
        what, held = f"{of}.{one.label}", [one.value]
        if one.low is not None and one.high is not None:
            held = [one.low, one.value, one.high]
            if not one.low - _TINY <= one.value <= one.high + _TINY:
                raise ContractError(f"{what} is {one.value:g}, outside of its interval {one.low:g} to {one.high:g}")
        least = -1 if one.name.startswith(DIFFERENCE) else 0
        if one.unit == "%" and not least - _TINY <= min(held) <= max(held) <= 1 + _TINY:
            raise ContractError(f"{what} holds {', '.join(f'{number:g}' for number in held)}, not all {least} to 1")
        key = one.name, *sorted(one.group.items())
        if key in seen:
            raise ContractError(f"{what} is there twice")
        seen.add(key)


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


def _loads(text: str) -> Any:
    try:
        return parse_json(text, what="not a report", parse_constant=_refuse)
    except ValueError as error:
        raise BadInputError(f"not a report: {error}", hint="give the report.json of an audit") from error


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
