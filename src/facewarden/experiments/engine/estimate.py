"""What a plan would cost on this device, before any of it runs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class WorkEstimate:
    """Cells that cost about the same.

    Attributes:
        name: what they have in common, such as a method.
        cells: how many.
        hours: of all of them, one after the other on this device; None where it cannot be known.
        longest: hours of the longest of them; None where it is not told.
    """

    name: str
    cells: int
    hours: float | None
    longest: float | None = None


@dataclass(frozen=True)
class PlanEstimate:
    """Cells, hours and disk of a plan.

    Attributes:
        device: that was timed.
        work: by group of cells.
        disk: bytes that the folder will hold once all cells are done; None where it cannot be known.
        working: further bytes while one cell is running.
        notes: what was measured, and on what the rest rests.
    """

    device: str
    work: tuple[WorkEstimate, ...]
    disk: int | None
    working: int
    notes: tuple[str, ...] = ()

    @property
    def hours(self) -> float | None:
        """Sum over the groups; None where one of them is not known."""
        known = [one.hours for one in self.work if one.hours is not None]
        return sum(known) if len(known) == len(self.work) else None

    def sentences(self) -> tuple[str, ...]:
        """Lines for the reader, the most expensive group first."""
        cells = sum(one.cells for one in self.work)
        ordered = sorted(self.work, key=lambda one: -(one.hours or 0.0))
        lines = [f"{cells} cells on {self.device}, one after the other: {_hours(self.hours)}"]
        lines += [f"  {one.name}: {one.cells} cells, {_hours(one.hours)}" for one in ordered]
        known = [one for one in self.work if one.longest is not None]
        if known:
            last = max(known, key=lambda one: one.longest or 0.0)
            lines.append(f"longest cell: {_hours(last.longest)} ({last.name})")
        disk = "unknown" if self.disk is None else _bytes(self.disk)
        lines.append(f"disk: {disk} in the end, {_bytes(self.working)} more for each cell that is running")
        return (*lines, *self.notes)


def _hours(hours: float | None) -> str:
    if hours is None:
        return "hours unknown"
    return f"{hours:.1f} hours" if hours >= 1 else f"{hours * 60:.1f} minutes"


def _bytes(count: int) -> str:
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} bytes"
