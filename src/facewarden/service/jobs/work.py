"""The process of one job: `python -m facewarden.service.jobs.work FOLDER HOME` does what job.json in FOLDER says.

HOME is the folder in which the service runs: relative paths of its settings hold there.

Progress and the outcome are lines of JSON on standard output, after a mark; everything else there is for the log.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from facewarden.core.errors import FacewardenError
from facewarden.core.guards.bounded import read_json_bounded
from facewarden.core.progress import shown_by

MARK = "\x1efacewarden "
"""How a line for the server begins; no model prints it by chance."""
NAMES = "names"
"""Of a request: what was asked for by name, for whoever reads; the other entries are arguments of the audit."""
_OFTEN = 0.5


class _Lines:
    """Progress as lines, at most two a second, and the end of each stage."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._last = ("", 0.0)

    def update(self, label: str, done: int, total: int | None, unit: str) -> None:
        """Tell how far a stage is."""
        before, when = self._last
        if label == before and done != total and time.monotonic() - when < _OFTEN:
            return
        self._last = (label, time.monotonic())
        self._write(json.dumps({"progress": {"label": label, "done": done, "total": total, "unit": unit}}))


def run_audit(request: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Audit into `folder`/run, going on where an earlier process was stopped.

    Returns:
        Grades and the gate, for the outcome of the job.
    """
    from facewarden.verbs.audit import audit

    arguments = {name: value for name, value in request.items() if name != NAMES}
    result = audit(**arguments, out=folder / "run", resume=True)
    sections = {section.name: section.grade for section in result.report.sections}
    return {"grades": sections, "gate": None if result.gate is None else result.gate.passed}


KINDS: Mapping[str, Callable[[Mapping[str, Any], Path], dict[str, Any]]] = {"audit": run_audit}
"""Kind of job -> what does it."""


def main(folder: Path, home: Path) -> int:
    """Do a job; 0 when it is done, 2 when it cannot be."""
    os.chdir(home)
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")

    def write(text: str) -> None:
        out.write(f"{MARK}{text}\n")
        out.flush()

    try:
        asked = read_json_bounded(folder / "job.json")
        with shown_by(_Lines(write)):
            outcome = KINDS[asked["kind"]](asked["request"], folder)
    except FacewardenError as error:
        write(json.dumps({"outcome": {"error": error.message, "hint": error.hint}}))
        return 2
    write(json.dumps({"outcome": outcome}))
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
