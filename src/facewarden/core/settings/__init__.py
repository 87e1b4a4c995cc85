"""Settings of files and arguments: frozen dataclasses say what is allowed, pydantic checks it, one kind of error.

A class of settings is an ordinary frozen dataclass; ranges stand in its annotations, as in `rate: Positive`. pydantic
is imported when the first settings are checked, never with this package.
"""

from facewarden.core.settings.checking import (
    arguments_of,
    check_arguments,
    check_fields,
    json_schema,
    read_json,
    read_settings,
    renamed_keys,
)
from facewarden.core.settings.problems import SettingError
from facewarden.core.settings.types import (
    Count,
    NotNegative,
    NumberAsText,
    OneOf,
    OneOrMore,
    Positive,
    Renamed,
    Share,
    ShareBelowOne,
    Text,
    Whole,
)
from facewarden.core.settings.written import WrittenAs

__all__ = [
    "Count",
    "NotNegative",
    "NumberAsText",
    "OneOf",
    "OneOrMore",
    "Positive",
    "Renamed",
    "SettingError",
    "Share",
    "ShareBelowOne",
    "Text",
    "Whole",
    "WrittenAs",
    "arguments_of",
    "check_arguments",
    "check_fields",
    "json_schema",
    "read_json",
    "read_settings",
    "renamed_keys",
]
