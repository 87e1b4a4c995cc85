"""Text for messages and tables: file names with any bytes in them, and how often each thing happened."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path


def printable(path: str | os.PathLike[str]) -> str:
    """Return a path as UTF-8 text; bytes that are not UTF-8 show as `\\xff`, so that two names never become one."""
    return escaped(os.fspath(path))


def escaped(text: str) -> str:
    """Return text that UTF-8 can hold: bytes of a file name that are not UTF-8 show as `\\xff`, the rest is untouched.

    >>> escaped("caf\\udce9.png")
    'caf\\\\xe9.png'
    """
    for errors in ("strict", "surrogateescape", "surrogatepass"):  # the last: half a surrogate pair, in no file name
        try:
            return text.encode("utf-8", errors).decode("utf-8", "backslashreplace")
        except UnicodeEncodeError:
            continue
    return ascii(text)


def counted_reasons(reasons: Mapping[str, int]) -> str:
    """Say how often each thing happened.

    >>> counted_reasons({"no face found": 6, "file missing": 1})
    'file missing (1), no face found (6)'
    """
    return ", ".join(f"{reason} ({count})" for reason, count in sorted(reasons.items()))


def counted(number: int, word: str) -> str:
    """A number with its word: 1 seed, 2 seeds."""
    return f"{number} {word}{'' if number == 1 else 's'}"


def named_file(folder: Path, name: str) -> Path:
    """The file of a name in a table, also where it was escaped by `escaped`, or has the separators of Windows.

    Args:
        folder: that the name is relative to.
        name: as it stands in the table.
    """
    path = folder / name
    if "\\" not in name or path.exists():
        return path
    if (slashed := folder / name.replace("\\", "/")).exists():  # a table that Windows wrote
        return slashed
    raw = re.sub(rb"\\x([0-9a-f]{2})", lambda match: bytes([int(match[1], 16)]), os.fsencode(name))
    there = folder / os.fsdecode(raw)
    return there if there.exists() else path


def opaque(text: str) -> str:
    """Return a stable short name that does not tell the text: 10 hex digits of its BLAKE2b hash."""
    return hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=5).hexdigest()


def natural(text: str) -> list[tuple[int, str]]:
    """Sort key under which s2 comes before s10."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"([0-9]{1,18})", text)]
