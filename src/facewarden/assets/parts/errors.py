"""The ways in which fetching a public part fails, each with its own name and its own way out."""

from __future__ import annotations

from facewarden.core.errors import AssetError


class WrongHashError(AssetError):
    """A downloaded or cached file is not the pinned one."""


class CutDownloadError(AssetError):
    """A download ended before all bytes had arrived."""


class NoNetworkError(AssetError):
    """The registry cannot be reached, or `FACEWARDEN_OFFLINE` forbids trying."""


class MissingToolError(AssetError):
    """npm or pip is not installed, or is a release that cannot be driven."""


class ReadOnlyCacheError(AssetError):
    """The cache folder cannot be written."""
