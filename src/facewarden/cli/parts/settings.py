"""Settings in braces and settings by --set, which mean the same."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from facewarden.core.errors import BadInputError
from facewarden.core.sources.grammar import split_settings


def with_settings(spec: str, pairs: Sequence[str]) -> str:
    """Put settings that were given one by one into the braces of a name.

    Args:
        spec: `jpeg`, or `jpeg{"quality": 30}`.
        pairs: `quality=30`; a value that is no JSON is text.

    Raises:
        BadInputError: not of this form, or a setting that is given twice.
    """
    name, settings = split_settings(spec)
    found = _merged(settings, pairs)
    return f"{name}{json.dumps(found)}" if found else spec


def as_pairs(spec: str, pairs: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """Put settings in braces among those that were given one by one.

    Args:
        spec: `pgd`, or `pgd{"steps": 20}`.
        pairs: `steps=20`.

    Returns:
        The name, and all settings as `steps=20`.

    Raises:
        BadInputError: not of this form, or a setting that is given twice.
    """
    name, settings = split_settings(spec)
    if not settings:
        return spec, tuple(pairs)
    _merged(settings, pairs)
    written = (f"{key}={value if isinstance(value, str) else json.dumps(value)}" for key, value in settings.items())
    return name, (*written, *pairs)


def _merged(settings: dict[str, Any], pairs: Sequence[str]) -> dict[str, Any]:
    found = dict(settings)
    for pair in pairs:
        key, equals, text = (part.strip() for part in pair.partition("="))
        if not (key and equals and text):
            raise BadInputError(f"--set {pair!r} is not key=value", hint="--set quality=30")
        if key in found:
            raise BadInputError(f"the setting {key} is given twice", hint=f"--set {key}={text} alone")
        try:
            found[key] = json.loads(text)
        except ValueError:
            found[key] = text
    return found
