"""What a command hands back: its result as data, and the lines that a person reads."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from pathlib import PurePath
from typing import Any


@dataclass(frozen=True)
class Outcome:
    """The end of a command.

    Attributes:
        result: what `--json` prints: anything with `to_dict()`, a dataclass, or plain values.
        lines: what is printed otherwise, to standard output.
        code: exit code: 0, or 1 when a gate failed or a check found something.
        problems: what is printed to standard error in either case.
    """

    result: object
    lines: Sequence[str] = ()
    code: int = 0
    problems: Sequence[str] = ()


def plain(value: object) -> Any:
    """Turn a result into values that JSON can hold; numbers that JSON has no word for become null.

    Args:
        value: anything that a command returns.
    """
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, Enum):
        return plain(value.value)
    to_dict = getattr(value, "to_dict", None)
    if callable(to_dict):
        return plain(to_dict())
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {_key(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    listed = getattr(value, "tolist", None)  # arrays, tensors and their scalars
    return plain(listed()) if callable(listed) else str(value)


def _key(key: object) -> str:
    return " -> ".join(map(str, key)) if isinstance(key, tuple) else str(key)
