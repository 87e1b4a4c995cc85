"""Settings that an earlier release spelled otherwise: they are read for one release, under the name of today."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Place = tuple[str | int, ...]


def with_keys_of_today(
    values: Mapping[str, Any], old_keys: Mapping[str, str]
) -> tuple[dict[str, Any], dict[Place, Place]]:
    """Rename the settings that an earlier release spelled otherwise.

    A setting that is given under both names stays as it is: its reader refuses the old one.

    Args:
        values: settings; they are not changed.
        old_keys: path of a setting -> its name now. In a path, as in "goals.*.judges", a star is every item of a list
            and every value of a mapping.

    Returns:
        The settings of today, and old places that they had -> places of today.
    """
    renamed: dict[Place, Place] = {}
    today: Any = dict(values)
    for path, name in old_keys.items():
        today = _renamed(today, path.split("."), name, at=(), renamed=renamed)
    return today, renamed


def _renamed(values: Any, path: Sequence[str], name: str, *, at: Place, renamed: dict[Place, Place]) -> Any:
    key, *rest = path
    if key == "*" and isinstance(values, list):
        return [_renamed(value, rest, name, at=(*at, i), renamed=renamed) for i, value in enumerate(values)]
    if not isinstance(values, dict):
        return values  # of another type, which its reader refuses
    if key == "*":
        return {one: _renamed(value, rest, name, at=(*at, one), renamed=renamed) for one, value in values.items()}
    if key not in values:
        return values
    if rest:
        return {**values, key: _renamed(values[key], rest, name, at=(*at, key), renamed=renamed)}
    if name in values:
        return values
    renamed[(*at, key)] = (*at, name)
    return {name if one == key else one: value for one, value in values.items()}
