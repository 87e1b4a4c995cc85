"""Annotation of values that are checked as settings of a class, and kept as they are written."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from facewarden.core.errors import BadInputError
from facewarden.core.settings.checking import adapter


@dataclass(frozen=True)
class WrittenAs:
    """Mark of a value that is checked as settings of a class and kept as it is written.

    Ids of cells hold numbers as a plan writes them, where 3 and 3.0 differ, and only what it writes, without defaults.

    Attributes:
        kind: the class of settings.
    """

    kind: Any

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema

        check = adapter(self.kind).validate_json

        def as_written(value: Any, _: Any) -> Any:
            try:
                # as JSON: in a function, pydantic takes a value for one of Python, where lists are no tuples
                check(json.dumps(value))
            except BadInputError as error:  # what the class itself refuses gets the place of this value
                raise ValueError(error.message) from error
            return value

        return core_schema.no_info_wrap_validator_function(as_written, handler.generate_schema(self.kind))
