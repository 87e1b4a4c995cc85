"""What is wrong with settings, in one form: where, what was found, what is allowed, and the nearest known name."""

from __future__ import annotations

import difflib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from facewarden.core.errors import BadInputError

_MOST = 3  # problems that one error tells


class SettingError(BadInputError):
    """A setting of a file or an argument cannot be used.

    Args:
        message: source, setting, what was found and what is allowed.
        hint: the next thing to type.
        at: keys and positions that lead to the setting, e.g. `("methods", 2, "recipe")`; a plan names its line by them.
    """

    def __init__(self, message: str, *, hint: str = "", at: Sequence[str | int] = ()) -> None:
        super().__init__(message, hint=hint)
        self.at = tuple(at)


def explain(
    errors: Sequence[Mapping[str, Any]],
    values: Any,
    schema: Mapping[str, Any],
    *,
    source: str,
    at: Sequence[str | int],
    hint: str,
) -> SettingError:
    """Tell pydantic's errors.

    Args:
        errors: as `ValidationError.errors` gives them.
        values: what was checked.
        schema: JSON Schema of what is allowed.
        source, at, hint: as for `facewarden.core.settings.read_settings`.
    """
    told: dict[tuple[str | int, ...], tuple[str, str]] = {}
    for error in errors:
        cause = getattr(error.get("ctx", {}).get("error"), "__cause__", None)
        if isinstance(cause, SettingError) and cause.at:  # what a class inside of the values refuses has its own place
            place = (*_in_values(error["loc"], values, absent=False), *cause.at)
            inner = path_text(cause.at)
            text = cause.message.removeprefix(inner) if cause.message.startswith(inner) else f": {cause.message}"
            told[place] = (f"{path_text((*at, *place))}{text}", cause.hint)
            continue
        place = _in_values(error["loc"], values, absent=error["type"] in ("missing", "missing_argument"))
        told.setdefault(place, _problem(error, place, values, schema, above=at))
    # of a union, what is wrong inside of one member says more than that the others do not fit
    told = {place: text for place, text in told.items() if not any(_is_above(place, other) for other in told)}
    first = next(iter(told))
    texts = [text for text, _ in list(told.values())[:_MOST]]
    more = f"; and {len(told) - _MOST} more" if len(told) > _MOST else ""
    head = f"{source}: " if source else ""
    return SettingError(f"{head}{'; '.join(texts)}{more}", hint=hint or told[first][1], at=(*at, *first))


def refused(source: str, name: str, known: Collection[str]) -> SettingError:
    """The error for an argument that is not there."""
    guess = nearest(name, known)
    return SettingError(
        f"{source} has no setting {name!r}" + (f"; did you mean {guess!r}?" if guess else ""),
        hint=f"known: {', '.join(known) or 'none, it takes no settings'}",
        at=(name,),
    )


def nearest(name: str, known: Collection[str]) -> str | None:
    """The known name that is most like another one, or None."""
    by_lower = {one.lower(): one for one in known}
    close = difflib.get_close_matches(str(name).lower(), list(by_lower), n=1)
    close += [word for word in str(name).lower().split("_") if word in by_lower]  # input_mean for mean
    return by_lower[close[0]] if close else None


def at_place(source: str, at: Sequence[str | int], text: str) -> str:
    """A message with its source and place in front."""
    return f"{source}: {_joined(at, text)}" if source else _joined(at, text)


def path_text(at: Sequence[str | int]) -> str:
    """Keys and positions as a person writes them: `methods[2].recipe`."""
    text = ""
    for key in at:
        text += f"[{key}]" if isinstance(key, int) else f".{key}"
    return text.removeprefix(".")


def shown(value: Any) -> str:
    """A value as JSON, cut where it is long."""
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 200:
        return f"a number of about {round(value.bit_length() * 0.30103)} digits"
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def describe(node: Mapping[str, Any], root: Mapping[str, Any]) -> str:
    """What a JSON Schema allows, in words.

    Args:
        node: the part of the schema.
        root: the whole one, for its definitions.
    """
    parts = list(dict.fromkeys(_branch_text(branch, root) for branch in _branches(node, root)))
    return " or ".join(parts)


def _joined(at: Sequence[str | int], text: str) -> str:
    path = path_text(at)
    if not path and text.startswith("is "):
        return f"found {text.removeprefix('is ')}"
    return f"{path} {text}" if path else text


def _problem(
    error: Mapping[str, Any],
    place: tuple[str | int, ...],
    values: Any,
    schema: Mapping[str, Any],
    *,
    above: Sequence[str | int],
) -> tuple[str, str]:
    """What is wrong at a place, and the next thing to type."""
    whole = (*above, *place)
    last = path_text(whole[-2:] if isinstance(whole[-1], int) else whole[-1:]) if whole else ""
    if error["type"] == "json_invalid":
        reason = str(error["msg"]).removeprefix("Invalid JSON: ")
        return _joined(whole, f"not plain JSON values: {reason}"), "text, numbers and lists"
    if error["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
        known = list(_known(_find(schema, place[:-1]), schema))
        guess = nearest(last, known)
        mean = f"; did you mean {guess!r}?" if guess else ""
        return f"unknown setting {path_text(whole)!r}{mean}", f"known: {', '.join(known)}"
    node = _find(schema, place)
    allowed = describe(node, schema)
    if error["type"] in ("missing", "missing_argument"):
        return _joined(whole, f"is missing; allowed: {allowed}"), f"add {last}: {allowed}"
    value = shown(_value(values, place))
    if error["type"] in ("value_error", "assertion_error"):
        return _joined(whole, f"is {value}: {error['ctx']['error']}"), f"{last}: {allowed}"
    usual = shown(node["default"]) if node.get("default") is not None else allowed
    return _joined(whole, f"is {value}; allowed: {allowed}"), f"{last}: {usual}" if last else allowed


def _in_values(loc: Sequence[str | int], values: Any, *, absent: bool) -> tuple[str | int, ...]:
    """The keys that lead to a value: pydantic also names members of unions in between."""
    place: list[str | int] = []
    for key in loc:
        listed = isinstance(values, list | tuple) and isinstance(key, int) and key < len(values)
        if not listed and not (isinstance(values, Mapping) and key in values):
            continue
        values = values[key]
        place.append(key)
    return (*place, loc[-1]) if absent and loc else tuple(place)


def _is_above(place: Sequence[str | int], other: Sequence[str | int]) -> bool:
    return len(place) < len(other) and tuple(other[: len(place)]) == tuple(place)


def _value(values: Any, place: Sequence[str | int]) -> Any:
    for key in place:
        values = values[key]
    return values


def _branches(node: Mapping[str, Any], root: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The alternatives of a schema, references followed."""
    if "$ref" in node:
        yield from _branches(root["$defs"][node["$ref"].rpartition("/")[2]], root)
    elif "anyOf" in node or "oneOf" in node:
        for one in node.get("anyOf", node.get("oneOf", ())):
            yield from _branches(one, root)
    else:
        yield node


def _find(schema: Mapping[str, Any], place: Sequence[str | int]) -> Mapping[str, Any]:
    """The part of a schema that is about a place; an empty one, which allows everything, where there is none."""
    node: Mapping[str, Any] = schema
    for key in place:
        node = next((found for branch in _branches(node, schema) if (found := _below(branch, key)) is not None), {})
    return node


def _below(branch: Mapping[str, Any], key: str | int) -> Mapping[str, Any] | None:
    if isinstance(key, int):
        first = branch.get("prefixItems", ())
        found = first[key] if key < len(first) else branch.get("items")
    else:
        found = branch.get("properties", {}).get(key, branch.get("additionalProperties"))
    return found if isinstance(found, Mapping) else None


def _known(node: Mapping[str, Any], root: Mapping[str, Any]) -> Iterator[str]:
    for branch in _branches(node, root):
        yield from branch.get("properties", ())


def _branch_text(node: Mapping[str, Any], root: Mapping[str, Any]) -> str:
    if "const" in node or "enum" in node:
        words = [
            str(word) if isinstance(word, str) else json.dumps(word) for word in node.get("enum", [node.get("const")])
        ]
        return f"{', '.join(words[:-1])} or {words[-1]}" if len(words) > 1 else words[0]
    kind = node.get("type")
    if kind in ("integer", "number"):
        return ("a whole number" if kind == "integer" else "a number") + _range_text(node)
    if kind == "array":
        return _list_text(node, root)
    if kind == "object":
        known = ", ".join(node.get("properties", ()))
        return f"an object with {known}" if known else "an object"
    words_of = {
        "boolean": "true or false",
        "null": "null",
        "string": "text that is not empty" if node.get("minLength") else "text",
    }
    return words_of.get(str(kind), "any JSON value")


def _range_text(node: Mapping[str, Any]) -> str:
    words = {"minimum": "from", "exclusiveMinimum": "above", "maximum": "to", "exclusiveMaximum": "below"}
    parts = [f"{word} {node[name]:g}" for name, word in words.items() if name in node]
    return "".join(f" {part}" for part in parts).replace(" below", " to below" if len(parts) > 1 else " below")


def _list_text(node: Mapping[str, Any], root: Mapping[str, Any]) -> str:
    if "prefixItems" in node:
        return f"a list of {len(node['prefixItems'])}: {', '.join(describe(one, root) for one in node['prefixItems'])}"
    least = f" of at least {node['minItems']}" if node.get("minItems") else ""
    return f"a list{least}, each {describe(node.get('items', {}), root)}"
