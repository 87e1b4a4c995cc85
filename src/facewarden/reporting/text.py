"""Sanitizes external text for a page: no control or direction characters, always valid UTF-8."""

from __future__ import annotations

import re

# C0 and C1 controls but tab and newline, bidirectional overrides and isolates, noncharacters that XML forbids
_UNFIT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufffe\uffff]")


def clean(text: str) -> str:
    """Replace characters that a page cannot show; incomplete characters of file names become "?"."""
    return _UNFIT.sub("\ufffd", text).encode("utf-8", "replace").decode("utf-8")


def short(text: str, *, length: int) -> str:
    """Cut a text to a length, an ellipsis in place of the rest."""
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"
