"""Errors that say what went wrong, in which file, and what to type next."""

from __future__ import annotations


class FacewardenError(Exception):
    """Any error that facewarden raises on purpose; the command line prints it without a traceback and exits with 2.

    Args:
        message: what is wrong, naming the file, entry or argument.
        hint: the next thing to type or to change.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  -> {self.hint}" if self.hint else self.message


class BadInputError(FacewardenError):
    """A file, folder, manifest or argument cannot be used as it is."""


class RunError(BadInputError):
    """The folder of a run cannot be read or written; what it measured does not matter then."""


class UnknownEntryError(FacewardenError):
    """A registry has no entry of that name."""


class MissingAssetError(FacewardenError):
    """A public part (weights, faces) is not in the cache."""


class AssetError(FacewardenError):
    """A public part could not be downloaded, or does not have the pinned hash."""


class ContractError(FacewardenError):
    """A plug-in broke its contract: wrong shape, values outside the range, a misreported result."""


class NotFiniteError(ContractError):
    """A network gave NaN or infinity, or a vector without direction, for some samples of a batch.

    Args:
        message, hint: as of any error.
        rows: positions of these samples in the batch.
    """

    def __init__(self, message: str, *, hint: str = "", rows: tuple[int, ...] = ()) -> None:
        super().__init__(message, hint=hint)
        self.rows = rows


class LeakError(FacewardenError):
    """Something from the test split would have influenced a decision."""
