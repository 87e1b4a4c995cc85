"""Budgets of attacks as people write them, `8`, `8/255` or `0.03`: read and checked here and nowhere else."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

from facewarden.core.errors import BadInputError

CLOAK_LEVELS: Mapping[str, float] = MappingProxyType({"low": 4.0, "mid": 8.0, "high": 16.0})
"""Strength of a cloak -> its budget in gray levels."""

LEAST_GRAY = 0.25
"""Gray levels below which nothing changes that a file of 8 bits can hold."""

_FRACTION = re.compile(r"^\s*([-+.\d]+)\s*/\s*(\d+)\s*$")


def read_number(text: str) -> float:
    """A number, or a fraction such as 8/255, as a number.

    Raises:
        ValueError: neither.
    """
    fraction = _FRACTION.match(text)
    try:
        return float(fraction[1]) / int(fraction[2]) if fraction else float(text)
    except ZeroDivisionError:
        raise ValueError(f"{text!r} divides by zero") from None


def same_budget(one: str, other: str) -> bool:
    """Whether two texts write one budget in [0, 1] pixel units: "8/255" and "0.0313725" do; other texts never."""
    try:
        return abs(read_number(one) - read_number(other)) < 1e-9
    except ValueError:
        return False


def read_budget(eps: float | str | None, *, norm: Literal["linf", "l2"]) -> float:
    """A budget as a person types it: gray levels for linf, 8 if nothing is said; for l2 pixel units, never by default.

    Raises:
        BadInputError: no number, a share such as 8/255 where gray levels are counted, or a budget out of range.
    """
    if eps is None:
        if norm == "l2":
            raise BadInputError("an l2 attack needs a budget of its own", hint="--eps 2.0 with --norm l2")
        return 8.0
    if isinstance(eps, str):
        try:
            value = read_number(eps)
        except ValueError:
            raise BadInputError(f"--eps {eps!r} is no number", hint="--eps 8") from None
        if _FRACTION.match(eps) and norm == "linf":
            raise BadInputError(f"--eps {eps} of the pixel range: --eps counts gray levels", hint=_in_gray(value))
        eps = value
    if norm == "linf":
        return check_gray(eps)
    if not 0 < eps < math.inf:
        raise BadInputError(f"a budget of {eps:g} changes nothing", hint="--eps 2.0 with --norm l2")
    return eps


def check_gray(eps: Any, *, least: float = LEAST_GRAY) -> float:
    """Return a budget in gray levels of 255 as a float.

    Args:
        eps: the budget.
        least: below it, [0, 1] pixel units were meant; 0 where a budget without effect is a control.

    Raises:
        BadInputError: no number, zero or less, more than all of them, or so small that [0, 1] pixel units were meant.
    """
    if isinstance(eps, bool) or not isinstance(eps, int | float):
        raise BadInputError(f"a budget of {eps!r} gray levels", hint="eps counts gray levels of 255: 1, 2, 4, 8")
    if not eps > 0.0:
        raise BadInputError(f"a budget of {eps:g} gray levels changes nothing", hint="--eps 8")
    if eps > 255.0:
        raise BadInputError(f"a budget of {eps:g} gray levels", hint="--eps between 0 and 255, usually 8")
    if eps < least:
        raise BadInputError(
            f"a budget of {eps:g} gray levels changes nothing that a file can hold; is it in [0, 1] pixel units?",
            hint=f"--eps counts gray levels: {eps:g} of the pixel range is {_in_gray(eps)}"
            if eps * 255 >= LEAST_GRAY
            else "--eps 8",
        )
    return float(eps)


def _in_gray(share: float) -> str:
    """What to type for a share of the pixel range: its gray levels, or the usual ones where those are refused too."""
    gray = float(f"{share * 255:g}")
    return f"--eps {gray:g}" if LEAST_GRAY <= gray <= 255.0 else "--eps 8"
