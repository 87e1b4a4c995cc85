"""Whether the words of a command are understood, without running it."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from facewarden.cli.parts.commands import RENAMED, is_verb, load_command, sub_verbs
from facewarden.cli.parts.parse import parse
from facewarden.core.errors import BadInputError

ROOT = Path(__file__).resolve().parents[2]
_ASSIGNMENT = re.compile(r"\w+=\S*")


def problems_of(line: str) -> list[str]:
    """What is wrong with a line: a verb, flag or value that facewarden refuses, a program that is not there."""
    parts: list[list[str]] = [[]]
    for word in shlex.split(line.replace(";", " ; "), comments=True):
        if word in ("&&", "||", "|", ";"):
            parts.append([])
        else:
            parts[-1].append(word)
    return [problem for words in parts if (problem := _problem(words))]


def _problem(words: Sequence[str]) -> str:
    while words and _ASSIGNMENT.fullmatch(words[0]):
        words = words[1:]
    if "-m" in words and words[words.index("-m") + 1 :][:1] == ["facewarden"]:
        words = words[words.index("-m") + 1 :]  # below torchrun, accelerate or python
    if words[:1] == ["python"] and words[1:2] and words[1].endswith(".py") and "/" in words[1]:
        return "" if (ROOT / words[1]).is_file() else f"there is no {words[1]}"
    return _refused(words[1:]) if words[:1] == ["facewarden"] else ""


def _refused(words: Sequence[str]) -> str:
    if not words or words[0].startswith("-") or words[0] == "help":
        return ""
    verb, rest = RENAMED.get(words[0], words[0]), list(words[1:])
    if not is_verb(verb):
        return f"no verb {verb!r}"
    name = [verb]
    if below := sub_verbs(verb):
        if not rest or rest[0] not in below:
            return "" if rest[:1] == ["--help"] else f"{verb} has no {rest[:1]}"
        name.append(rest.pop(0))
    if "--help" in rest:
        return ""
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
            parse(load_command(*name), rest)
    except (SystemExit, BadInputError) as error:
        return f"{' '.join(name)} refuses {' '.join(rest)}: {error} {said.getvalue()[-300:]}"
    return ""
