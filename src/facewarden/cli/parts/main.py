"""How a command line is run: find the command, show its help or run it, print what it found."""

from __future__ import annotations

import difflib
import inspect
import json
import logging
import os
import sys
import time
import traceback
from collections.abc import Callable, Collection, Sequence
from contextlib import nullcontext

from facewarden.cli.parts.commands import RENAMED, Command, description, is_verb, load_command, sub_verbs, verbs
from facewarden.cli.parts.endings import BAD_INPUT, INTERRUPTED, UNWRITABLE, guarded, is_full, unusable
from facewarden.cli.parts.logs import logs_on_stderr
from facewarden.cli.parts.outcome import Outcome
from facewarden.core.errors import AssetError, BadInputError, FacewardenError
from facewarden.core.guards import interrupts
from facewarden.core.guards.limits import declared
from facewarden.core.guards.text import inert, inert_json, message, one_line
from facewarden.core.identity.version import __version__
from facewarden.data.results import plain

_LOG = logging.getLogger("facewarden")
_HELP = ("-h", "--help")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: arguments without the program's name; those of the process by default.

    Returns:
        0 when all went well, 1 when a gate failed or a check found something, 2 on bad input, 70 on a defect of
        facewarden, 74 when the output cannot be written, 130 when interrupted.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    return guarded(lambda: _main(arguments))


def _main(arguments: list[str]) -> int:
    if arguments[:1] == ["help"]:
        return _help(arguments[1:])
    if not arguments or arguments[0] in _HELP:
        return _help([])
    if arguments[0] in ("-V", "--version"):
        print(f"facewarden {__version__}")
        return 0
    with logs_on_stderr(arguments):
        return _dispatch(arguments)


def _help(words: list[str]) -> int:
    """Print the help of the program, of a command or of a topic."""
    from facewarden.cli.parts.help import overview

    if not words or words[0] in _HELP:
        print(overview(verbs()))
        return 0
    if words == ["sources"]:
        from facewarden.core.sources.grammar import GRAMMAR

        print(GRAMMAR)
        return 0
    return _dispatch([*words, "--help"])


def _dispatch(arguments: list[str]) -> int:
    verb, rest = arguments[0], arguments[1:]
    if verb in RENAMED:
        _LOG.warning("the verb %s is now %s; the old name goes away in the next release", verb, RENAMED[verb])
        verb = RENAMED[verb]
    if not is_verb(verb):
        return _unknown(verb, verbs(), what="verb", hint="facewarden --help")
    below = sub_verbs(verb)
    if not below:
        return _command((verb,), rest)
    if not rest or rest[0] in _HELP:
        from facewarden.cli.parts.help import verb_help

        print(verb_help(verb, description(verb), below))
        return 0 if rest else 2
    if rest[0] not in below:
        return _unknown(rest[0], below, what=f"{verb} has no", hint=f"facewarden {verb} --help")
    return _command((verb, rest[0]), rest[1:])


def _follows() -> bool:
    """Whether a launcher started this process beside another one, which shows the progress of all."""
    return os.environ.get("WORLD_SIZE", "1") != "1" and os.environ.get("RANK", "0") != "0"


def _unknown(word: str, known: Collection[str], *, what: str, hint: str) -> int:
    close = difflib.get_close_matches(word, list(known), n=2, cutoff=0.5)
    guess = f"; did you mean {' or '.join(close)}?" if close else ""
    says = f"no verb {word!r}" if what == "verb" else f"{what} {word!r}"
    print(message(f"facewarden: {says}{guess}\n  -> {hint}"), file=sys.stderr)
    return BAD_INPUT


def _command(words: tuple[str, ...], arguments: list[str]) -> int:
    command = load_command(*words)
    if any(word in _HELP for word in arguments):
        from facewarden.cli.parts.help import command_help

        print(command_help(command))
        return 0
    from facewarden.cli.parts.parse import parse

    name = " ".join(words)
    try:
        parsed = parse(command, arguments)
        list(declared())  # a limit that is set to no number is told once, not of every file
        started = time.perf_counter()
        outcome = _run(command, parsed.positional, parsed.named, quiet="--quiet" in arguments or _follows())
        _LOG.debug("%s took %.1f s", name, time.perf_counter() - started)
        return _print(outcome, as_json=parsed.json)
    except FacewardenError as error:
        _LOG.debug("where it was raised:", exc_info=True)
        if interrupts.seen():
            raise KeyboardInterrupt from error
        # a line break in the name of a file is no line of ours; the list of several failed downloads is
        told = message(error.message) if isinstance(error, AssetError) else one_line(error.message)
        hint = f"\n  -> {one_line(error.hint)}" if error.hint else ""
        print(f"facewarden {name}: {told}{hint}", file=sys.stderr)
        return UNWRITABLE if is_full(error) else BAD_INPUT
    except BrokenPipeError:
        raise
    except KeyboardInterrupt:
        print(f"\nfacewarden {name}: stopped; {_again(command.entry)}", file=sys.stderr)
        return INTERRUPTED
    except Exception as error:  # not 1: a gate that failed and a program that broke are not the same
        if is_full(error) or interrupts.seen():
            raise
        if says := unusable(error):
            _LOG.debug("where it was raised:", exc_info=True)
            print(f"facewarden {name}: {one_line(says[0])}\n  -> {says[1]}", file=sys.stderr)
            return BAD_INPUT
        print(inert(traceback.format_exc()), file=sys.stderr, end="")
        print(
            f"facewarden {name}: this is a defect of facewarden, please report it with the lines above", file=sys.stderr
        )
        return 70


def _run(command: Command, positional: tuple[object, ...], named: dict[str, object], *, quiet: bool) -> Outcome:
    from facewarden.cli.parts.progress import on_stderr
    from facewarden.core.progress import shown_by

    try:
        with nullcontext() if quiet else on_stderr() as sink, nullcontext() if sink is None else shown_by(sink):
            return command.entry(*positional, **named)
    except SystemExit as error:  # no code of ours: a model or plug-in would end the work with its own exit code, even 0
        last = traceback.extract_tb(error.__traceback__)[-1]
        raise BadInputError(
            f"{last.filename}:{last.lineno} called exit({error.code!r}) in the middle of the work",
            hint="let this code raise an error instead",
        ) from error


def _print(outcome: Outcome, *, as_json: bool) -> int:
    if as_json:
        print(inert_json(json.dumps(plain(outcome.result), indent=2, ensure_ascii=False)))
    else:
        for line in outcome.lines:
            print(one_line(line))
    for line in outcome.problems:
        print(one_line(line), file=sys.stderr)
    return outcome.code


def _again(entry: Callable[..., object]) -> str:
    """What to type after a stop: some verbs go on by themselves, others ask for it."""
    resumes = "resume" in inspect.signature(entry).parameters
    return "runs go on with --resume" if resumes else "give the same command again"
