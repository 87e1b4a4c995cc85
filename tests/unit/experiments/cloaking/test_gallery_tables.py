"""Tables of galleries: what a column counts, and what their notes say about strangers and people."""

from __future__ import annotations

from facewarden.experiments.cloaking.galleries.cell import GalleryRow
from facewarden.experiments.cloaking.galleries.table import gallery_table
from facewarden.metrics.intervals import Interval
from facewarden.reporting.document import Table

HALF = Interval(0.5, 0.2, 0.8, 4, "by hand")


def shown(case: str = "first", *names: str, strangers: int = 20, fpir: float = 0.01) -> Table:
    row = GalleryRow("c", "none", "r", "surrogate", case, dict.fromkeys(("rank1", *names), HALF), 2, (0, 1))
    return gallery_table("t", [row], fpir=fpir, strangers=strangers)


def test_a_table_counts_searches_and_leaves_unknown_figures_empty() -> None:
    table = shown()
    assert table.rows[0][5:] == ("50.0 (20.0–80.0)", "", "", 4)
    assert "2 people cloak, splits by seeds 0, 1" in (table.note or "")
    assert "FNIR" not in (table.note or "")  # nobody has measured any
    assert "rough" in (table.note or "")  # two people


def test_the_note_says_what_so_few_strangers_can_show() -> None:
    note = shown("first", "fnir").note or ""
    assert "reached by none of the searches of 20 strangers" in note
    assert "an FPIR of up to 16.8 % is possible" in note
    assert "reached by 2 of the searches of 200 strangers" in (shown("first", "fnir", strangers=200).note or "")


def test_photos_that_are_taken_in_are_no_searches_at_rank_1() -> None:
    table = shown("cloaked photos, first round")
    assert "Photos %" in table.columns
    assert table.rows[0][4:] == (
        "cloaked photos not enrolled under the person's name, first round", "", "", "", "50.0 (20.0–80.0)", 4
    )  # fmt: skip
    assert "natural probes, old photos only" in (table.note or "")
    other = shown("cloaked photos, under another name")
    assert other.rows[0][4] == "cloaked photos enrolled under another name"
    assert "Photos %" not in shown().columns
