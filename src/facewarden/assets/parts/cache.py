"""The cache of fetched parts, and the check that they still have the pinned hashes."""

from __future__ import annotations

import os
from pathlib import Path

from facewarden.assets.parts.asset import ArchivePart, Asset, part_sha256, part_size
from facewarden.assets.parts.errors import CutDownloadError, WrongHashError
from facewarden.core.errors import AssetError, MissingAssetError


def home() -> Path:
    """Return the cache folder: `FACEWARDEN_HOME`, or `facewarden` in the user's cache folder."""
    chosen = os.environ.get("FACEWARDEN_HOME")
    return Path(chosen).expanduser() if chosen else Path("~/.cache/facewarden").expanduser()


def folder_of(asset: Asset, base: Path) -> Path:
    """Return the folder of an asset below a cache folder."""
    return base / "assets" / asset.name


def is_cached(asset: Asset, base: Path) -> bool:
    """Return whether every file of the asset is there and is the pinned one."""
    try:
        verify(asset, folder_of(asset, base))
    except AssetError:
        return False
    except MissingAssetError:
        return False
    return True


def verify(asset: Asset, folder: Path, *, only: str | None = None) -> None:
    """Check the asset's files in a folder against their pinned hashes.

    Args:
        asset: what should be there.
        folder: where it should be.
        only: one local name; by default all files are checked.

    Raises:
        MissingAssetError: a file is not there.
        CutDownloadError: a file is shorter than pinned.
        WrongHashError: a file has another hash; both are named.
    """
    for local, part in asset.files.items():
        if only in (None, local):
            _verify_part(asset, part, folder / local)


def _verify_part(asset: Asset, part: ArchivePart, path: Path) -> None:
    if not (path.is_dir() if part.is_folder else path.is_file()):
        raise MissingAssetError(f"{asset.name} is not in the cache ({path})", hint=f"facewarden fetch {asset.name}")
    size = part_size(part, path)
    if size < part.size:
        raise CutDownloadError(
            f"{path}: {size} of {part.size} bytes are there", hint=f"facewarden fetch {asset.name} --force"
        )
    digest = part_sha256(part, path)
    if digest != part.sha256:
        raise WrongHashError(
            f"{path}: expected sha256 {part.sha256}, found {digest}", hint=f"facewarden fetch {asset.name} --force"
        )
