"""Whether two folders hold the same results, byte by byte; only what tells the time may differ."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from chaos.reading import visible

IGNORED_FILES = {
    r"(^|/)provenance\.json$": "the machine and the time",
    r"(^|/)log\.jsonl$": "times of day and durations",
    r"(^|/)command\.json$": "the command line, which says --resume after a kill",
    r"(^|/)stages/created\.json$": "time of day",
    r"(^|/)checkpoints/": "state of an unfinished training; what it ends in is compared",
}
"""Files that are not compared: pattern of the path -> reason."""

TIMES = {"created", "generated", "time", "seconds", "seconds_of_training", "milliseconds", "per_second", "provenance"}
"""Keys of JSON that hold a time of day or a duration."""

_SHOWN_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ][\d:]+(Z| UTC)?|\d+(\.\d+)? (ms|s|seconds|minutes)\b")


def differences(old: Path, new: Path) -> tuple[list[str], int]:
    """Compare two folders; a line a difference, and how many files were compared."""
    before, after = _files(old), _files(new)
    lines = [f"{name}: gone" for name in sorted(before.keys() - after.keys())]
    lines += [f"{name}: new" for name in sorted(after.keys() - before.keys())]
    both = sorted(before.keys() & after.keys())
    for name in both:
        if before[name].read_bytes() != after[name].read_bytes() and (text := _different(before[name], after[name])):
            lines.append(f"{name}: {text}")
    if not both:
        lines.append("nothing could be compared")
    return lines, len(both)


def _files(folder: Path) -> dict[str, Path]:
    names = {str(path.relative_to(folder)): path for path in visible(folder)}
    return {name: path for name, path in names.items() if not any(re.search(one, name) for one in IGNORED_FILES)}


def _different(old: Path, new: Path) -> str:
    """In what two files of unequal bytes differ besides times; empty when in nothing."""
    if old.suffix in (".json", ".jsonl"):
        one, other = (_values(path) for path in (old, new))
    elif old.suffix in (".html", ".md", ".svg"):
        one, other = (_SHOWN_TIME.sub("TIME", path.read_text(encoding="utf-8")) for path in (old, new))
    else:
        return "other bytes"
    if one == other:
        return ""
    left, right = (json.dumps(value) for value in (one, other))
    place = next((at for at, pair in enumerate(zip(left, right, strict=False)) if pair[0] != pair[1]), 0)
    return f"{left[max(place - 40, 0) : place + 40]!r}, now {right[max(place - 40, 0) : place + 40]!r}"


def _values(path: Path) -> Any:
    text = path.read_text(encoding="utf-8")
    return _timeless([json.loads(line) for line in text.splitlines()] if path.suffix == ".jsonl" else json.loads(text))


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _timeless(below) for key, below in value.items() if key not in TIMES}
    return [_timeless(below) for below in value] if isinstance(value, list) else value
