"""Attacks and their options as a person types them: `steps=20`, checked against the attack's own signature."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, get_args, get_origin

from facewarden.core.attack import Attack
from facewarden.core.errors import BadInputError
from facewarden.core.labels import Modality
from facewarden.core.registry import list_entries, load
from facewarden.core.roles import Detector
from facewarden.core.settings import SettingError, arguments_of, check_arguments
from facewarden.core.settings.budget import read_number

_SWITCH = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}

AttackLike = str | Attack


def build_attack(method: AttackLike, options: Mapping[str, Any]) -> Attack:
    """Make an attack with options; text is read as the option's type.

    Args:
        method: an entry of the registry of attacks, or an attack, which has its options already.
        options: name -> value, as text or as the value itself.

    Raises:
        UnknownEntryError: there is no such attack.
        BadInputError: an option that it does not have, a value that is none, or an attack that eps does not bound.
    """
    if isinstance(method, Attack):
        if options:
            raise BadInputError("an attack that is an object has its options already", hint="PGD(steps=20)")
        return _of_eps(method)
    entry = load("attacks", method)
    known = options_of(method)
    read = {name: _from_text(value, known.get(name)) for name, value in options.items()}
    try:
        values = check_arguments(entry, read, source=method, keyword_only=True)
    except SettingError as error:
        name = str(error.at[0]) if error.at else ""
        if float in _kinds(known.get(name)):  # a fraction is no JSON, so only this place knows of it
            raise SettingError(error.message, hint=f"{name}: a number such as 0.01 or 2/255", at=error.at) from error
        raise
    made = entry(**values)
    if not isinstance(made, Attack):
        raise BadInputError(f"{method} is not an attack", hint="facewarden list attacks")
    return _of_eps(made)


def _of_eps(attack: Attack) -> Attack:
    """Refuse an attack whose budget eps does not count: rates over budgets would compare what is not alike."""
    name = type(attack).__module__.rpartition(".")[2]
    if attack.person_goal is not None:
        raise BadInputError(
            f"{name} is a cloak with one mask for all photos of a person",
            hint=f"facewarden cloak PEOPLE --method {name}",
        )
    if attack.own_budget is not None:
        raise BadInputError(
            f"{name} is a cloak of faces whose budget is {attack.own_budget}, not eps",
            hint=f"facewarden cloak PHOTOS --method {name}",
        )
    return attack


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
    return arguments_of(load("attacks", method), keyword_only=True)


def _from_text(value: Any, kind: Any) -> Any:
    """What a person typed as the JSON value that an annotation asks for; as it is where it can be none."""
    kinds = _kinds(kind)
    if isinstance(value, float) and value.is_integer() and int in kinds and float not in kinds:
        return int(value)
    if not isinstance(value, str) or str in kinds:
        return value
    word = value.strip().lower()
    if type(None) in kinds and word in ("none", "null"):
        return None
    if bool in kinds:
        return _SWITCH.get(word, value)
    choices = [choice for one in kinds if get_origin(one) is Literal for choice in get_args(one)]
    numeric = int in kinds or float in kinds or any(isinstance(choice, int | float) for choice in choices)
    return _number(value, whole=float not in kinds) if numeric else value


def _kinds(kind: Any) -> tuple[Any, ...]:
    """The alternatives of an annotation, without the ranges that stand in it."""
    if get_origin(kind) is Annotated:
        return _kinds(get_args(kind)[0])
    if get_origin(kind) in (typing.Union, types.UnionType):
        return tuple(one for part in get_args(kind) for one in _kinds(part))
    return (kind,)


def _number(text: str, *, whole: bool) -> Any:
    """The number that a text says, also as `2/255`; the text itself where it says none."""
    try:
        value = read_number(text)
        if whole and value.is_integer():
            return int(text) if text.strip().lstrip("+-").isdigit() else int(value)
    except (ValueError, OverflowError):
        return text
    return value
