"""A wrong figure on a page of results fails the check, in a table and in prose; a right one passes in every form."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import docs_check
from json_paths import Names, PathError, value_of
from page_figures import formatted, rewritten, wrong_figures

FOUND = {
    "people": 1451,
    "rows": [
        {"what": "noise", "rate": {"share": 0.0588, "low": 0.0219, "high": 0.1236}, "by": {"one": 0.25, "two": 0.5}},
        {"what": "jpeg", "rate": {"share": 1.0, "low": 0.964, "high": 1.0}, "by": {"one": 0.125, "two": 1.0}},
    ],
    "table": {"columns": ["Model", "EER"], "rows": [["small", "11.9% (9.1% to 13.8%)"], ["large", "2.5%"]]},
    "fall": [-0.019, -0.053, 0.011],
}
PAGE = """# Faces

<!-- names
rows = found.json#rows
-->
<!-- given: 95 %; 7.61 -->

Of 1,451<!--= found.json#people --> people, **5.9 %**<!--= rows[what=noise].rate --> are missed, 5.9 %
(2.2–12.4)<!--= rows[what=noise].rate --> with its 95 % interval, 100<!--= rows[1].rate|% -->, 25
and 12.5 %<!--= rows[what=jpeg].by.one -->, and −1.9 points (−5.3 to 1.1)<!--= found.json#fall --> of 7.61. The EER
is 11.9 % (9.1–13.8)<!--= found.json#table[Model=small].EER -->, at most
1.00<!--= max(rows[*].by.two) -->, by 37.5 points<!--= rows[1].by.two - rows[0].by.two - 0.25 + 0.125 -->.

<!-- table
by = one; two
| | missed | $by |
|---|---|---|---|
each rows[*]: | {entry.what} | {entry.rate|%1()} | {entry.by.$by|.2} |
| both | {sum(rows[*].rate)|.3} of {found.json#people|,} | {rows[0].by.$by|%0} % |
-->
| | missed | one | two |
|---|---|---|---|
| noise | 5.9 (2.2–12.4) | 0.25 | 0.50 |
| jpeg | 100.0 (96.4–100.0) | 0.12 | 1.00 |
| both | 1.059 of 1,451 | 25 % | 50 % |
<!-- /table -->
"""


@pytest.fixture
def page(tmp_path: Path) -> Path:
    (tmp_path / "found.json").write_text(json.dumps(FOUND), encoding="utf-8")
    return tmp_path / "page.md"


def test_right_figures_pass_in_every_form(page: Path) -> None:
    assert wrong_figures(page, PAGE) == []
    assert rewritten(page, PAGE) == PAGE


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("Of 1,451<", "Of 1,415<"),
        ("**5.9 %**<", "**5.8 %**<"),
        ("(2.2–12.4)<", "(2.2–12.3)<"),
        ("(2.2–12.4)<", "(2.1–12.4)<"),
        ("100<!", "10<!"),
        ("12.5 %<", "13.5 %<"),
        ("−1.9 points", "1.9 points"),
        ("(−5.3 to 1.1)", "(5.3 to 1.1)"),
        ("11.9 % (9.1–13.8)<", "11.9 % (9.1–13.9)<"),
        ("1.00<", "0.50<"),
        ("| 5.9 (2.2–12.4) | 0.25 |", "| 5.9 (2.2–12.4) | 0.26 |"),
        ("| 25 % | 50 % |", "| 25 % |"),
        ("| jpeg | 100.0", "| JPEG | 100.0"),
        ("of 7.61.", "of 7.62."),
        ("its 95 % interval", "its 90 % interval"),
        ("1.00<!--= max(rows[*].by.two) -->", "1.00"),
        ("rows[what=noise].rate -->", "rows[what=music].rate -->"),
        ("found.json#people -->", "lost.json#people -->"),
        ("rows[what=jpeg].by.one", "rows[*].by.one"),
        ("<!-- table\n", "<!-- tables\n"),
        ("<!-- /table -->\n", "<!-- /table -->\n\nAnd 5.9 %\n"),
        ("(2.2–12.4)<!--= rows[what=noise].rate -->", "<!--= rows[what=noise].rate --> (2.2–12.4)"),
    ],
)
def test_a_wrong_figure_is_noticed(page: Path, right: str, wrong: str) -> None:
    assert right in PAGE
    assert wrong_figures(page, PAGE.replace(right, wrong, 1))


def test_tables_are_made_anew(page: Path) -> None:
    old = re.sub(r"(?<=-->\n)\| \| missed.*?(?=<!-- /table)", "| old |\n", PAGE, flags=re.S)
    assert old != PAGE
    assert rewritten(page, old) == PAGE


def test_where_entries_differ_no_value_is_chosen(page: Path) -> None:
    names = Names(page.parent, {"rows": "found.json#rows"}, {})
    page.with_name("found.json").write_text(json.dumps(FOUND), encoding="utf-8")
    assert value_of("count(rows[*].what)", names) == 2
    with pytest.raises(PathError, match="differ"):
        value_of("rows[*].what", names)
    with pytest.raises(PathError, match="no entry"):
        value_of("rows[what=music].rate", names)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("cells[way=stored, not purified].rate", 0.5),
        ("cells[way=stored, not purified,judge=d].rate", 0.5),
        ("cells[judge=d][way=purified].rate", 0.25),
        ("cells[-1].'a.b'", 3),
        ('cells[-1]."network, a surrogate\'s"', 4),
        ("cells[judge=d][way=purified].rate * 8 - 1 + 0.5", 1.5),
        ("found.json#said - 0.05", 0.2),
    ],
)
def test_paths(page: Path, path: str, value: float) -> None:
    cells = [
        {"way": "stored, not purified", "judge": "d", "rate": 0.5},
        {"way": "purified", "judge": "d", "rate": 0.25, "a.b": 3, "network, a surrogate's": 4},
    ]
    said = "one-photo rank-1 falls by 0.25 points"
    place = page.with_name("paths")
    place.mkdir()
    (place / "found.json").write_text(json.dumps({"cells": cells, "said": said}), encoding="utf-8")
    assert value_of(path, Names(place, {"cells": "found.json#cells"}, {})) == pytest.approx(value)


@pytest.mark.parametrize(
    ("value", "how", "text"),
    [
        (0.0588, "%1", "5.9"),
        (-0.0004, ".2", "0.00"),
        (-0.53, "+.1", "−0.5"),
        (0.53, "+.1", "+0.5"),
        (1037507, ",", "1,037,507"),
        ([0.5, 0.25, 0.75, 20], "%0(to)", "50 (25 to 75)"),
        ("none", "", "none"),
        ("93.9% (91.4% to 96.7%), n = 20", "%1()", "93.9 (91.4–96.7)"),
        (1.5, "", "1.5"),
    ],
)
def test_formats(value: object, how: str, text: str) -> None:
    assert formatted(value, how) == text


PAGES = sorted(path.name for path in docs_check.RESULTS.glob("*.md") if docs_check.has_figures(path))


@pytest.mark.parametrize("name", PAGES)
def test_every_figure_of_a_page_is_held(name: str) -> None:
    """Each numeral with a path, and the first of each row of a table, raised by one, is noticed."""
    page = docs_check.RESULTS / name
    text = page.read_text(encoding="utf-8")
    assert wrong_figures(page, text) == []
    places = [found.end(1) - 1 for found in re.finditer(r"(\d)[^\d<]{0,12}<!--= ", text)]
    places += [found.end() - 1 for table in re.finditer(r"-->\n(\|.*?)<!-- /table", text, re.S)
               for found in list(re.compile(r"\d+\.\d").finditer(text, table.start(1), table.end(1)))[::7]]  # fmt: skip
    for place in places[:: max(1, len(places) // 4)]:
        wrong = text[:place] + str((int(text[place]) + 1) % 10) + text[place + 1 :]
        assert wrong_figures(page, wrong), text[place - 40 : place + 10]


def test_a_number_is_not_printed_as_an_interval() -> None:
    """A path that ends one key too late would print a number twice as its own bounds."""
    with pytest.raises(PathError, match="no interval"):
        formatted(0.91, "%1()")
