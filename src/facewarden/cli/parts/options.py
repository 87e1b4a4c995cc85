"""The options of a command, read from the signature and the docstring of its function."""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

_SECTIONS = ("Args", "Returns", "Raises", "Attributes")


@dataclass(frozen=True)
class Option:
    """One option or positional argument.

    Attributes:
        name: of the parameter.
        kind: its type, for the parser.
        default: what it is when left out; `inspect.Parameter.empty` when it must be given.
        positional: whether it has no flag.
        several: whether it takes several values.
        value: what stands for its value in the help, "PATH"; empty for a switch.
        help: what it means.
    """

    name: str
    kind: Any
    default: Any
    positional: bool
    several: bool
    value: str
    help: str

    @property
    def required(self) -> bool:
        """Whether it must be given."""
        return self.default is inspect.Parameter.empty

    @property
    def switch(self) -> bool:
        """Whether it takes no value."""
        return not self.value

    @property
    def flag(self) -> str:
        """How it is typed: `--no-gate` for a switch that is on by default."""
        return f"--{'no-' if self.switch and self.default is True else ''}{self.name.replace('_', '-')}"


def options_of(command: Callable[..., object]) -> tuple[Option, ...]:
    """The options of a command, in the order of its signature.

    Args:
        command: a function with types and a docstring with an `Args:` section.
    """
    kinds, helps = get_type_hints(command, include_extras=True), argument_docs(command)
    found = []
    for name, parameter in inspect.signature(command).parameters.items():
        kind = kinds[name]
        found.append(
            Option(
                name=name,
                kind=kind,
                default=parameter.default,
                positional=parameter.kind is parameter.POSITIONAL_ONLY,
                several=_several(kind),
                value=_value(kind),
                help=helps.get(name, ""),
            )
        )
    return tuple(found)


def argument_docs(command: Callable[..., object]) -> dict[str, str]:
    """What the `Args:` section of a docstring says of each parameter."""
    found: dict[str, str] = {}
    names: list[str] = []
    inside = False
    for line in (inspect.getdoc(command) or "").splitlines():
        if line.rstrip(":") in _SECTIONS:
            inside = line == "Args:"
        elif inside and (start := re.match(r" {4}(\w[\w, ]*): (.*)", line)):
            names = [name.strip() for name in start[1].split(",")]
            found |= dict.fromkeys(names, start[2])
        elif inside and line.strip():
            found |= {name: f"{found[name]} {line.strip()}" for name in names}
    return found


def summary_of(command: Callable[..., object]) -> tuple[str, ...]:
    """The paragraphs of a docstring before its sections, each without line breaks."""
    text = re.split(rf"(?m)^(?:{'|'.join(_SECTIONS)}):$", inspect.getdoc(command) or "")[0]
    return tuple(" ".join(part.split()) for part in text.strip().split("\n\n"))


def _bare(kind: Any) -> Any:
    """A type without what annotates it and without None."""
    while get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if get_origin(kind) in (Union, types.UnionType):
        some = [one for one in get_args(kind) if one is not type(None)]
        return _bare(some[0])
    return kind


def _several(kind: Any) -> bool:
    return get_origin(_bare(kind)) is tuple


def _value(kind: Any) -> str:
    """What stands for a value in the help: the word that annotates the type, or one for the type."""
    if get_origin(kind) is Annotated:
        words = [one for one in get_args(kind)[1:] if isinstance(one, str)]
        return words[0] if words else _value(get_args(kind)[0])
    if get_origin(kind) in (Union, types.UnionType):
        return "|".join(dict.fromkeys(_value(one) for one in get_args(kind) if one is not type(None)))
    if get_origin(kind) is tuple:
        return _value(get_args(kind)[0])
    if get_origin(kind) is Literal:
        return "|".join(map(str, get_args(kind)))
    return {bool: "", Path: "PATH", int: "INTEGER", float: "NUMBER", str: "TEXT"}.get(kind, "VALUE")
