"""Tables of galleries."""

from __future__ import annotations

from collections.abc import Sequence

from facewarden.experiments.cloaking.galleries.cell import GalleryRow
from facewarden.experiments.cloaking.tables import KIND_WORDS, rate
from facewarden.reporting.document import Table


def gallery_table(title: str, rows: Sequence[GalleryRow]) -> Table:
    """Table of every case of a scene: what is missed at rank 1, at rank 5, and above the threshold."""
    people = sorted({row.people for row in rows})
    seeds = sorted({seed for row in rows for seed in row.seeds})
    cells: list[tuple[str | int, ...]] = [
        (
            row.cloak, row.purifier, row.recognizer, KIND_WORDS[row.kind], row.case,
            *("" if (found := row.misses.get(name)) is None else rate(found) for name in ("rank1", "rank5", "fnir")),
            row.misses["rank1"].n,
        )
        for row in rows
    ]  # fmt: skip
    return Table(
        title,
        ("Cloak", "Purifier", "Recognizer", "Recognizer is", "Case", "Missed at rank 1 %", "Missed at rank 5 %",
         "FNIR %", "Searches"),
        tuple(cells),
        note=f"{', '.join(map(str, people))} people cloak, splits by seeds {', '.join(map(str, seeds))}. FNIR at the "
        "threshold at which the plan's rate of strangers' searches finds anybody in the natural gallery. 95 % "
        "intervals over people.",
    )  # fmt: skip
