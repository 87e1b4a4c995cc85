from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

from facewarden.core.errors import BadInputError
from facewarden.reporting.codec import dump_report, parse_report
from facewarden.reporting.document import AuditedPart, Figure, LeftOut, Metric, Report, Table
from facewarden.reporting.html import KEY_NUMBERS, cell_text, render_html, write_report

VOID = {"meta", "br", "link", "img", "hr", "input", "path", "rect", "use"}


class Reader(HTMLParser):
    """Collects tags, attributes, ids and text; checks that every element is closed in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).replace("\u00a0", " ").replace("\u2060", "").split())


@pytest.fixture(scope="module")
def page(report: Report) -> str:
    return render_html(report)


@pytest.fixture(scope="module")
def reader(page: str) -> Reader:
    return Reader(page)


def test_the_page_stands_alone(page: str, reader: Reader) -> None:
    assert not {"script", "link", "img", "iframe", "object", "embed", "base", "form", "video"} & set(reader.tags)
    for tag, name, value in reader.attributes:
        assert name not in ("src", "srcset", "action", "data", "background"), (tag, name)
        assert not name.startswith("on"), (tag, name)
        if name.endswith("href"):
            assert value.startswith("#"), (tag, value)
    assert not re.search(r"https?://|@import|url\((?!#)", page)


def test_links_lead_to_places_on_the_page_and_ids_are_unique(reader: Reader) -> None:
    ids = [value for _, name, value in reader.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    assert {value[1:] for _, name, value in reader.attributes if name.endswith("href")} <= set(ids)


def test_same_report_same_bits(report: Report, page: str) -> None:
    assert render_html(parse_report(dump_report(report))) == page


def test_everything_measured_is_on_the_page_with_its_samples(report: Report, reader: Reader) -> None:
    text = reader.text
    for section in report.sections:
        assert section.finding in text
        for metric in section.metrics:
            assert f"n = {metric.n}" in text
        for gap in section.left_out:
            assert gap.command in text
    assert "9.0 % (5.2–14.8), n = 280" in text
    assert "5 inputs were not used: no face found (4), truncated file (1)." in text
    assert report.command in text
    assert "Gate failed." in text
    for part in report.parts:
        assert all(digest in text and digest[:12] + "…" in text for digest in part.sha256.values())
        assert part.licence in text


def test_simulated_is_said_once_a_section_and_at_each_number_of_another(report: Report, page: str) -> None:
    rows = re.findall(r'<td class="value">(.*?)</td>', page, flags=re.DOTALL)
    assert len(rows) == sum(len(section.metrics) for section in report.sections)
    wanted = sum(m.simulated for section in report.sections if not section.simulated for m in section.metrics)
    assert sum("badge" in row for row in rows) == wanted
    for section in report.sections:
        heading = re.search(rf'<section id="{section.name}".*?</h2>', page, flags=re.DOTALL)
        assert heading is not None
        assert ("badge" in heading[0]) == section.simulated
    mixed = replace(report.presentation, simulated=False)
    rows = re.findall(r'<td class="value">(.*?)</td>', render_html(replace(report, presentation=mixed)), re.DOTALL)
    assert sum("badge" in row for row in rows) >= sum(metric.simulated for metric in mixed.metrics) > 0
    clean = [replace(section, simulated=False, metrics=(), tables=(), figures=()) for section in report.sections]
    bare = render_html(replace(report, presentation=clean[0], perturbation=clean[1], poisoning=clean[2], gate=None))
    assert bare.count('class="badge"') == 1  # in the paragraph that explains the word


def test_it_can_be_read_by_machine_readers(reader: Reader) -> None:
    levels = [int(tag[1]) for tag in reader.tags if re.fullmatch("h[1-6]", tag)]
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert reader.tags.count("table") == reader.tags.count("caption")
    plots = [value for tag, name, value in reader.attributes if (tag, name) == ("svg", "role")]
    names = [value for tag, name, value in reader.attributes if (tag, name) == ("svg", "aria-label")]
    assert len(plots) == len(names) == 10  # five figures, wide and narrow
    assert all(names)
    assert ("html", "lang", "en") in reader.attributes


def _luminance(color: str) -> float:
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_colors_reach_the_contrast_of_wcag_aa_in_light_and_in_dark(page: str) -> None:
    grades = re.findall(r"\.letter\.([A-F]) \{ background: (#[0-9a-f]{6})", page)
    assert [letter for letter, _ in grades] == list("ABCDEF")
    assert all(_contrast(color, "#ffffff") >= 4.5 for _, color in grades)
    schemes = re.findall(r":root \{(.*?)\}", page, re.S)
    assert len(schemes) == 2
    for text in schemes:
        named = dict(re.findall(r"--([a-z]+): (#[0-9a-f]{3,6})", text))
        named = {
            name: color if len(color) == 7 else "#" + "".join(2 * c for c in color[1:]) for name, color in named.items()
        }
        assert {"ink", "muted", "link", "sim", "paper", "wash", "simwash"} <= set(named)
        for name in ("ink", "muted", "link", "sim", "good", "bad"):
            assert _contrast(named[name], named["paper"]) >= 4.5, name
        assert _contrast(named["ink"], named["wash"]) >= 4.5
        assert _contrast(named["sim"], named["simwash"]) >= 4.5


def test_hostile_text_stays_text(report: Report) -> None:
    evil = "</style><script>alert(1)</script><img src=x onerror=y>{{7*7}}'\"\x00\u202e\udce9"
    metric = Metric("eer", 0.1, 0.0, 0.2, 5, True, unit=evil, group={evil: evil}, note=evil)
    rows = [{"name": evil, "value": 0.1, "low": 0.0, "high": 0.2, "n": 5, "series": evil}]
    section = replace(
        report.presentation,
        finding=evil,
        reason=evil,
        metrics=(metric,) * 20,
        tables=(Table(evil, (evil, "b"), ((evil, 1.0), (evil, None)), note=evil),),
        figures=(Figure("bars", evil, {"rows": rows, "xlabel": evil}, alt=evil, note=evil),),
        left_out=(LeftOut(evil, evil, evil),),
        skipped={evil: 1},
    )
    part = AuditedPart(evil, evil, evil, evil, {evil: "a" * 64}, {evil: [evil]})
    assert report.gate is not None
    hostile = replace(
        report, title=evil, command=evil, preset=evil, provenance={evil: {evil: evil}}, parts=(part,),
        presentation=section, gate=replace(report.gate, expression=evil, detail=evil),
    )  # fmt: skip
    page = render_html(hostile)
    reader = Reader(page)
    assert not {"script", "img"} & set(reader.tags)
    assert not [name for _, name, _ in reader.attributes if name.startswith("on")]
    assert "<script>alert(1)</script>" in reader.text
    assert "{{7*7}}" in reader.text
    assert not re.search("[\x00\u202e]", page)
    page.encode("utf-8")


def test_a_bare_report_renders(report: Report) -> None:
    bare = [
        replace(section, grade=None, reason="Not graded: nothing was measured.", metrics=(), tables=(), figures=())
        for section in report.sections
    ]
    empty = replace(report, presentation=bare[0], perturbation=bare[1], poisoning=bare[2], gate=None, parts=())
    text = Reader(render_html(empty)).text
    assert "Why no grade: Not graded: nothing was measured." in text
    assert "Gate" not in text


def test_both_files_are_written_whole(report: Report, page: str, tmp_path: Path) -> None:
    html, twin = write_report(report, tmp_path / "new" / "folder")
    assert html.read_text(encoding="utf-8") == page
    assert parse_report(twin.read_text(encoding="utf-8")) == report
    assert sorted(path.name for path in html.parent.iterdir()) == ["report.html", "report.json"]


def test_a_folder_that_cannot_be_written_is_bad_input(report: Report, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(BadInputError, match="cannot write the report"):
        write_report(report, tmp_path / "file")


def test_joined_names_break_after_a_plus_and_numbers_do_not() -> None:
    assert cell_text("rgb+depth+infrared") == "rgb+\N{ZERO WIDTH SPACE}depth+\N{ZERO WIDTH SPACE}infrared"
    assert cell_text("+0.5 (1e+3)") == "+0.5 (1e+3)"


def test_further_numbers_are_folded_and_their_link_opens_them(report: Report) -> None:
    section = report.presentation
    metrics = tuple(replace(section.metrics[0], group={"species": f"s{n}"}) for n in range(KEY_NUMBERS + 3))
    page = render_html(replace(report, presentation=replace(section, metrics=metrics)))
    folded = page[page.index("<details>\n<summary>Presentation") :].partition("</details>")[0]
    assert "3 further numbers" in folded
    assert 'id="more-presentation"' in folded  # inside: browsers open the details around what a link names
    assert 'href="#more-presentation"' in page
