"""Self-checks as a report prints them: one table, and a sentence for each that failed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from facewarden.evaluation.self_checks import CheckOutcome
from facewarden.reporting.document import Table


def check_report(found: Sequence[tuple[str, CheckOutcome]]) -> Table:
    """A table of checks; those whose rows were not measured are left out.

    Args:
        found: where something was checked, and the outcome.
    """
    rows = tuple(
        (one.check, " ".join(filter(None, (where, one.where))), one.words)
        for where, one in found
        if one.holds is not None
    )
    return Table("Self-checks of this evaluation", ("Must hold", "Where", "Outcome"), rows)


def failures(table: Table) -> Iterator[str]:
    """A sentence for each check of `check_report` that failed."""
    for check, where, words in table.rows:
        if str(words).startswith("FAILED"):
            yield f"A self-check failed: {check} ({where}): {words}."
