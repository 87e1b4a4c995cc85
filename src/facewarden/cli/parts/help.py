"""How help looks: the root, a verb with sub-verbs, and a command with its options in groups."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterable, Iterator, Mapping

from facewarden.cli.parts.commands import Command
from facewarden.cli.parts.options import Option, options_of, summary_of

HEAD = "facewarden: measure three threats to face recognition: presentation, perturbation, poisoning"
SHARED = (
    ("-h, --help", "show this help"),
    ("-v, --verbose", "log more to standard error"),
    ("--quiet", "neither progress nor warnings on standard error"),
    ("--json", "print the result as JSON"),
)
_COLUMN = 30


def overview(verbs: Mapping[str, str]) -> str:
    """The help of the program.

    Args:
        verbs: name -> description.
    """
    lines = [*textwrap.wrap(HEAD, _width()), "", "usage: facewarden VERB [options]", ""]
    lines += _table(verbs.items(), column=max(map(len, verbs)) + 4)
    lines += ["", "facewarden VERB --help      its options",
              "facewarden help sources     how models, captures and photos are named",
              "facewarden completion bash  completion for a shell: bash, zsh or fish"]  # fmt: skip
    return "\n".join(lines)


def verb_help(verb: str, summary: str, sub_verbs: Mapping[str, str]) -> str:
    """The help of a verb that has sub-verbs.

    Args:
        verb: its name.
        summary: what it is for.
        sub_verbs: name -> description.
    """
    lines = [f"usage: facewarden {verb} SUB-VERB [options]", "", *textwrap.wrap(summary, _width()), ""]
    lines += _table(sub_verbs.items(), column=max(map(len, sub_verbs)) + 4)
    return "\n".join([*lines, "", f"facewarden {verb} SUB-VERB --help tells the options of each."])


def command_help(command: Command) -> str:
    """The help of a command.

    Args:
        command: a verb or sub-verb.
    """
    options = options_of(command.entry)
    positional = [one for one in options if one.positional]
    words = [f"usage: facewarden {command.name}", *map(_usage, positional)]
    words += [f"{one.flag} {one.value}" for one in options if one.required and not one.positional]
    lines = [" ".join([*words, "[options]"])]
    for paragraph in summary_of(command.entry):
        lines += ["", *textwrap.wrap(paragraph, _width())]
    grouped = {name for names in command.groups.values() for name in names}
    sections = {"arguments": positional}
    sections["options"] = [one for one in options if not one.positional and one.name not in grouped]
    by_name = {one.name: one for one in options}
    sections |= {title: [by_name[name] for name in names] for title, names in command.groups.items()}
    for title, members in sections.items():
        if members:
            lines += ["", f"{title}:", *_table([(_form(one), _meaning(one)) for one in members])]
    lines += ["", "options of every verb:", *_table(SHARED)]
    return "\n".join(lines)


def _usage(option: Option) -> str:
    value = f"{option.value} ..." if option.several else option.value
    return value if option.required else f"[{value}]"


def _form(option: Option) -> str:
    if option.positional:
        return _usage(option)
    if option.switch:
        return option.flag
    several = " ..." if option.several else ""
    return f"{option.flag} {option.value}{several}" + (" (optional)" if option.default in (None, (), "") else "")


def _meaning(option: Option) -> str:
    text = option.help.rstrip(".")
    if option.required or option.switch:
        return text + (" (required)" if option.required else "")
    default = option.default
    shown = " ".join(map(str, default)) if isinstance(default, tuple) else str(default)
    return f"{text} (default: {'none' if default is None or shown == '' else shown})"


def _table(rows: Iterable[tuple[str, str]], *, column: int = _COLUMN) -> Iterator[str]:
    for left, right in rows:
        wrapped = textwrap.wrap(right, max(24, _width() - column)) or [""]
        if len(left) + 4 > column:
            yield f"  {left}"
        else:
            yield f"  {left:<{column - 2}}{wrapped.pop(0)}"
        yield from (" " * column + line for line in wrapped)


def _width() -> int:
    return max(60, min(100, shutil.get_terminal_size().columns)) - 1
