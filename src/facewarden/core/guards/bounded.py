"""Bounded reading: text files and JSON of a limited size, depth and length of numbers."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

from facewarden.core.guards.limits import LimitError, check_limit, limit_of


def read_bounded(path: Path, *, limit: str = "text_bytes", encoding: str = "utf-8-sig") -> str:
    """Read a text file whose size has a limit.

    Args:
        path: a plain file.
        limit: name of the limit on its bytes.
        encoding: of the text; by default UTF-8, with or without the mark that editors of Windows put before it.

    Raises:
        LimitError: it is larger.
        OSError: it cannot be read, or is no plain file.
        ValueError: it is no text in this encoding, or the name holds a NUL.
    """
    about = path.stat()
    if not stat.S_ISREG(about.st_mode):  # a pipe would block, a device has no end
        raise OSError("a folder" if stat.S_ISDIR(about.st_mode) else "not a plain file")
    check_limit(limit, about.st_size, what=str(path))
    with path.open("rb") as file:
        data = file.read(int(limit_of(limit)) + 1)  # it may have grown since
    check_limit(limit, len(data), what=str(path))
    return data.decode(encoding)


def read_json_bounded(path: Path, *, limit: str = "text_bytes", digits: int | None = None) -> Any:
    """Read a JSON file within limits.

    Args:
        path: the file.
        limit: name of the limit on its bytes.
        digits: of a number, where the caller checks numbers itself and can name the setting.

    Raises:
        LimitError: it is too large or nested too deeply, or holds a number of too many digits.
        OSError: it cannot be read.
        ValueError: it is no JSON in UTF-8.
    """
    return parse_json(read_bounded(path, limit=limit), what=str(path), digits=digits)


def parse_json(text: str | bytes, *, what: str, digits: int | None = None, **options: Any) -> Any:
    """Parse JSON text within limits on depth and digits.

    Args:
        text: of any source; whoever read it has limited its size.
        what: names the source in errors.
        digits: of a number, instead of the limit.
        options: of `json.loads`, such as `object_pairs_hook`.

    Raises:
        LimitError: it is nested too deeply, or a number has too many digits.
        ValueError: it is no JSON, or gives a key twice, of which one value would be lost.
    """

    longest = digits or limit_of("number_digits")

    def whole(number: str) -> int:
        if len(number) > longest:
            check_limit("number_digits", len(number), what=f"{what}: a number")
        return int(number)

    def real(number: str) -> float:
        if len(number) > longest:
            check_limit("number_digits", len(number), what=f"{what}: a number")
        return float(number)

    try:
        value = json.loads(text, **{"parse_int": whole, "parse_float": real, "object_pairs_hook": _once, **options})
    except RecursionError:
        bound = f"{limit_of('text_depth'):.0f}"
        raise LimitError(f"{what}: nested without end, the limit is {bound} levels", hint="fewer brackets") from None
    check_depth(value, what=what)
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in found if keys.count(key) > 1)
        raise ValueError(f"{twice[:80]!r} is given twice")
    return found


def check_depth(value: Any, *, what: str) -> None:
    """Refuse nested lists and mappings that recursive code could not walk.

    Raises:
        LimitError: they are deeper than the limit.
    """
    deepest = int(limit_of("text_depth"))
    level = [value]
    depth = 0
    while level := [inner for one in level for inner in _inside(one)]:
        depth += 1
        if depth > deepest:
            check_limit("text_depth", depth, what=f"{what}: nesting")


def _inside(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [one for one in value.values() if isinstance(one, dict | list)] or [None] if value else []
    if isinstance(value, list):
        return [one for one in value if isinstance(one, dict | list)] or [None] if value else []
    return []
