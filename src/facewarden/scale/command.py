"""A command line that is shared out: its verb, where its results go, and the command line of every share."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from facewarden.core.compute.shards import Shard
from facewarden.core.errors import BadInputError

_OUT = MappingProxyType(
    {
        "bench": "--out", "cloak": "--out", "cloak-pairs": "--out", "evaluate cloaking": "--run",
        "evaluate identification": "--run", "evaluate presentation": "--out",
        "evaluate verification": "--run", "purify": "--out", "score": "--out", "simulate": "",
    }
)  # fmt: skip
"""Verb -> the flag that names where its results go; empty for the first argument."""
_WITHOUT_WORKERS = ("cloak-pairs",)
_TABLES = (".parquet", ".csv")


@dataclass(frozen=True)
class SharedCommand:
    """A command line without its share.

    Attributes:
        verb: as a person types it.
        words: what follows the verb.
        place: which of the words names the results.
    """

    verb: str
    words: tuple[str, ...]
    place: int

    @property
    def out(self) -> str:
        """Where the results of all shares go."""
        word = self.words[self.place]
        return word.partition("=")[2] if word.startswith("--") else word

    @property
    def source(self) -> str | None:
        """The first argument, what the verb reads; None where the first argument is where it writes."""
        return self.words[0] if self.place and not self.words[0].startswith("-") else None

    def with_out(self, out: str) -> SharedCommand:
        """The command with another place for the results."""
        flag, equals, _ = self.words[self.place].partition("=")
        word = f"{flag}{equals}{out}" if equals and flag.startswith("--") else out
        return replace(self, words=(*self.words[: self.place], word, *self.words[self.place + 1 :]))

    def with_source(self, source: str) -> SharedCommand:
        """The command with another first argument."""
        return replace(self, words=(source, *self.words[1:]))

    def share_out(self, shard: Shard, *, below: str) -> str:
        """Where the results of one share go.

        Args:
            shard: which.
            below: the folder of all shares.
        """
        home = f"{below}/{shard.number}-of-{shard.of}"
        return f"{home}/{Path(self.out).name}" if Path(self.out).suffix.lower() in _TABLES else home

    def line(self, shard: Shard, *, out: str, workers: int | None = None) -> tuple[str, ...]:
        """The words of one share, after `facewarden`.

        Args:
            shard: which.
            out: where its results go.
            workers: processes of the share, where the verb has that option and the command does not say.
        """
        words = [*self.verb.split(), *self.with_out(out).words, "--shard", str(shard)]
        if self.verb == "bench" and "--resume" not in words:
            words.append("--resume")  # what an earlier try of the share has finished stays
        told = any(word.partition("=")[0] == "--workers" for word in words)
        if workers is not None and self.verb not in _WITHOUT_WORKERS and not told:
            words += ["--workers", str(workers)]
        return tuple(words)


def parse_command(command: str | Sequence[str]) -> SharedCommand:
    """Read a command line of a verb that can be shared out, with or without `facewarden` before it.

    Raises:
        BadInputError: another verb, no place for the results, or a command that has a share already.

    Example:
        >>> parse_command("purify photos --out clean").out
        'clean'
    """
    words = shlex.split(command) if isinstance(command, str) else list(command)
    words = words[1:] if words[:1] == ["facewarden"] else words
    length = 2 if words[:1] == ["evaluate"] else 1
    verb, rest = " ".join(words[:length]), tuple(words[length:])
    if verb not in _OUT:
        raise BadInputError(f"{verb or 'nothing'} cannot be shared out", hint=f"one of: {', '.join(_OUT)}")
    if any(word.partition("=")[0] == "--shard" for word in rest):
        raise BadInputError("the command has a --shard of its own", hint="leave it out; launch adds one to every share")
    flag = _OUT[verb]
    if flag == "--run" and any(word.partition("=")[0] == "--out" for word in rest):
        raise BadInputError(
            "nothing is written into --out by shares: figures need all of them",
            hint="leave it out; afterwards the command itself, with --run and --out, gives the figures",
        )
    if not flag:
        if not rest or rest[0].startswith("-"):
            raise BadInputError(f"{verb} without a folder", hint=f'"{verb} FOLDER"')
        return SharedCommand(verb, rest, 0)
    for place, word in enumerate(rest):
        if word.startswith(f"{flag}="):
            return SharedCommand(verb, rest, place)
        if word == flag and place + 1 < len(rest):
            return SharedCommand(verb, rest, place + 1)
    raise BadInputError(f"{verb} without {flag}", hint=f'"{verb} … {flag} PATH"')
