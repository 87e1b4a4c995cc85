"""Attacks and their options as a person types them: `steps=20`, checked against the attack's own signature."""

from __future__ import annotations

import difflib
import inspect
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args, get_origin

from facewarden.core.attack import Attack
from facewarden.core.errors import BadInputError
from facewarden.core.labels import Modality
from facewarden.core.registry import list_entries, load
from facewarden.core.roles import Detector
from facewarden.core.settings.budget import read_number


def build_attack(method: str, options: Mapping[str, Any]) -> Attack:
    """Make an attack with options; text is read as the option's type.

    Args:
        method: an entry of the registry of attacks.
        options: name -> value, as text or as the value itself.

    Raises:
        UnknownEntryError: there is no such attack.
        BadInputError: an option that it does not have, or a value that is none.
    """
    entry = load("attacks", method)
    known = options_of(method)
    values = {}
    for name, value in options.items():
        if name not in known:
            close = difflib.get_close_matches(name, list(known), n=1)
            guess = f"; did you mean {close[0]}?" if close else ""
            raise BadInputError(
                f"{method} has no option {name!r}{guess}", hint=f"options: {', '.join(known) or 'none'}"
            )
        values[name] = _typed(value, known[name], what=f"{method}: {name}")
    made = entry(**values)
    if not isinstance(made, Attack):
        raise BadInputError(f"{method} is not an attack", hint="facewarden list attacks")
    return made


def parse_options(pairs: Sequence[str], *, flag: str = "--set") -> dict[str, str]:
    """Turn `["steps=20", "restarts=2"]` into a mapping.

    Raises:
        BadInputError: a pair without "=", or a name given twice.
    """
    found: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name.strip() or not value.strip():
            raise BadInputError(f"{flag} {pair!r} is not name=value", hint=f"{flag} steps=20")
        if name.strip() in found:
            raise BadInputError(f"{flag} {name.strip()} is given twice", hint="give it once")
        found[name.strip()] = value.strip()
    return found


def score_based() -> tuple[str, ...]:
    """Names of the attacks that need no gradients."""
    names = [entry.name for entry in list_entries("attacks")]
    return tuple(name for name in names if not getattr(load("attacks", name), "needs_gradients", True))


def check_reach(method: str, attacker: Any, head: str | None) -> None:
    """Raise when an attack would climb the decision although it was sent through another head.

    Raises:
        BadInputError: as said; the hint names attacks that follow the head.
    """
    if head not in (None, "live") and getattr(attacker, "of_decision", False):
        raise BadInputError(
            f"{method} climbs the distance to the decision, not the loss of {head}",
            hint="pgd, bim, mi_fgsm or apgd (with its own loss) through a head",
        )


def check_gradients(method: str, attack: Attack, model: Detector, *, what: str) -> None:
    """Raise when a gradient attack meets a model without gradients; the hint names those that need none.

    Raises:
        BadInputError: it does.
    """
    if attack.needs_gradients and not model.differentiable:
        raise BadInputError(
            f"{method} needs gradients, which {what} does not give",
            hint=f"--method {' or '.join(score_based())}, or --surrogates multi_cnn",
        )


def check_reads(model: Detector, modalities: Sequence[Modality], *, what: str) -> None:
    """Raise when a model does not read a sensor that is attacked: whatever happens there, it would seem robust.

    Raises:
        BadInputError: it does not; the hint names those that it reads.
    """
    unread = [modality for modality in modalities if modality not in model.modalities]
    if unread:
        raise BadInputError(
            f"{what} does not read {' and '.join(unread)}: an attack there changes nothing",
            hint=f"--modalities {' '.join(model.modalities)}",
        )


def options_of(method: str) -> dict[str, Any]:
    """Names and types of an attack's options."""
    init = getattr(load("attacks", method), "__init__", None)
    if init is None or init is object.__init__:
        return {}
    hints = typing.get_type_hints(init)
    names = [name for name, p in inspect.signature(init).parameters.items() if p.kind is p.KEYWORD_ONLY]
    return {name: hints.get(name, str) for name in names}


def _typed(value: Any, kind: Any, *, what: str) -> Any:
    """A value as its annotated type."""
    choices = get_args(kind) if get_origin(kind) is Literal else ()
    if choices:
        if value not in choices:
            raise BadInputError(f"{what} {value!r}", hint=f"one of: {', '.join(map(str, choices))}")
        return value
    if get_origin(kind) in (typing.Union, types.UnionType):
        kinds = [part for part in get_args(kind) if part is not type(None)]
        if value is None or (isinstance(value, str) and value.lower() in ("none", "null")):
            return None
        return _typed(value, kinds[0], what=what)
    try:
        if kind is bool:
            words = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
            return value if isinstance(value, bool) else words[str(value).lower()]
        if kind is int:
            number = float(value)
            if isinstance(value, bool) or number != int(number):
                raise ValueError("not whole")
            return int(number)
        if kind is float:
            return read_number(value) if isinstance(value, str) else float(value)
    except (ValueError, KeyError, TypeError):
        word = {bool: "true or false", int: "a whole number", float: "a number such as 0.01 or 2/255"}[kind]
        raise BadInputError(f"{what} is {value!r}", hint=f"{what.rpartition(' ')[2]}: {word}") from None
    return str(value)
