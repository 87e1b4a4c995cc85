"""Write an empty table with a commented example row: of captures, scores, or pairs of photos."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from facewarden.cli.parts.outcome import Outcome
from facewarden.core.errors import BadInputError


def template(
    kind: Annotated[Literal["manifest", "scores", "pairs"], "manifest|scores|pairs"],
    /,
    *,
    out: Path | None = None,
) -> Outcome:
    """Write an empty table of your own data with one commented example row; docs/own-data.md explains every column.

    Args:
        kind: manifest (captures), scores (of a detector), or pairs (of photos, for verification).
        out: the .csv to write; KIND.csv when left out.
    """
    target = Path(f"{kind}.csv") if out is None else out
    if target.exists():
        raise BadInputError(f"{target}: is there already", hint="another --out")
    from facewarden.data.own.templates import TEMPLATES
    from facewarden.verbs.own.data import data_template as run

    written = run(kind, out=target)
    lines = [f"{name}: {column.meaning} ({column.unit}); needed: {column.needed}"
             for name, column in TEMPLATES[kind].items()]  # fmt: skip
    return Outcome({"template": written}, [*lines, f"template: {written}"])


entry = template
