"""Find what spoils results: unreadable, missing, duplicate and leaked pictures."""

from __future__ import annotations

from typing import Annotated

from facewarden.cli.parts.checks import check_sets
from facewarden.cli.parts.outcome import Outcome


def check(source: Annotated[str, "CAPTURES|FOLDER"], /) -> Outcome:
    """Check captures or photos before they decide anything; exit code 1 when something is wrong.

    Args:
        source: a manifest, NAME:PATH of a published set, or a folder with one folder per person.
    """
    check_sets([source])
    from pathlib import Path

    from facewarden.data.checking.check import check as run

    report = run(Path(source))
    return Outcome(report.to_json(), report.lines(), 0 if report.ok else 1)


entry = check
