"""Errors of fetching a public part, one class per cause, each with its own hint."""

from __future__ import annotations

from facewarden.core.errors import AssetError


class WrongHashError(AssetError):
    """A downloaded or cached file is not the pinned one."""


class CutDownloadError(AssetError):
    """A download ended before all bytes were received."""


class NoNetworkError(AssetError):
    """The registry cannot be reached, or `FACEWARDEN_OFFLINE` forbids trying."""


class MissingToolError(AssetError):
    """npm or pip is not installed, or is a release that cannot be driven."""


class ReadOnlyCacheError(AssetError):
    """The cache folder cannot be written."""
