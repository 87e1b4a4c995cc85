"""Whether two folders of results hold the same numbers and pixels, file by file and value by value."""

from __future__ import annotations

import csv
import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from PIL import Image
from safetensors.numpy import load_file

from golden import allowed

NUMBER = re.compile(r"(?<![\w.])[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
PAGES = (".md", ".html", ".tex", ".txt")
PICTURES = (".png", ".jpg", ".jpeg")

Values = dict[str, Any]


def differences(old: Path, new: Path) -> tuple[list[str], int]:
    """Compare two folders.

    Args:
        old, new: what each side wrote.

    Returns:
        One line a difference, and how many values were compared.
    """
    lines: list[str] = []
    compared = 0
    before, after = _files(old, moved=True), _files(new)
    for name in sorted(before.keys() | after.keys()):
        left, right = before.get(name, []), after.get(name, [])
        if len(left) != len(right):
            lines.append(f"{name}: {len(left)} files, now {len(right)}")
            continue
        pairs = zip(left, right, strict=True) if len(left) == 1 else _paired(left, right)
        for one, other in pairs:
            found, count = differ(read(one), read(other))
            compared += count
            lines += [f"{name}: {line}" for line in found]
    return [line for line in lines if not allowed.meant(line)], compared


def differ(old: Values, new: Values) -> tuple[list[str], int]:
    """Compare the values of two files; a line a difference, and how many were compared."""
    lines = []
    for place in sorted(old.keys() | new.keys()):
        if place not in new:
            lines.append(f"{place}: gone, was {old[place]!r:.80}")
        elif place not in old:
            lines.append(f"{place}: new, {new[place]!r:.80}")
        elif not equal(old[place], new[place]):
            lines.append(f"{place}: {_short(old[place])}, now {_short(new[place])}")
    return lines, len(old.keys() & new.keys())


def equal(old: Any, new: Any) -> bool:
    """Whether two values are the same bits; of prose, whether the numbers in it are."""
    if isinstance(old, np.ndarray):
        nan = old.dtype.kind == "f"
        return isinstance(new, np.ndarray) and old.dtype == new.dtype and np.array_equal(old, new, equal_nan=nan)
    if isinstance(old, str) and isinstance(new, str):
        old, new = (allowed.INTERVAL.sub("", allowed.HASH.sub("HASH", text)) for text in (old, new))
        if " " in old or " " in new:
            return numbers(old) == numbers(new)
        return allowed.RENAMED_VALUES.get(old, old) == new
    if isinstance(old, float) and old != old:
        return isinstance(new, float) and new != new
    return type(old) is type(new) and bool(old == new)


def numbers(text: str) -> list[str]:
    """The numbers of a text in their order, as they are written."""
    return NUMBER.findall(allowed.INTERVAL.sub("", allowed.HASH.sub("", text)))


def read(path: Path) -> Values:
    """Every value of a file by its place in it."""
    kind = path.suffix.lower()
    if kind == ".json":
        return dict(walk(json.loads(path.read_text(encoding="utf-8"))))
    if kind == ".jsonl":
        lines = path.read_text(encoding="utf-8").splitlines()
        return {f"{row}{place}": value for row, line in enumerate(lines) for place, value in walk(json.loads(line))}
    if kind in PICTURES:
        with Image.open(path) as picture:
            return {"pixels": np.asarray(picture)}
    if kind == ".npy":
        return {"array": np.load(path)}
    if kind == ".npz":
        with np.load(path) as held:
            return {name: held[name] for name in held.files if name not in allowed.IGNORED_ARRAYS}
    if kind == ".safetensors":
        return dict(load_file(path))
    if kind == ".parquet":
        table = duckdb.sql(f"select * from read_parquet('{path}')")  # a path that this script made
        return _columns(table.columns, table.fetchall())
    if kind == ".csv":
        with path.open(encoding="utf-8", newline="") as file:
            head, *rows = list(csv.reader(file))
        return _columns(head, rows)
    if kind in PAGES:
        text = path.read_text(encoding="utf-8")
        if kind == ".html":  # drawings hold ids; the numbers that they show stand in the JSON file beside the page
            text = re.sub(r"<(style|script|svg)\b.*?</\1>|<[^>]*>", " ", text, flags=re.DOTALL)
        return {"numbers": numbers(_without_times(text))}
    return {"bytes": path.read_bytes()}


def _without_times(text: str) -> str:
    return re.sub(r"\d{4}-\d\d-\d\d[T ][\d:]+(Z| UTC)?|\d+(\.\d+)? (ms|s|seconds|minutes)\b", "", text)


def _columns(names: list[str], rows: list[Any]) -> Values:
    kept = [place for place, name in enumerate(names) if name not in allowed.IGNORED_KEYS]
    return {f"{_key(names[place])}[{number}]": row[place] for number, row in enumerate(rows) for place in kept}


def _key(name: str) -> str:
    return allowed.RENAMED_KEYS.get(name, name)


def walk(value: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """The compared values of a JSON value, each with its place."""
    if isinstance(value, Mapping):
        for key, below in value.items():
            if key not in allowed.IGNORED_KEYS and key not in allowed.ADDED_KEYS:
                yield from walk(below, f"{place}.{_key(allowed.HASH.sub('HASH', key))}")
        if not value:
            yield place, {}
    elif (named := _by_name(value)) is not None:
        for name, below in named.items():
            yield from walk(below, f"{place}[{name}]")
    elif isinstance(value, list):
        ends = (1, 2) if _has_interval(value) else ()
        for number, below in enumerate(value):
            if number in ends:
                continue
            yield from walk(below, f"{place}[{number}]")
        if not value:
            yield place, []
    else:
        yield place, value


def _by_name(value: Any) -> dict[str, Any] | None:
    """Metrics by name and group instead of place, so that one more moves no other; None for any other value."""
    if not isinstance(value, list) or not value or not all(isinstance(one, Mapping) for one in value):
        return None
    if not all({"name", "value", "group"} <= one.keys() for one in value):
        return None
    found = {f"{one['name']} {json.dumps(_spelled(one['group']), sort_keys=True)}": one for one in value}
    return found if len(found) == len(value) else None


def _spelled(group: Mapping[str, Any]) -> dict[str, Any]:
    return {_key(name): below for name, below in group.items()}


def _has_interval(value: list[Any]) -> bool:
    """Whether a list is a value with the ends of its interval, and perhaps a count behind them."""
    if len(value) not in (3, 4) or not all(type(item) in (int, float) for item in value):
        return False
    return float(value[1]) <= float(value[0]) <= float(value[2]) and isinstance(value[0], float)


def _files(root: Path, *, moved: bool = False) -> dict[str, list[Path]]:
    """Files by name: a cell's folder has the cell's name, and a hash in a name says nothing."""
    found: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        name = path.relative_to(root).as_posix()
        if allowed.ignored_file(name):
            continue
        for pattern, replacement in allowed.MOVED_FILES.items() if moved else ():
            name = re.sub(pattern, replacement, name)
        if match := re.match(r"(.*?/?cells/)([0-9a-f]{16})(/.*)", name):
            cell = json.loads((root / match[1] / match[2] / "cell.json").read_text(encoding="utf-8"))["name"]
            name = f"{match[1]}{cell}{match[3]}"
        found[allowed.HASH.sub("HASH", name)].append(path)
    return found


def _paired(left: list[Path], right: list[Path]) -> Iterator[tuple[Path, Path]]:
    """Files whose names differ in a hash alone: each with its equal, what is left over in order."""
    rest = list(right)
    alone = []
    for one in left:
        values = read(one)
        same = next((other for other in rest if not differ(values, read(other))[0]), None)
        if same is None:
            alone.append(one)
        else:
            rest.remove(same)
            yield one, same
    yield from zip(alone, rest, strict=True)


def _short(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"array {value.dtype} {value.shape} of hash {hash(value.tobytes()):x}"
    return f"{value!r:.300}"
