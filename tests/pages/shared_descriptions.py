"""For the Python reference: `a, b: text` in a docstring describes both arguments; Griffe knows one name an entry."""

from __future__ import annotations

import re
from typing import Any

import griffe

ENTRY = re.compile(r"^( +)(\w+(?:, \w+)+):( .*(?:\n\1 +.*)*)", re.M)


class SharedDescriptions(griffe.Extension):
    """Gives each of the arguments that share a description an entry of its own."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rewrite the docstring of a function, class or module."""
        if obj.docstring is not None:
            obj.docstring.value = apart(obj.docstring.value)


def apart(docstring: str) -> str:
    """The docstring with `a, b: text` written as two entries."""
    return ENTRY.sub(
        lambda found: "\n".join(f"{found[1]}{name}:{found[3]}" for name in found[2].split(", ")), docstring
    )
