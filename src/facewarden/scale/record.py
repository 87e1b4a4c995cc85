"""The record of a shard's results: which share of what, made how; `facewarden merge` reads it."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from facewarden.core.compute.shards import RULE, Shard, ShardCall, parse_shard, working_on
from facewarden.core.errors import BadInputError
from facewarden.core.files import write_json
from facewarden.core.guards.bounded import read_json_bounded
from facewarden.core.identity.code_version import CODES
from facewarden.core.identity.given import path_of, recorded, several
from facewarden.core.run import provenance
from facewarden.data.table import SUFFIXES, read_table, write_table

P = ParamSpec("P")
R = TypeVar("R")
_TOGETHER = ("cloak-pairs", "evaluate cloaking", "evaluate identification", "evaluate verification")
"""Verbs of which several shards may share a folder."""
_ELSEWHERE = ("shard", "out", "device", "workers", "force", "resume")
"""Arguments that change no result."""


@dataclass(frozen=True)
class ShardRecord:
    """What a finished shard says of itself.

    Attributes:
        home: its folder, or its table.
        verb: what made it.
        number, of: which share.
        about: versions, settings, inputs, precision and counts, as in the file.
    """

    home: Path
    verb: str
    number: int
    of: int
    about: dict[str, Any]

    def items(self) -> tuple[list[int], list[str]]:
        """Places in the whole list and keys of its items.

        Raises:
            BadInputError: the table of them cannot be read.
        """
        found = read_table(_beside(self.home, f"shard-{self.number}-of-{self.of}.parquet"))
        return found["place"], found["key"]


def sharded(
    verb: str, *, of: str | Iterable[str], apart: Iterable[str] = (), out: str = "out"
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Make a function's keyword `shard` hold for the lists that it reads, and record the share when it is done.

    Args:
        verb: name in the record.
        of: what is shared out, such as photos.
        apart: arguments that need not be the same in all shards, such as where the photos are.
        out: the argument that names the folder or the table of the results.
    """
    unrecorded = {*_ELSEWHERE, *apart}

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        signature = inspect.signature(function)

        @functools.wraps(function)
        def run(*args: P.args, **kwargs: P.kwargs) -> R:
            text = kwargs.get("shard")
            if text is None:
                return function(*args, **kwargs)
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            target = bound.arguments[out]
            shard = parse_shard(str(text))
            if target is None:
                raise BadInputError(f"--shard {shard} without a place for its results", hint=f"--{out}")
            if out != "out" and bound.arguments.get("out") is not None:
                raise BadInputError(
                    f"nothing is written into --out with --shard {shard}: figures need all shares",
                    hint=f"without --out; after facewarden merge, the command without --shard, with --{out} and --out",
                )
            home = path_of(target)
            _refuse_other(home, str(shard), verb)
            settings = {name: _told(value) for name, value in bound.arguments.items() if name not in unrecorded}
            forget_record(home, shard)  # until it is done again
            with working_on(shard, several(of)) as call:
                result = function(*args, **kwargs)
            _write(home, verb, call, settings | call.settings, computed=getattr(result, "computed", None))
            return result

        return run

    return decorate


def read_records(home: Path) -> list[ShardRecord]:
    """The records of the shards whose results lie in a folder, or in a table.

    Raises:
        BadInputError: there is none, or one that cannot be read.
    """
    is_table = home.suffix.lower() in SUFFIXES
    folder, start = (home.parent, f"{home.name}.") if is_table else (home, "")
    paths = sorted(path for path in folder.glob("*shard-*-of-*.json") if is_table is False or _of_table(path, start))
    if not paths:
        raise BadInputError(
            f"{home}: no finished shard", hint="run its command again with --shard I/N; what is done stays"
        )
    return [_read(path) for path in paths]


def forget_record(home: Path, shard: Shard) -> None:
    """Remove what says that a share is done; its results stay, and the verb decides which of them still hold.

    Raises:
        OSError: it cannot be removed.
    """
    _beside(home, f"shard-{shard.number}-of-{shard.of}.json").unlink(missing_ok=True)


def _of_table(path: Path, start: str) -> bool:
    return path.name.startswith(f"{start}shard-")


def _read(path: Path) -> ShardRecord:
    try:
        about = read_json_bounded(path)
        shard = parse_shard(about["shard"])
        prefix = path.name.partition("shard-")[0].removesuffix(".")
        return ShardRecord(
            path.parent / prefix if prefix else path.parent, about["verb"], shard.number, shard.of, about
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadInputError(f"{path}: no record of a shard: {error}", hint="run the shard's command again") from error


def _beside(home: Path, name: str) -> Path:
    """Where a record lies: in a folder of results, beside a table of results."""
    return home.parent / f"{home.name}.{name}" if home.suffix.lower() in SUFFIXES else home / name


def _refuse_other(home: Path, shard: str, verb: str) -> None:
    """Refuse a place that holds the results of another shard; pairs and embeddings of several may share a folder."""
    if verb in _TOGETHER:
        return
    folder = home.parent if home.suffix.lower() in SUFFIXES else home
    there = read_records(home) if folder.is_dir() and any(folder.glob(_beside(home, "shard-*-of-*.json").name)) else []
    for record in there:
        if f"{record.number}/{record.of}" != shard or record.verb != verb:
            raise BadInputError(
                f"{home} holds shard {record.number}/{record.of} of {record.verb}", hint="an --out for every shard"
            )


def _write(
    home: Path, verb: str, call: ShardCall, settings: dict[str, Any], *, computed: dict[str, str] | None
) -> None:
    shard = call.shard
    name = f"shard-{shard.number}-of-{shard.of}"
    about = provenance(computed)
    packages = about.pop("packages")
    record = {
        **about, "verb": verb, "shard": str(shard), "rule": RULE, "facewarden": packages.pop("facewarden"),
        "packages": packages, "code": dict(CODES), "settings": settings, "inputs": call.inputs, "more": call.more,
        "total": call.total,
        "items": len(call.keys), "listing": call.listing, "unfinished": call.unfinished,
    }  # fmt: skip
    try:
        write_table(_beside(home, f"{name}.parquet"), {"place": call.places, "key": call.keys})
        write_json(_beside(home, f"{name}.json"), record)  # last: it says that the shard is done
    except OSError as error:
        raise BadInputError(f"{home}: cannot be written: {error}", hint="choose a writable --out") from error


def _told(value: Any) -> Any:
    """An argument as JSON: of a model or an attack what decides its numbers."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple):
        return [_told(one) for one in value]
    return recorded(value)
