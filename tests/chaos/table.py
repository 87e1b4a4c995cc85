"""The results of the campaign as a page with one table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

HEAD = """# Reliability: kills and full disks

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
_COLUMNS = (
    "Verb", "Commit", "Undisturbed", "Kills", "of these between first and last output", "Moments after the start",
    "Full disks", "Files compared after each", "Files read meanwhile", "Not equal, half a file, or an orphan",
)  # fmt: skip


def render(verbs: Mapping[str, Mapping[str, Any]]) -> str:
    """The page.

    Args:
        verbs: verb -> what `run.py` found.
    """
    lines = ["| " + " | ".join(_COLUMNS) + " |", "|---" * len(_COLUMNS) + "|"]
    for name, verb in verbs.items():
        trials = verb["trials"]
        moments = sorted(instant for trial in trials for instant in trial["kills"])
        cells = [
            f"`{name}`",
            verb["commit"],
            f"{verb['seconds_undisturbed']:.1f} s",
            len(moments),
            sum(trial["between"] for trial in trials),
            f"{moments[0]:.1f} to {moments[-1]:.1f} s" if moments else "none",
            sum(trial["limit"] is not None for trial in trials),
            min(trial["compared"] for trial in trials),
            f"{sum(trial['read'] for trial in trials):,}",
            sum(len(trial["wrong"]) for trial in trials),
        ]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return HEAD.format(chain=max(verb["chain"] for verb in verbs.values())) + "\n".join(lines) + "\n"
