"""A small reader of the shipped JSON Schema, so that checking a report needs no further package."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

_FILE = Path(__file__).with_name("schema.json")
_KEYWORDS = {
    "$schema", "$id", "$defs", "$ref", "title", "description", "type", "const", "enum", "minimum", "minLength",
    "pattern", "required", "properties", "additionalProperties", "items", "minItems",
}  # fmt: skip


@cache
def schema() -> dict[str, Any]:
    """The schema of `report.json`, JSON Schema draft 2020-12."""
    loaded: dict[str, Any] = json.loads(_FILE.read_text(encoding="utf-8"))
    return loaded


def problems(data: Any, rules: Mapping[str, Any] | None = None) -> list[str]:
    """Return violations of the schema as "place: problem"; empty when there is none.

    Args:
        data: plain values, as `json.loads` gives them.
        rules: a schema; the report's own when absent. Only the keywords that it uses are known.
    """
    root = schema() if rules is None else rules
    return [f"{place or 'report'}: {what}" for place, what in _check(data, root, root, "")]


def _check(value: Any, rules: Mapping[str, Any], root: Mapping[str, Any], place: str) -> Iterator[tuple[str, str]]:
    unknown = set(rules) - _KEYWORDS
    if unknown:  # an ignored keyword would be a check that never fails
        raise NotImplementedError(f"schema keywords {sorted(unknown)}")
    if "$ref" in rules:
        yield from _check(value, root["$defs"][rules["$ref"].removeprefix("#/$defs/")], root, place)
    if "type" in rules and not _has_type(value, rules["type"]):
        yield place, f"must be {_words(rules['type'])}, is {_kind(value)}"
        return
    if "const" in rules and not _same(value, rules["const"]):
        yield place, f"must be {rules['const']!r}, is {value!r}"
    if "enum" in rules and not any(_same(value, one) for one in rules["enum"]):
        yield place, f"must be one of {rules['enum']}, is {value!r}"
    if isinstance(value, str):
        yield from _check_text(value, rules, place)
    elif isinstance(value, dict):
        yield from _check_object(value, rules, root, place)
    elif isinstance(value, list):
        if len(value) < rules.get("minItems", 0):
            yield place, f"needs {rules['minItems']} items"
        for index, item in enumerate(value):
            yield from _check(item, rules.get("items", {}), root, f"{place}[{index}]")
    elif _has_type(value, "number") and "minimum" in rules and value < rules["minimum"]:
        yield place, f"must be at least {rules['minimum']}, is {value}"


def _check_text(value: str, rules: Mapping[str, Any], place: str) -> Iterator[tuple[str, str]]:
    if len(value) < rules.get("minLength", 0):
        yield place, "must not be empty"
    if "pattern" in rules and re.search(rules["pattern"], value) is None:
        yield place, f"{value!r} does not look like {rules['pattern']}"


def _check_object(
    value: dict[str, Any], rules: Mapping[str, Any], root: Mapping[str, Any], place: str
) -> Iterator[tuple[str, str]]:
    properties, others = rules.get("properties", {}), rules.get("additionalProperties", {})
    for name in rules.get("required", ()):
        if name not in value:
            yield place, f"lacks {name!r}"
    for name, item in value.items():
        inside = f"{place}.{name}" if place else name
        if name in properties:
            yield from _check(item, properties[name], root, inside)
        elif others is False:
            yield inside, "is not part of the schema"
        elif isinstance(others, Mapping):
            yield from _check(item, others, root, inside)


def _has_type(value: Any, wanted: str | list[str]) -> bool:
    names = [wanted] if isinstance(wanted, str) else wanted
    kind = _kind(value)
    whole = kind == "integer" or (kind == "number" and float(value).is_integer())
    return any(
        kind == name or (name == "number" and kind == "integer") or (name == "integer" and whole) for name in names
    )


def _kind(value: Any) -> str:
    kinds: dict[type, str] = {
        bool: "boolean",
        int: "integer",
        float: "number",
        str: "string",
        list: "array",
        dict: "object",
    }
    return "null" if value is None else kinds.get(type(value), type(value).__name__)


def _same(value: Any, other: Any) -> bool:
    return type(value) is type(other) and bool(value == other)


def _words(wanted: str | list[str]) -> str:
    return wanted if isinstance(wanted, str) else " or ".join(wanted)
