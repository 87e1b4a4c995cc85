"""Throw-away kind of plan: squares of numbers, as an example of the smallest file that works."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facewarden.core.settings import read_settings
from facewarden.experiments.engine.kind import CellResult, PlanCell, PlanKind, Summary


@dataclass(frozen=True)
class Numbers:
    """Settings of the plan.

    Attributes:
        numbers: to be squared.
    """

    numbers: tuple[int, ...]


class ThrowAway(PlanKind):
    """Each cell squares one number."""

    def cells(self, settings: Mapping[str, Any], *, root: Path) -> Sequence[PlanCell]:
        """Return one cell per number."""
        numbers = read_settings(Numbers, settings).numbers
        return [PlanCell(f"square of {number}", {"number": number}) for number in numbers]

    def run(self, cell: PlanCell, *, folder: Path) -> dict[str, Any]:
        """Square the number of a cell."""
        return {"square": cell.settings["number"] ** 2}

    def summarize(self, settings: Mapping[str, Any], results: Sequence[CellResult]) -> Summary:
        """Add the squares up."""
        return Summary("Squares", sentences=(f"The sum is {sum(result.value['square'] for result in results)}.",))


entry = ThrowAway
