"""The Markdown page of a report."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from facewarden.reporting.codec import parse_report
from facewarden.reporting.document import Table
from facewarden.reporting.markdown import code, render_markdown, render_table, shell_block, write_markdown

from .conftest import made_up_report


def test_it_holds_every_number_its_command_and_the_word_simulated() -> None:
    report = made_up_report()
    page = render_markdown(report)
    assert report.command in page
    assert page.count("n\u00a0=\u00a0") >= sum(len(section.metrics) for section in report.sections)
    assert any(section.simulated for section in report.sections) == ("(simulated)" in page)


def test_hostile_text_cannot_break_a_table() -> None:
    report = made_up_report()
    table = Table("t|t", ("a|b",), (("x | <b>y</b>\nz",),))
    page = render_markdown(replace(report, presentation=replace(report.presentation, tables=(table,))))
    assert "x \\| &lt;b>y&lt;/b> z" in page


def test_both_files_are_written(tmp_path: Path) -> None:
    report = made_up_report()
    page = write_markdown(report, tmp_path / "new")
    assert page.read_text(encoding="utf-8") == render_markdown(report)
    assert parse_report((page.parent / "report.json").read_text(encoding="utf-8")) == report


def test_text_from_outside_stays_text() -> None:
    hostile = "![x](http://example.com/a.png) `code` <b>|cell|</b> \\ \x1b[2J\u202egnp\r\nnext"
    table = render_table(Table("", (hostile,), ((hostile,),)))
    for active in ("![x](", "`code`", "<b>", "\x1b", "\u202e", "\r"):
        assert active not in table
    assert len(table.splitlines()) == 3
    assert table.splitlines()[0].replace("\\|", "").count("|") == 2


@pytest.mark.parametrize("text", ["facewarden score a`b", "``` sh", "x\n```\n# title", "`"])
def test_a_command_cannot_leave_its_fence(text: str) -> None:
    block = shell_block(text)
    fence = block.split("sh\n", 1)[0]
    assert set(fence) == {"`"}
    assert block.count(fence) == 2
    assert len(block.splitlines()) == 3
    inline = code(text)
    run = inline[: len(inline) - len(inline.lstrip("`"))]
    assert run not in inline[len(run) : -len(run)]
