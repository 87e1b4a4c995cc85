"""Clean or cloaked probes against a clean or cloaked gallery: who hides, and whether cloaked photos match."""

from __future__ import annotations

from collections.abc import Sequence

from facewarden.experiments.cloaking.galleries.identification import Embedded, Misses, search

CASES = (
    ("clean", "clean"),
    ("clean", "cloaked"),
    ("cloaked", "clean"),
    ("cloaked", "cloaked"),
)
"""Probe, gallery."""


def four_cells(embedded: Embedded, people: Sequence[str]) -> dict[str, Misses]:
    """Search every person's probes, one person at a time, everybody else natural.

    Args:
        embedded: one recognizer's view of the population.
        people: who cloaks in turn.

    Returns:
        "PROBE probe, GALLERY gallery" -> misses.
    """
    threshold, split = embedded.threshold(), embedded.split
    cells: dict[str, Misses] = {}
    for probe, side in CASES:
        whole: Misses | None = None
        for who in people:
            rows, asked = list(split.gallery[who]), list(split.probes[who])
            own = {who: embedded.cloaked[rows]} if side == "cloaked" else {}
            gallery, owners = embedded.gallery(own)
            probes = (embedded.cloaked_probes if probe == "cloaked" else embedded.probes)[asked]
            part = search(gallery, owners, probes, [who] * len(asked), threshold=threshold)
            whole = part if whole is None else whole + part
        assert whole is not None
        cells[f"{probe} probe, {side} gallery"] = whole
    return cells
