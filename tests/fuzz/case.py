"""What one input of the fuzz corpus is, and what may become of it."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

Wants = Literal["any", "read", "refused"]
Result = Literal["read", "refused", "crash", "unnamed", "wrong", "dropped"]


class DroppedError(Exception):
    """An input, or a part of it, was left out without a word."""


class WrongError(Exception):
    """An input was read as something that it does not hold."""


class CrashError(Exception):
    """A command line ended with another code than 0, 1 or 2."""


class RefusedError(Exception):
    """A command line refused an input with exit code 2."""


@dataclass(frozen=True)
class FuzzInput:
    """One input as it lies in its folder.

    Attributes:
        read: reads it with facewarden.
        names: what a refusal must name, one of them.
        wants: "read" for what is odd and whole, "refused" for what cannot be right, "any" where either is.
    """

    read: Callable[[], Any]
    names: Sequence[str]
    wants: Wants = "any"


Family = Callable[[np.random.Generator, Path], FuzzInput]
"""Makes one input in an empty folder."""


@dataclass(frozen=True)
class Outcome:
    """What became of one input.

    Attributes:
        kind: of the corpus.
        number: in it.
        family: generator that made the input.
        result: "read" or "refused" where all is well; "crash": another error than a FacewardenError, "unnamed": a
            refusal that does not name the input, "wrong": read though it cannot be right, or refused though it is
            whole, "dropped": left out without a word.
        text: what was said.
        seconds: processor time of files, time on the clock of servers.
        mebibytes: largest memory of the process in that time.
    """

    kind: str
    number: int
    family: str
    result: Result
    text: str
    seconds: float
    mebibytes: float


def family_of(families: Mapping[str, Family], number: int) -> str:
    """Name of the generator of an input: they take turns, so that the first inputs hold some of each."""
    return list(families)[number % len(families)]


def generator(seed: int, kind: str, number: int) -> np.random.Generator:
    """The random numbers of one input, which depend on nothing but its place."""
    return np.random.default_rng([seed, *kind.encode(), number])


def command_line(*arguments: str) -> str:
    """Run a command line in this process and return what it printed.

    Raises:
        RefusedError: exit code 2, with what stands on the standard error.
        CrashError: any other code than 0 and 1.
    """
    from facewarden.cli import main

    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([*arguments, "--quiet"])
    if code == 2:
        raise RefusedError(err.getvalue())
    if code not in (0, 1) or "Traceback" in err.getvalue():
        raise CrashError(f"exit code {code}: {err.getvalue()}")
    return out.getvalue()


def one(rng: np.random.Generator, values: Sequence[Any]) -> Any:
    """One of several values, which keep their types."""
    return values[int(rng.integers(len(values)))]


def damaged(rng: np.random.Generator, data: bytes, how: str) -> bytes:
    """Bytes with one kind of damage.

    Args:
        rng: decides where.
        data: whole.
        how: "truncated", "flipped", "head" (bits of the first 64 bytes), "spliced" (a part twice, gone or replaced) or
            "random".
    """
    held = bytearray(data)
    if how == "truncated":
        return bytes(held[: int(rng.integers(0, max(len(held), 1)))])
    if how == "random":
        return rng.bytes(int(rng.integers(1, 4096)))
    if how in ("flipped", "head"):
        end = min(64, len(held)) if how == "head" else len(held)
        for _ in range(int(rng.integers(1, 5 if how == "head" else 40))):
            held[int(rng.integers(end))] ^= 1 << int(rng.integers(8))
        return bytes(held)
    start, end = sorted(int(place) for place in rng.integers(0, len(held) + 1, 2))
    part = one(rng, [b"", bytes(held[start:end]) * 2, rng.bytes(end - start), b"\x00" * (end - start)])
    return bytes(held[:start]) + part + bytes(held[end:])


DAMAGES = ("truncated", "flipped", "head", "spliced", "random")
