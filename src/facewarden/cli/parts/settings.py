"""Settings in braces and settings by --set, which mean the same."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from facewarden.core.errors import BadInputError
from facewarden.core.guards.bounded import parse_json
from facewarden.core.sources.grammar import split_settings

Given = str | Sequence[str] | None


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


def settled(pairs: Sequence[str], *, main: str, components: Mapping[str, Given]) -> dict[str, Any]:
    """Put settings that were given one by one into the braces of the components that they are for.

    Args:
        pairs: `key=value` for the main component; `COMPONENT.key=value` for another one, which is named by its option
            or, where an option takes several, by itself.
        main: option of the main component.
        components: option -> what was typed there; None where nothing was.

    Returns:
        The components with their settings, option by option.

    Raises:
        BadInputError: not of this form, a component that is not there, or one of several that is not said.

    Example:
        >>> settled(["quality=30"], main="purifier", components={"purifier": "jpeg"})
        {'purifier': 'jpeg{"quality": 30}'}
    """
    own: dict[tuple[str, int], list[str]] = {}
    for pair in pairs:
        left, equals, value = pair.partition("=")
        who, dot, key = left.strip().rpartition(".")
        place = _place(who if dot else main, components, pair=pair)
        own.setdefault(place, []).append(f"{key}{equals}{value}")
    found: dict[str, Any] = {}
    for option, given in components.items():
        if isinstance(given, str):
            found[option] = with_settings(given, own.get((option, 0), ()))
        elif given is not None:
            found[option] = tuple(with_settings(one, own.get((option, n), ())) for n, one in enumerate(given))
        else:
            found[option] = None
    return found


def _place(who: str, components: Mapping[str, Given], *, pair: str) -> tuple[str, int]:
    """The option that a setting is for, and which of its values."""
    there = {option: (given,) if isinstance(given, str) else tuple(given or ()) for option, given in components.items()}
    if who in there and len(there[who]) == 1:
        return who, 0
    named = [(option, n) for option, values in there.items() for n, one in enumerate(values) if who in _names(one)]
    if len(named) == 1:
        return named[0]
    values = there[who] if who in there else tuple(dict.fromkeys(one for some in there.values() for one in some))
    key = pair.partition("=")[0].rpartition(".")[2]
    which = f"{', '.join(map(_name, values))}" or f"nothing: --{who} was not given"
    reason = "is for one of" if values else "is for"
    raise BadInputError(f"--set {pair!r} {reason} {which}", hint=f"--set {_name(values[0]) if values else who}.{key}=…")


def _name(spec: str) -> str:
    return split_settings(spec)[0]


def _names(spec: str) -> tuple[str, ...]:
    """What a component may be called: as typed, or NAME alone of NAME:PATH and ATTACK:LEVEL."""
    name = _name(spec)
    return (name, name.partition(":")[0])


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
            found[key] = parse_json(text, what=f"--set {key}")
        except ValueError:
            found[key] = text
    return found
