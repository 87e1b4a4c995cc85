"""Tables of galleries."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from facewarden.experiments.cloaking.galleries.cell import GalleryRow
from facewarden.experiments.cloaking.tables import KIND_WORDS, rate
from facewarden.metrics.intervals import FEW_SUBJECTS
from facewarden.metrics.shares import unseen_share
from facewarden.reporting.document import Table

ENROLLED: Mapping[str, str] = MappingProxyType(
    {
        "cloaked photos, first round": "cloaked photos not enrolled under the person's name, first round",
        "cloaked photos, stable": "cloaked photos not enrolled under the person's name, stable gallery",
        "cloaked photos, under another name": "cloaked photos enrolled under another name",
    }
)
"""Cases of a growing gallery that count photos which the tracker takes in, and no searches -> their words."""


def gallery_table(title: str, rows: Sequence[GalleryRow], *, fpir: float, strangers: int) -> Table:
    """Table of every case of a scene: what is missed at rank 1, at rank 5, and above the threshold.

    Args:
        title: of the table.
        rows: of the scene.
        fpir: rate of strangers' searches that may find anybody.
        strangers: how many of them search.
    """
    grows = any(row.case in ENROLLED for row in rows)
    cells: list[tuple[str | int, ...]] = []
    for row in rows:
        found = {name: rate(one) for name, one in row.misses.items()}
        photos = (found.pop("rank1"),) if row.case in ENROLLED else ("",)
        cells.append(
            (
                row.cloak, row.purifier, row.recognizer, KIND_WORDS[row.kind], ENROLLED.get(row.case, row.case),
                *(found.get(name, "") for name in ("rank1", "rank5", "fnir")), *(photos if grows else ()),
                row.misses["rank1"].n,
            )
        )  # fmt: skip
    return Table(
        title,
        ("Cloak", "Purifier", "Recognizer", "Recognizer is", "Case", "Missed at rank 1 %", "Missed at rank 5 %",
         "FNIR %", *(("Photos %", "Searches or photos") if grows else ("Searches",))),
        tuple(cells),
        note=" ".join(_notes(rows, grows=grows, fpir=fpir, strangers=strangers)),
    )  # fmt: skip


def _notes(rows: Sequence[GalleryRow], *, grows: bool, fpir: float, strangers: int) -> list[str]:
    people = sorted({row.people for row in rows})
    seeds = sorted({seed for row in rows for seed in row.seeds})
    said = [f"{', '.join(map(str, people))} people cloak, splits by seeds {', '.join(map(str, seeds))}."]
    if strangers and any("fnir" in row.misses for row in rows):
        allowed = math.floor(fpir * strangers + 1e-9)
        said.append(
            f"FNIR above the threshold that is reached by {allowed or 'none'} of the searches of {strangers} strangers "
            "in the natural gallery."
        )
        if not allowed:
            most = 100 * unseen_share(strangers, strangers)
            said.append(
                f"So few strangers do not show an FPIR of {100 * fpir:g} %: an FPIR of up to {most:.1f} % is possible."
            )
        said.append("The intervals hold for this threshold.")
    if grows:
        said.append(
            "Photos are enrolled at that threshold; the FNIR of natural probes, old photos only, says how many natural "
            "photos it would miss."
        )
    said.append("Several splits may search the same photo. 95 % intervals over people.")
    if people and people[0] < FEW_SUBJECTS:
        said[-1] = f"{said[-1][:-1]}, rough for fewer than {FEW_SUBJECTS}."
    return said
