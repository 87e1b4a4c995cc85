"""Annotations of settings: ranges, known names, earlier spellings, and one value in place of a list."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from annotated_types import Ge, Gt, Le, Lt, MinLen

Count = Annotated[int, Ge(1)]
"""A whole number from 1."""
Whole = Annotated[int, Ge(0)]
"""A whole number from 0."""
Positive = Annotated[float, Gt(0)]
"""A number above 0."""
NotNegative = Annotated[float, Ge(0)]
"""A number from 0."""
Share = Annotated[float, Ge(0), Le(1)]
"""A number from 0 to 1."""
ShareBelowOne = Annotated[float, Ge(0), Lt(1)]
"""A number from 0 to below 1."""
Text = Annotated[str, MinLen(1)]
"""Text that is not empty."""


@dataclass(frozen=True)
class Renamed:
    """Mark of a field of text whose words were spelled otherwise in an earlier version; both are read.

    Attributes:
        words: earlier spelling, today's spelling, in turn.
        today: the `Literal` of today's words.
    """

    words: tuple[tuple[str, str], ...]
    today: Any

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema

        names = dict(self.words)
        return core_schema.no_info_before_validator_function(
            lambda value: names.get(value, value) if isinstance(value, str) else value,
            handler.generate_schema(self.today),
        )


@dataclass(frozen=True)
class NumberAsText:
    """Mark of a field of text that may be written as a number."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Callable[[Any], Any]) -> Any:
        from pydantic_core import core_schema

        def to_text(value: Any) -> Any:
            return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value

        return core_schema.no_info_before_validator_function(to_text, handler(source))

    def __get_pydantic_json_schema__(self, core_schema: Any, handler: Callable[[Any], Any]) -> Any:
        return {"anyOf": [handler(core_schema), {"type": "number"}]}


@dataclass(frozen=True)
class OneOrMore:
    """Mark of a field that holds several values, of which a single one may be written without a list."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Callable[[Any], Any]) -> Any:
        from pydantic_core import core_schema

        return core_schema.no_info_before_validator_function(
            lambda value: tuple(value) if isinstance(value, list | tuple) else (value,), handler(source)
        )

    def __get_pydantic_json_schema__(self, core_schema: Any, handler: Callable[[Any], Any]) -> Any:
        several = handler(core_schema)
        return {"anyOf": [several["items"], several]}


@dataclass(frozen=True)
class OneOf:
    """Mark of text that is one of some names.

    Attributes:
        names: all of them.
    """

    names: tuple[str, ...]

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema

        return core_schema.literal_schema(list(self.names))
