"""Check JSON values, arguments and dataclasses against annotations; pydantic is imported by the first check."""

from __future__ import annotations

import inspect
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields, is_dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast, get_args, get_type_hints

from facewarden.core.errors import BadInputError
from facewarden.core.guards.bounded import read_json_bounded
from facewarden.core.guards.limits import LimitError
from facewarden.core.settings.problems import SettingError, at_place, explain, path_text, refused, shown

if TYPE_CHECKING:
    from pydantic import TypeAdapter

_CONFIG = {"strict": True, "extra": "forbid", "allow_inf_nan": False, "arbitrary_types_allowed": True}
_LARGEST = 2**63 - 1  # torch, numpy and the seeds of generators hold 64 bits

T = TypeVar("T")


def read_json(path: Path, *, what: str, hint: str) -> Any:
    """Read a JSON file.

    Args:
        path: the file.
        what: what it should be, as in "a card".
        hint: the next thing to type when it is not.

    Raises:
        BadInputError: it cannot be read, is no JSON, or is beyond a limit.
    """
    try:
        return read_json_bounded(path, digits=4000)  # Python's own limit; `_check_plain` names the setting
    except LimitError as error:
        told = error.message.removeprefix(f"{path}: ")
        raise LimitError(f"{path}: not {what}: {told}", hint=error.hint if error.name else hint) from error
    except (OSError, ValueError) as error:
        raise BadInputError(f"{path}: not {what}: {str(error)[:200]}", hint=hint) from error


def read_settings(kind: type[T], values: Any, *, source: str = "", at: Sequence[str | int] = (), hint: str = "") -> T:
    """Make settings of JSON values.

    Types are strict: text is no number and 1 is not true, but a whole number is a number, and a list becomes a tuple.

    Args:
        kind: a frozen dataclass; its annotations say what is allowed.
        values: by name; what has a default may be left out.
        source: file or command named at the head of the error.
        at: keys that lead to `values` in that source.
        hint: the next thing to type; by default the setting with what is allowed there.

    Raises:
        SettingError: an unknown or a missing setting, a wrong type, or a value out of range; it names source and
            setting, what was found, what is allowed and the nearest known name.
    """
    return cast(T, _validated(kind, values, source=source, at=at, hint=hint))


def check_fields(settings: Any, *, source: str = "") -> None:
    """Check a dataclass that Python made, for its `__post_init__`: the same types and ranges as in a file.

    Args:
        settings: the instance.
        source: named at the head of the error; by default the class.

    Raises:
        SettingError: a field of another type, or out of range.
    """
    source = source or type(settings).__name__
    for name, kind in _fields(cast(Any, type(settings))).items():
        value = getattr(settings, name)
        if is_dataclass(value):
            continue  # it was checked when it was made
        _check_plain(value, source=source, at=(name,), hint="")
        _run(partial(adapter(kind).validate_python, value), kind, value, source=source, at=(name,), hint="")


def check_arguments(
    make: Callable[..., Any], values: Mapping[str, Any], *, source: str, keyword_only: bool = False
) -> dict[str, Any]:
    """Check settings against the signature of what they are handed to.

    Args:
        make: a class or function.
        values: by name.
        source: named at the head of the error.
        keyword_only: whether arguments before the `*` are no settings.

    Returns:
        The values, as the annotations say: 1 becomes 1.0 where a float is asked for, a list a tuple.

    Raises:
        SettingError: one that it does not take, or a value of another type.
    """
    known = arguments_of(make, keyword_only=keyword_only)
    found = {}
    for name, value in values.items():
        if name not in known:
            raise refused(source, name, known)
        _check_plain(value, source=source, at=(name,), hint="")
        found[name] = _validated(known[name], value, source=source, at=(name,), hint="")
    return found


def arguments_of(make: Callable[..., Any], *, keyword_only: bool = False) -> dict[str, Any]:
    """Names and annotations of what a class or function takes."""
    target = make.__init__ if inspect.isclass(make) else make
    if target is object.__init__:
        return {}
    hints = get_type_hints(target, include_extras=True)
    one = inspect.Parameter
    kinds = [one.KEYWORD_ONLY] if keyword_only else [one.KEYWORD_ONLY, one.POSITIONAL_OR_KEYWORD, one.POSITIONAL_ONLY]
    parameters = inspect.signature(make).parameters.items()
    return {name: hints.get(name, Any) for name, this in parameters if this.kind in kinds}


def renamed_keys(**keys: str) -> Any:
    """Configuration of a class of settings whose files call some fields otherwise: `__pydantic_config__` of the class.

    Args:
        keys: field -> its key in files.
    """
    return {**_CONFIG, "alias_generator": lambda name: keys.get(name, name)}


def json_schema(kind: Any) -> dict[str, Any]:
    """The JSON Schema of a class of settings, as editors and `docs/schemas` have it."""
    return dict(_schema(kind))


def _validated(kind: Any, values: Any, *, source: str, at: Sequence[str | int], hint: str) -> Any:
    try:
        _check_plain(values, source=source, at=at, hint=hint)
        text = json.dumps(values, default=_plain)
    except (TypeError, ValueError, RecursionError) as error:
        raise SettingError(
            at_place(source, at, f"not plain JSON values: {str(error)[:100]}"),
            hint=hint or "text, numbers and lists",
            at=at,
        ) from error
    return _run(partial(adapter(kind).validate_json, text), kind, values, source=source, at=at, hint=hint)


def _run(validate: Callable[[], Any], kind: Any, values: Any, source: str, at: Sequence[str | int], hint: str) -> Any:
    """Validate, with errors of pydantic and of `__post_init__` told in one form."""
    from pydantic import ValidationError

    try:
        return validate()
    except ValidationError as error:
        raise explain(
            cast("list[Any]", error.errors(include_url=False)), values, _schema(kind), source=source, at=at, hint=hint
        ) from None
    except BadInputError as error:  # settings that are fine one by one but not together
        inner = error.at if isinstance(error, SettingError) else ()
        message = error.message
        if inner and message.startswith(path_text(inner)):
            message = path_text((*at, *inner)) + message.removeprefix(path_text(inner))
        message = f"{source}: {message}" if source else message
        raise SettingError(message, hint=error.hint or hint, at=(*at, *inner)) from error


def _check_plain(value: Any, *, source: str, at: Sequence[str | int], hint: str) -> None:
    """Refuse numbers and text that no setting can hold, also where any JSON value is allowed."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            _check_plain(item, source=source, at=(*at, str(key)), hint=hint)
    elif isinstance(value, list | tuple):
        for place, item in enumerate(value):
            _check_plain(item, source=source, at=(*at, place), hint=hint)
    elif isinstance(value, str) and "\0" in value:  # no file, and no word that anybody means, holds one
        raise SettingError(at_place(source, at, "holds a NUL character"), hint=hint or "text without it", at=at)
    elif isinstance(value, float) and not math.isfinite(value):
        raise SettingError(
            at_place(source, at, f"is {value}; allowed: finite numbers"),
            hint=hint or ": ".join([*map(str, at[-1:]), "a finite number"]),
            at=at,
        )
    elif isinstance(value, int) and abs(value) > _LARGEST:
        raise SettingError(
            at_place(source, at, f"is {shown(value)}; allowed: numbers up to 2^63"),
            hint=hint or "a smaller number",
            at=at,
        )


def _plain(value: Any) -> Any:
    """What `json` does not know and settings hold all the same."""
    if isinstance(value, Mapping):
        return dict(value)
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} is no JSON value")


@lru_cache(maxsize=256)
def adapter(kind: Any) -> TypeAdapter[Any]:
    """The checker of pydantic for a class of settings or an annotation, made once; unknown keys are errors."""
    from pydantic import ConfigDict, TypeAdapter

    _forbid_extra(kind)
    if is_dataclass(kind):
        return TypeAdapter(kind)
    return TypeAdapter(kind, config=ConfigDict(**_CONFIG))  # type: ignore[typeddict-item]


@lru_cache(maxsize=256)
def _schema(kind: Any) -> dict[str, Any]:
    from pydantic.errors import PydanticInvalidForJsonSchema

    try:
        return adapter(kind).json_schema()
    except PydanticInvalidForJsonSchema:  # an argument that only Python can give
        return {}


@lru_cache(maxsize=64)
def _fields(kind: type) -> dict[str, Any]:
    hints = get_type_hints(kind, include_extras=True)
    return {item.name: hints[item.name] for item in fields(kind) if item.init}


def _forbid_extra(kind: Any) -> None:
    """Make a dataclass, and those inside it, strict; pydantic takes this from an attribute of the class alone."""
    for inner in get_args(kind):
        _forbid_extra(inner)
    if isinstance(kind, type) and is_dataclass(kind) and "__pydantic_config__" not in vars(kind):
        kind.__pydantic_config__ = _CONFIG  # type: ignore[attr-defined]
        for hint in get_type_hints(kind, include_extras=True).values():
            _forbid_extra(hint)
