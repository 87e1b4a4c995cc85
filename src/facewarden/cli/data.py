"""Look after data: `data check PATH` finds unreadable, duplicate, missing and leaked files."""

from __future__ import annotations

import json as _json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from facewarden.data.check import CheckReport, check


@dataclass(frozen=True)
class Checked:
    """A report and how to print it."""

    report: CheckReport
    json: bool


def data(action: Literal["check"], path: Path, /, *, json: bool = False) -> Checked:
    """Look at a folder of photos or a manifest before it decides anything; exit code 1 when something is wrong.

    Args:
        action: check.
        path: a manifest, or a folder with one folder per person.
        json: print JSON.
    """
    if action == "check":
        return Checked(check(path), json)
    raise AssertionError(action)  # the command line knows only the actions above


def show(result: Checked) -> int:
    """Print the findings; 1 when one is a problem."""
    if result.json:
        print(_json.dumps(result.report.to_json(), indent=2))
    else:
        print("\n".join(result.report.lines()))
    return 0 if result.report.ok else 1


entry = data
