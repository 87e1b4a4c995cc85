"""From words to the arguments of a command: lists gathered, old spellings translated, types checked by tyro."""

from __future__ import annotations

import inspect
import io
import logging
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from itertools import takewhile
from typing import Annotated, Any

from facewarden.cli.parts.commands import Command
from facewarden.cli.parts.options import Option, options_of, summary_of
from facewarden.core.errors import BadInputError
from facewarden.core.guards.numbers import finite
from facewarden.core.guards.text import inert

_LOG = logging.getLogger("facewarden")
_LARGEST = 2**63  # of whole numbers that torch, numpy and seeds hold
_COMMA = re.compile(r",(?![^{]*\})")  # a comma inside the braces of settings separates nothing


@dataclass(frozen=True)
class Parsed:
    """What was typed.

    Attributes:
        positional, named: arguments of the command's function.
        json: whether the result is printed as JSON.
    """

    positional: tuple[Any, ...]
    named: dict[str, Any]
    json: bool


def parse(command: Command, arguments: Sequence[str]) -> Parsed:
    """Parse the words after a command's name.

    Args:
        command: whose options they are.
        arguments: the words.

    Raises:
        SystemExit: with 2, after a message, when they are no such options.
        BadInputError: a number that no computer word holds, NaN or infinity.
    """
    import tyro

    options = options_of(command.entry)
    words = translated(list(arguments), command)
    for option in options:
        if option.several and not option.positional:
            words = gathered(words, option.flag)
    with _inert_errors(words), _one_at_a_time(words, options):
        positional, named = tyro.cli(
            _collector(command, options),
            prog=f"facewarden {command.name}",
            args=words,
            config=(tyro.conf.FlagCreatePairsOff,),
        )
    for name, value in (*enumerate(positional), *named.items()):
        _check_numbers(name, value)
    json = bool(named.pop("json"))
    del named["verbose"], named["quiet"]  # they were heard before: warnings of the parser depend on them
    return Parsed(positional, named, json)


def _check_numbers(name: str | int, value: Any) -> None:
    what = f"argument {name + 1}" if isinstance(name, int) else f"--{name.replace('_', '-')}"
    if isinstance(value, tuple):
        for one in value:
            _check_numbers(name, one)
    elif isinstance(value, float):
        finite(value, what=what)
    elif isinstance(value, int) and abs(value) >= _LARGEST:
        raise BadInputError(f"{what} has about {value.bit_length() * 0.30103:.0f} digits", hint="a smaller number")


@contextmanager
def _inert_errors(words: Sequence[str]) -> Iterator[None]:
    """Show the parser's errors without what would act on the terminal; it repeats the words that it does not know."""
    if all(inert(word) == word for word in words):
        yield
        return
    told = io.StringIO()
    try:
        with redirect_stderr(told):
            yield
    finally:
        print(inert(told.getvalue()), end="", file=sys.stderr)


@contextmanager
def _one_at_a_time(words: Sequence[str], options: Sequence[Option]) -> Iterator[None]:
    """Say below the parser's error that one file or folder is taken, where a shell has put several in place of `*`."""
    places = [option for option in options if option.positional]
    first = list(takewhile(lambda word: not word.startswith("-"), words))
    try:
        yield
    except SystemExit as error:
        if error.code and len(first) > len(places) > 0 and not any(option.several for option in places):
            verb = "is" if len(places) == 1 else "are"
            told = f"  -> {len(places)} of these {len(first)} {verb} taken; several photos are given as their folder"
            print(told, file=sys.stderr)
        raise


def translated(arguments: list[str], command: Command) -> list[str]:
    """Replace flags of the release before by those of this one, with a warning for each."""
    words = []
    for word in arguments:
        flag, equals, value = word.partition("=")
        new = command.old_flags.get(flag)
        if new is not None:
            _LOG.warning("%s is now %s; the old spelling goes away in the next release", flag, new)
            word = f"{new}{equals}{value}"
        words.append(word)
    return words


def gathered(arguments: list[str], flag: str) -> list[str]:
    """Join a flag that was given several times into one with all its values, which is what the parser understands."""
    kept: list[str] = []
    values: list[str] = []
    taking = False
    for argument in arguments:
        if argument == flag or argument.startswith(f"{flag}="):
            taking = argument == flag
            values += [] if taking else [argument.removeprefix(f"{flag}=")]
        elif taking and not re.match(r"--?[a-z]", argument):
            values.append(argument)
        else:
            taking = False
            kept.append(argument)
    return [*kept, flag, *values] if values else arguments


def without_commas(values: Sequence[str], *, flag: str) -> tuple[str, ...]:
    """The values of a list; one of the release before, with commas inside, is taken apart with a warning.

    Args:
        values: as typed.
        flag: whose values they are.
    """
    found = tuple(part.strip() for value in values for part in _COMMA.split(value))
    if len(found) > len(values):
        _LOG.warning("%s %s: lists have no commas any more; write %s %s", flag, " ".join(values), flag, " ".join(found))
    return found


def _collector(command: Command, options: Sequence[Option]) -> Any:
    """A function with the options of a command and those of every verb that returns what it was called with."""
    import tyro

    def collect(*positional: Any, **named: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return positional, named

    parameters = [
        inspect.Parameter(
            one.name,
            inspect.Parameter.POSITIONAL_ONLY if one.positional else inspect.Parameter.KEYWORD_ONLY,
            default=one.default,
            annotation=one.kind,
        )
        for one in options
    ]
    verbose = Annotated[bool, tyro.conf.arg(aliases=["-v"])]
    for name, kind in (("verbose", verbose), ("quiet", bool), ("json", bool)):
        parameters.append(inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=kind))
    collector: Any = inspect.unwrap(collect)  # tyro looks below decorators, such as those that check types in tests
    collector.__signature__ = inspect.Signature(parameters)
    collector.__annotations__ = {one.name: one.annotation for one in parameters}
    collector.__doc__ = summary_of(command.entry)[0]
    return collector
