"""What became of one photo of a folder, whatever was done with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

Task = TypeVar("Task")


@dataclass(frozen=True)
class PhotoOutcome(Generic[Task]):
    """What became of one photo.

    Attributes:
        task: which one.
        row: for the journal and the table; None where an earlier row holds, or where it is left out.
        left_out: why; empty where it has a result.
        notes: what is to be said of it: sentence -> number.
    """

    task: Task
    row: Mapping[str, Any] | None = None
    left_out: str = ""
    notes: Mapping[str, int] | None = None
