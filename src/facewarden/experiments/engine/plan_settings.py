"""Annotations of a plan's settings: budgets, lists of names and seeds; names that must be known."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from annotated_types import MinLen

from facewarden.core.errors import BadInputError
from facewarden.core.settings import SettingError, Text, Whole
from facewarden.core.settings.budget import check_gray
from facewarden.core.settings.problems import at_place, nearest, shown
from facewarden.experiments.engine.limits import PLAN_CELLS


@dataclass(frozen=True)
class GrayLevels:
    """Mark of a budget in gray levels of 255.

    Attributes:
        control: whether it may be 0, no change at all, which is a control.
    """

    control: bool = True

    def __get_pydantic_core_schema__(self, source: Any, handler: Callable[[Any], Any]) -> Any:
        from pydantic_core import core_schema

        return core_schema.no_info_after_validator_function(self._checked, handler(source))

    def __get_pydantic_json_schema__(self, schema: Any, handler: Callable[[Any], Any]) -> Any:
        return {**handler(schema), "minimum" if self.control else "exclusiveMinimum": 0, "maximum": 255}

    def _checked(self, eps: float) -> float:
        try:
            return eps if self.control and eps == 0 else check_gray(eps)
        except BadInputError as error:
            raise ValueError(error.message) from error


Names = Annotated[tuple[Text, ...], MinLen(1)]
"""A list of names, one at least."""
Seeds = Annotated[tuple[Whole, ...], MinLen(1)]
"""A list of seeds, one at least."""
Budget = Annotated[float, GrayLevels()]
"""A budget in gray levels, or 0 for a control."""
RealBudget = Annotated[float, GrayLevels(control=False)]
"""A budget in gray levels above 0."""


def check_known(value: str, known: Collection[str], *, at: Sequence[str | int]) -> None:
    """Check that a plan names what there is.

    Args:
        value: the name.
        known: what there is.
        at: where the plan names it.

    Raises:
        SettingError: it names something else; the error lists what is known, and the nearest name.
    """
    if value not in known:
        guess = nearest(value, known)
        mean = f"; did you mean {guess!r}?" if guess else ""
        allowed = ", ".join(known) or "nothing, the plan has none"
        raise SettingError(at_place("", at, f"is {shown(value)}; allowed: {allowed}{mean}"), hint=f"one of: {allowed}",
                           at=at)  # fmt: skip


def check_all_known(values: Sequence[str] | None, known: Collection[str], *, at: Sequence[str | int]) -> None:
    """Check a list of names; None, where the plan gives no list, is fine.

    Args:
        values: the names.
        known: what there is.
        at: where the plan lists them.

    Raises:
        SettingError: it names something else.
    """
    for place, value in enumerate(values or ()):
        check_known(value, known, at=(*at, place))


def check_cell_count(count: int, *, at: Sequence[str | int]) -> None:
    """Refuse lists that make more cells together than a plan may have, before any is made.

    Args:
        count: how many cells.
        at: where the plan has the lists.

    Raises:
        SettingError: more than `PLAN_CELLS`.
    """
    if count > PLAN_CELLS:
        text = f"makes {count} cells; allowed: up to {PLAN_CELLS}"
        raise SettingError(at_place("", at, text), hint="shorter lists, or several plans", at=at)


def listed(value: Any) -> list[Any]:
    """A list as it is written, anything else as the only item of one."""
    return value if isinstance(value, list) else [value]
