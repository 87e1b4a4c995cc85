"""Pages: texts from outside stay text in every form, and a PDF holds the tables and figures."""

from __future__ import annotations

from pathlib import Path

import pytest

from facewarden.core.errors import BadInputError, ContractError
from facewarden.reporting.document import Figure, Table
from facewarden.reporting.pages.document import Chapter, Page
from facewarden.reporting.pages.html import page_html
from facewarden.reporting.pages.markdown import page_markdown
from facewarden.reporting.pages.typst import page_typst
from facewarden.reporting.pages.write import write_page

EVIL = '<b>#read("x")</b> "] `|` \\ $x$'


def page() -> Page:
    edges = [0.0, 1.0, 2.0]
    ridges = Figure("ridges", EVIL, {"edges": edges, "rows": [{"name": EVIL, "counts": [1, 3]}]}, alt=EVIL, note=EVIL)
    series = [{"name": EVIL, "x": [0.9, 0.1], "y": [0.1, 0.9], "n": 5}]
    mark = {"name": "m", "x": 0.5, "xlow": 0.4, "xhigh": 0.6, "y": 0.5, "ylow": 0.4, "yhigh": 0.6}
    det = Figure("det", "DET", {"series": series, "marks": [mark]}, alt="a curve")
    table = Table(EVIL, ("a", EVIL), ((EVIL, 0.12345), ("x", None)), note=EVIL)
    chapter = Chapter(
        "one", EVIL, (EVIL,), (table, Table("", ("single",), (("y",),))), (ridges, det), (("try", EVIL),), "measured"
    )
    return Page("kind", EVIL, EVIL, (EVIL,), (chapter,), (EVIL,), "facewarden x", {"python": "3"}, simulated=True)


def test_texts_from_outside_are_text_in_every_form() -> None:
    html, markdown, (typst, files) = page_html(page()), page_markdown(page(), figures="f"), page_typst(page())
    assert "<b>" not in html
    outside_code = "".join(markdown.split("```")[::2])
    assert "<b>" not in outside_code
    assert '"<b>#read(\\"x\\")</b> \\"] `|` \\\\ $x$"' in typst
    assert "\n#read" not in typst
    assert set(files) == {"one-0.svg", "one-1.svg"}
    assert "<text" not in files["one-0.svg"]


def test_the_same_page_gives_the_same_bytes() -> None:
    assert page_html(page()) == page_html(page())


def test_a_pdf_is_written_by_typst(tmp_path: Path) -> None:
    pytest.importorskip("typst")
    (pdf,) = write_page(page(), tmp_path, name="p", forms=["pdf"])
    assert pdf.read_bytes().startswith(b"%PDF")
    assert pdf.stat().st_size > 5000


def test_a_pdf_without_typst_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "typst", None)
    with pytest.raises(BadInputError, match="needs the package typst"):
        write_page(page(), tmp_path, name="p", forms=["pdf"])


def test_chapters_have_anchors_and_known_statuses() -> None:
    with pytest.raises(ContractError, match="anchor"):
        Chapter("Not an anchor", "x")
    with pytest.raises(ContractError, match="two chapters"):
        Page("k", "t", "s", (), (Chapter("a", "x"), Chapter("a", "y")))
