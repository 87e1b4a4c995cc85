"""Split captures by subject, with species held out on request."""

from __future__ import annotations

from pathlib import Path

from facewarden.cli.parts.checks import check_sets
from facewarden.cli.parts.kinds import Captures, Name
from facewarden.cli.parts.outcome import Outcome


def split(
    captures: Captures,
    /,
    *,
    out: Path,
    train: float = 0.6,
    dev: float = 0.2,
    hold_out: tuple[Name, ...] = (),
    seed: int = 0,
) -> Outcome:
    """Split captures by subject so that every split has its share of every species, and write the manifest.

    Args:
        captures: a manifest, or NAME:PATH of a published set.
        out: the manifest to write, .csv or .parquet.
        train: share of the subjects that train; 0 for none.
        dev: share of the subjects that set the threshold; the rest tests.
        hold_out: species that train and dev are to lack, so that the test shows them for the first time.
        seed: of the draw.
    """
    check_sets([captures])
    from facewarden.verbs.own.data import data_split as run

    result = run(captures, out=out, train=train, dev=dev, hold_out=hold_out, seed=seed)
    return Outcome(result, result.lines())


entry = split
