"""Find the face in every picture and write its box and landmarks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from facewarden.cli.parts.checks import check_sets
from facewarden.cli.parts.kinds import Name
from facewarden.cli.parts.outcome import Outcome


def boxes(
    source: Annotated[str, "CAPTURES|PHOTOS"],
    /,
    *,
    out: Path,
    aligner: Name = "yunet",
    again: bool = False,
    workers: int = 0,
) -> Outcome:
    """Find the face in every picture and write its box and five landmarks, with counts of none and several.

    Args:
        source: a manifest, or NAME:PATH of a published set, which is written again with boxes; or a folder of photos,
            of which a table of boxes is written.
        out: the manifest or table to write, .csv or .parquet.
        aligner: how faces are found.
        again: look also where a row of the manifest has a box.
        workers: processes, each with one thread; all cores when 0. The result does not depend on it.
    """
    check_sets([source])
    from facewarden.verbs.own.data import data_boxes as run

    result = run(source, out=out, aligner=aligner, again=again, workers=workers)
    return Outcome(result, result.lines())


entry = boxes
