"""Freeze code, plan, settings and weights of a finished plan before its sealed part is made."""

from __future__ import annotations

from pathlib import Path

from facewarden.cli.parts.checks import check_path
from facewarden.cli.parts.kinds import Folder
from facewarden.cli.parts.outcome import Outcome


def freeze(run: Folder, /, *, out: Path) -> Outcome:
    """Write the freeze file of a finished plan with a sealed part.

    It holds digests of the code, the plan and every trained detector, and which rivals ours will be compared with.
    Commit it: the first eight digits of that commit are the seed of the sealed sites, which nobody knows before.

    Args:
        run: folder of a plan of kind presentation that was run to its end.
        out: file to write, in a git repository.
    """
    check_path(run)
    from facewarden.verbs.freeze import freeze as write

    result = write(run, out=out)
    against = ", ".join(result.rivals)
    lines = [
        f"{result.path}: {result.trainings} trainings are frozen; {result.ours} will be compared with {against}",
        f"now: git add {result.path} && git commit, then facewarden unseal {result.path} --run {run} --out OUT",
    ]
    return Outcome(result, lines)


entry = freeze
