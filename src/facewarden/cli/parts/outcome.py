"""What a command hands back: its result as data, and the lines that a person reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


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
