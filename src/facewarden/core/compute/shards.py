"""Shards: the share I/N of a verb's work, by a hash of each item's key, so that machines need no coordination."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TypeVar

from facewarden.core.errors import BadInputError
from facewarden.core.guards.text import is_count

T = TypeVar("T")
RULE = "SHA-256 of the key"
"""What decides in which shard an item is; records state it."""


@dataclass(frozen=True)
class Shard:
    """One share of N.

    Attributes:
        number: which, from 1.
        of: how many there are.
    """

    number: int
    of: int

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    def holds(self, key: str) -> bool:
        """Whether an item is in this share, which depends on its key alone.

        Example:
            >>> [str(shard) for shard in (Shard(1, 2), Shard(2, 2)) if shard.holds("a.jpg")]
            ['1/2']
        """
        return int.from_bytes(_digest(key)[:8], "big") % self.of == self.number - 1

    def equal_share(self, keys: Iterable[str]) -> frozenset[str]:
        """The keys of this share where all shares are to be equally large.

        Keys are given to the shares in turn, in the order of their hashes, so that a share depends on all keys.
        """
        return frozenset(sorted(set(keys), key=_digest)[self.number - 1 :: self.of])


@dataclass(eq=False)
class ShardCall:
    """What one call of a verb works on; the verb's list of items fills it in.

    Attributes:
        shard: the share.
        of: what is shared out, such as photos; lists of other things that the call reads stay whole.
        total: how many items all shares have.
        places, keys: of the items of this share, in the order of the whole list.
        inputs: what else decides the results -> hash, such as a model's weights.
        more: what whoever merges needs besides.
        settings: what the call chose where an argument was left open -> the choice, for the record.
        unfinished: why some of the share has no result; empty where all is done.
    """

    shard: Shard
    of: frozenset[str]
    total: int = 0
    places: list[int] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    inputs: dict[str, str] = field(default_factory=dict)
    more: dict[str, str] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)
    unfinished: str = ""
    _listing: bytes = b""

    @property
    def listing(self) -> str:
        """A hash of the keys of all shares in their order."""
        return self._listing.hex()

    def take(self, keys: Sequence[str], *, groups: Sequence[str] | None) -> list[int]:
        """Note a list of items and return the positions in it of those of this share; see `share`."""
        if groups is None:
            rows = [row for row, key in enumerate(keys) if self.shard.holds(key)]
        else:
            mine = self.shard.equal_share(groups)
            rows = [row for row, group in enumerate(groups) if group in mine]
        self.places += [self.total + row for row in rows]
        self.keys += [keys[row] for row in rows]
        self.total += len(keys)
        whole = hashlib.sha256(self._listing)
        for key in keys:
            whole.update(key.encode("utf-8", "surrogateescape") + b"\0")
        self._listing = whole.digest()
        return rows


_CALL: ContextVar[ShardCall | None] = ContextVar("shard of a call", default=None)


def parse_shard(text: str) -> Shard:
    """Read a share, `I/N`.

    Raises:
        BadInputError: another form, or no such share.

    Example:
        >>> parse_shard("2/8")
        Shard(number=2, of=8)
    """
    number, _, of = text.partition("/")
    if not (is_count(number) and is_count(of) and 1 <= int(number) <= int(of)):
        raise BadInputError(f"shard {text!r} is no share", hint="--shard 1/2 and, on another machine, --shard 2/2")
    return Shard(int(number), int(of))


@contextmanager
def working_on(shard: Shard, of: Iterable[str]) -> Iterator[ShardCall]:
    """Let the lists of some items that are read inside the block hold this share alone.

    Args:
        shard: the share.
        of: which items, such as photos.
    """
    token = _CALL.set(call := ShardCall(shard, frozenset(of)))
    try:
        yield call
    finally:
        _CALL.reset(token)


def shard_call(of: str) -> ShardCall | None:
    """The share of some items that the call works on; None where it works on all of them.

    Args:
        of: which items, such as photos.
    """
    call = _CALL.get()
    return call if call is not None and of in call.of else None


def share(
    items: Sequence[T], key: Callable[[T], str], *, of: str, group: Callable[[T], str] | None = None
) -> Sequence[T]:
    """The items of a list that the call works on; all of them where it has no shard.

    Args:
        items: all, in an order that every shard sees.
        key: names an item, the same on every machine.
        of: what the items are, such as photos.
        group: names the group of an item; groups stay together and all shares get equally many (`Shard.equal_share`).
            For few and costly items. Left out, the key alone decides.
    """
    call = shard_call(of)
    if call is None:
        return items
    groups = None if group is None else [group(item) for item in items]
    return [items[row] for row in call.take([key(item) for item in items], groups=groups)]


def note_input(name: str, digest: str) -> None:
    """Note, where the call has a shard, what else decides its results.

    Args:
        name: what it is.
        digest: hash of its content.
    """
    call = _CALL.get()
    if call is not None:
        call.inputs[name] = digest


def note_setting(name: str, value: str) -> None:
    """Note, where the call has a shard, what an argument came to that was left open.

    Args:
        name: of the argument.
        value: the choice.
    """
    call = _CALL.get()
    if call is not None:
        call.settings[name] = value


def note_unfinished(reason: str) -> None:
    """Note, where the call has a shard, that some of it has no result."""
    call = _CALL.get()
    if call is not None:
        call.unfinished = reason


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
