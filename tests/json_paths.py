"""Values of a JSON file by a path, as pages of results name them: `FILE.json#cells[recognizer=F].protection`.

A path is made of keys (`a.b`, in quotes of either kind where they hold a dot: `a.'b.c'`), places (`[3]`, `[-1]`),
filters (`[recognizer=F,probes=raw]`) and `[*]`, which stands for every entry. A table of a summary (`columns` and
`rows`) is read as rows by column, so that `tables[title=Clean][Model=resnet18].EER` is a cell of it. Where several
entries fit, they must hold the same value. `max(...)`, `min(...)`, `sum(...)`, `mean(...)` and `count(...)` take the
values of a path; two terms are joined by ` - `, ` + `, ` * ` or ` / `.
"""

from __future__ import annotations

import json
import operator
import re
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

STEP = re.compile(r"""\.?(?:'([^']*)'|"([^"]*)")|\.?([^.\[\]'"]+)|\[([^\]]*)\]""")
CALL = re.compile(r"(max|min|sum|mean|count)\((.*)\)")
FILE = re.compile(r"([\w./-]+\.json)(?:#(.*))?", re.S)
OPERATORS: Mapping[str, Callable[[float, float], float]] = {
    "-": operator.sub, "+": operator.add, "/": operator.truediv, "*": operator.mul,
}  # fmt: skip


class PathError(Exception):
    """A path that leads nowhere, or to several values where one is meant."""


@dataclass(frozen=True)
class Names:
    """Short names of a page for files and places in them.

    Attributes:
        folder: where files are looked for.
        meant: name -> path.
        bound: name -> value, of the entry that a row of a table is about.
    """

    folder: Path
    meant: Mapping[str, str]
    bound: Mapping[str, Any]


def value_of(expression: str, names: Names) -> Any:
    """The one value that an expression leads to.

    Raises:
        PathError: none, or several that differ.
    """
    text = " ".join(expression.split())
    call = CALL.fullmatch(text)
    if call and _balanced(call[2]):
        return _called(call[1], values_of(call[2], names))
    for signs in (r" [-+] ", r" [*/] "):  # what binds least is taken apart first, from the right
        for found in reversed(list(re.finditer(signs, text))):
            before, after = text[: found.start()], text[found.end() :]
            if _balanced(before) and _balanced(after):
                return OPERATORS[found[0].strip()](number(value_of(before, names)), number(value_of(after, names)))
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    found_values = values_of(text, names)
    if not found_values:
        raise PathError(f"{text}: no entry fits")
    if any(other != found_values[0] for other in found_values):
        raise PathError(f"{text}: {len(found_values)} entries fit, and they differ")
    return found_values[0]


def values_of(path: str, names: Names) -> list[Any]:
    """Every value that a path leads to."""
    text = path.strip()
    file = FILE.match(text)
    if file:
        rest = file[2] or ""
        steps, values = (rest if rest.startswith("[") or not rest else f".{rest}"), [_read(names.folder / file[1])]
    else:
        head = re.match(r"[\w-]+", text)
        if head is None:
            raise PathError(f"{text}: begins with no name and no file")
        steps = text[head.end() :]
        if head[0] in names.bound:
            values = [names.bound[head[0]]]
        elif head[0] in names.meant:
            values = values_of(names.meant[head[0]], names)
        else:
            raise PathError(f"{text}: no name {head[0]!r} on this page")
    return _followed(values, steps, text)


def number(value: Any) -> float:
    """A value as a number: itself, of an interval the figure it is about, of words the first number in them."""
    if isinstance(value, bool) or value is None:
        raise PathError(f"{value!r} is no number")
    if isinstance(value, int | float):
        return value
    return triple(value)[0]


def triple(value: Any) -> tuple[float, float, float]:
    """A figure with the bounds of its interval; numbers without one have themselves as bounds."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value, value, value
    if isinstance(value, Mapping) and {"low", "high"} <= set(value):
        for key in ("value", "share", "auc"):
            if key in value:
                return value[key], value["low"], value["high"]
    if isinstance(value, list) and len(value) >= 3 and all(isinstance(one, int | float) for one in value):
        return value[0], value[1], value[2]
    if isinstance(value, str):
        said = [float(one) for one in re.findall(r"(?<![\w.-])[-+]?\d+(?:\.\d+)?", value.replace("−", "-"))]
        if said:
            return (said[0], said[1], said[2]) if len(said) >= 3 else (said[0],) * 3
    raise PathError(f"{str(value)[:60]!r} is no figure")


def _followed(values: list[Any], steps: str, path: str) -> list[Any]:
    place = 0
    while place < len(steps):
        step = STEP.match(steps, place)
        if step is None:
            raise PathError(f"{path}: cannot be read from {steps[place:]!r}")
        *keys, inside = step.groups()
        if inside is None:
            key = next(one for one in keys if one is not None)
            values = [_at_key(one, key, path) for one in values]
        elif inside == "*":
            values = [entry for one in values for entry in _entries(one)]
        elif re.fullmatch(r"-?\d+", inside):
            values = [_entries(one)[int(inside)] for one in values]
        else:
            parts = (part.partition("=") for part in re.split(r",(?=[^,=]+=)", inside))
            wanted = [(name.strip(), meant.strip()) for name, _, meant in parts]
            values = [entry for one in values for entry in _fitting(one, wanted, path)]
        place = step.end()
    return values


def _fitting(value: Any, wanted: list[tuple[str, str]], path: str) -> list[Any]:
    """The entries that a filter keeps; an entry that an earlier filter kept is looked at itself."""
    kept_before = isinstance(value, Mapping) and all(name in value for name, _ in wanted)
    entries = [value] if kept_before else _entries(value)
    return [one for one in entries if all(str(_at_key(one, name, path)) == meant for name, meant in wanted)]


def _at_key(value: Any, key: str, path: str) -> Any:
    if isinstance(value, list) and re.fullmatch(r"-?\d+", key):
        return value[int(key)]
    if not isinstance(value, Mapping) or key not in value:
        raise PathError(f"{path}: no {key!r} there")
    return value[key]


def _entries(value: Any) -> list[Any]:
    """What a list, a table or a mapping holds; entries of a mapping know their key as `key`, if they are mappings."""
    if isinstance(value, Mapping) and {"columns", "rows"} <= set(value):
        return [dict(zip(value["columns"], row, strict=True)) for row in value["rows"]]
    if isinstance(value, Mapping):
        return [{"key": key, **one} if isinstance(one, Mapping) else one for key, one in value.items()]
    if isinstance(value, list):
        return value
    raise PathError(f"{str(value)[:60]!r} has no entries")


def _called(name: str, values: list[Any]) -> Any:
    if name == "count":
        return len(values)
    if not values:
        raise PathError(f"{name} of nothing")
    if name in ("max", "min"):
        return {"max": max, "min": min}[name](values, key=number)
    return {"sum": sum, "mean": statistics.fmean}[name]([number(one) for one in values])


def _balanced(text: str) -> bool:
    depth = 0
    for letter in text:
        depth += (letter in "([") - (letter in ")]")
        if depth < 0:
            return False
    return depth == 0


@cache
def _read(file: Path) -> Any:
    if not file.is_file():
        raise PathError(f"{file.name}: no such file")
    return json.loads(file.read_text(encoding="utf-8"))
