"""Paths below one folder, held as text: a list of a hundred thousand path objects takes five times the memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import overload


class PathList(Sequence[Path]):
    """A sequence of paths that are made when they are asked for.

    Args:
        base: the folder.
        names: of the paths below it, with slashes.

    Example:
        >>> list(PathList(Path("a"), ["b.jpg", "c/d.jpg"]))
        [PosixPath('a/b.jpg'), PosixPath('a/c/d.jpg')]
    """

    __slots__ = ("_base", "_names")

    def __init__(self, base: Path, names: Iterable[str]) -> None:
        self._base, self._names = base, list(names)

    @overload
    def __getitem__(self, place: int) -> Path: ...

    @overload
    def __getitem__(self, place: slice) -> PathList: ...

    def __getitem__(self, place: int | slice) -> Path | PathList:
        if isinstance(place, slice):
            return PathList(self._base, self._names[place])
        return self._base / self._names[place]

    def __iter__(self) -> Iterator[Path]:
        return (self._base / name for name in self._names)

    def __len__(self) -> int:
        return len(self._names)

    def in_order(self) -> PathList:
        """The same, sorted as paths are: what is in a folder stands together, whatever else begins with its name."""
        return PathList(self._base, sorted(self._names, key=lambda name: name.replace("/", "\0")))

    def some(self, places: Iterable[int]) -> PathList:
        """Those at some places."""
        return PathList(self._base, [self._names[place] for place in places])
