"""Text from outside for a terminal, a page or a log: nothing in it acts, and no name becomes a line of ours."""

from __future__ import annotations

import re

# C0 and C1 controls but newline and tab, what turns the direction of text, line separators, halves of surrogates
_ACTIVE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
_BREAKS = re.compile(r"\n(?!  )")


def inert(text: str) -> str:
    """A text of several lines: control characters, direction marks and broken characters show as escapes."""
    return _ACTIVE.sub(_escaped, text)


def one_line(text: str) -> str:
    """The same for a text that must stay one line: newlines show as escapes as well."""
    return inert(text).replace("\n", "\\n")


def message(text: str) -> str:
    """An error's text: its own further lines are indented, and a line break inside a name shows as an escape."""
    return _BREAKS.sub("\\\\n", inert(text))


def inert_json(text: str) -> str:
    """JSON text with the same characters as JSON escapes; it stays the same JSON."""
    return _ACTIVE.sub(lambda match: f"\\u{ord(match.group()):04x}", text)


def is_count(text: str) -> bool:
    """Whether a text is a whole number from 0 that a person may mean: ASCII digits, at most nine of them."""
    return text.isascii() and text.isdecimal() and len(text) < 10


def _escaped(match: re.Match[str]) -> str:
    code = ord(match.group())
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
