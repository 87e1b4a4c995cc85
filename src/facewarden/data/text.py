"""File names as text that can be printed and stored, for any bytes in the name."""

from __future__ import annotations

import hashlib
import os
import re


def printable(path: str | os.PathLike[str]) -> str:
    """Return a path as UTF-8 text; bytes that are not UTF-8 show as `\\xff`, so that two names never become one."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def opaque(text: str) -> str:
    """Return a stable short name that does not tell the text: 10 hex digits of its BLAKE2b hash."""
    return hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=5).hexdigest()


def natural(text: str) -> list[tuple[int, str]]:
    """Sort key under which s2 comes before s10."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"([0-9]{1,18})", text)]
