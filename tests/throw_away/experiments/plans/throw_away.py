"""Throw-away kind of plan: squares of numbers, as an example of the smallest file that works."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from facewarden.experiments.engine.kind import CellResult, PlanCell, PlanKind, Summary, check_keys


class ThrowAway(PlanKind):
    """Each cell squares one number."""

    def cells(self, settings: Mapping[str, Any], *, root: Path) -> Sequence[PlanCell]:
        """Return one cell per number."""
        numbers = check_keys(settings, ("numbers",), required=("numbers",))["numbers"]
        return [PlanCell(f"square of {number}", {"number": number}) for number in numbers]

    def run(self, cell: PlanCell, *, folder: Path) -> dict[str, Any]:
        """Square the number of a cell."""
        return {"square": cell.settings["number"] ** 2}

    def summarize(self, settings: Mapping[str, Any], results: Sequence[CellResult]) -> Summary:
        """Add the squares up."""
        return Summary("Squares", sentences=(f"The sum is {sum(result.value['square'] for result in results)}.",))


entry = ThrowAway
