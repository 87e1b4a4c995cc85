"""The results of the campaign as a page with one table."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from page_figures import rewritten

HEAD = """# Reliability: kills and full disks

<!-- names
rows = reliability.json#rows
-->

Every long verb (`facewarden simulate`, `train`, `bench`, `purify`, `cloak` and `audit`) is killed
(SIGKILL, its process alone) at random moments between its first and its last output, up to {chain}
times in a row, and goes on with the same command. Its output is compared file by file, byte by
byte, with that of an undisturbed run; only times of day, durations and the state of unfinished
trainings may differ. Meanwhile a reader reads every file to its end each time that it was written.
No worker may live two seconds longer than its parent. On a full disk (RLIMIT_FSIZE at a random size
between that of the smallest and the largest output) a verb must end with code 74, or report the
failed cell of a plan, leave no half file, and go on to the same results.

The inputs are small *simulated* captures, and the preset `quick` of the audit has smaller sizes
than the shipped one, so that a run takes seconds and its outputs are spread over all of it. One
process that has imported the package forks every command. `python tests/chaos/run.py --only VERB`
repeats a row; every moment is in [reliability.json](reliability.json). The commit is the last one
that had changed the package.

"""
TABLE = """<!-- table
| Verb | Commit | Undisturbed | Kills | of these between first and last output | Moments after the start | Full disks | Files compared after each | Files read meanwhile | Not equal, half a file, or an orphan |
|---|---|---:|---:|---:|---:|---:|---:|---:|---:|
each rows[*]: | `{entry.verb}` | {entry.commit} | {entry.seconds|.1} s | {entry.kills} | {entry.between} | {entry.earliest|.1} to {entry.latest|.1} s | {entry.disks} | {entry.compared} | {entry.read|,} | {entry.wrong} |
-->
<!-- /table -->
"""  # noqa: E501


def row_of(name: str, verb: Mapping[str, Any]) -> dict[str, Any]:
    """One row of the table.

    Args:
        name: of the verb.
        verb: what `run.py` found.
    """
    trials = verb["trials"]
    moments = [instant for trial in trials for instant in trial["kills"]]
    return {
        "verb": name,
        "commit": verb["commit"],
        "seconds": verb["seconds_undisturbed"],
        "kills": len(moments),
        "between": sum(trial["between"] for trial in trials),
        "earliest": min(moments, default=0.0),
        "latest": max(moments, default=0.0),
        "disks": sum(trial["limit"] is not None for trial in trials),
        "compared": min(trial["compared"] for trial in trials),
        "read": sum(trial["read"] for trial in trials),
        "wrong": sum(len(trial["wrong"]) for trial in trials),
    }


def write_results(out: Path, verbs: Mapping[str, Mapping[str, Any]]) -> None:
    """Write `reliability.json`, and the page that `docs_check.py` makes of it.

    Args:
        out: folder of both.
        verbs: verb -> what `run.py` found.
    """
    found = {"rows": [row_of(name, verb) for name, verb in verbs.items()], "verbs": verbs}
    (out / "reliability.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    page = out / "reliability.md"
    head = HEAD.format(chain=max(verb["chain"] for verb in verbs.values()))
    page.write_text(rewritten(page, head + TABLE), encoding="utf-8")
