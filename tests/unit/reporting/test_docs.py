from __future__ import annotations

from pathlib import Path

from facewarden.reporting.grades import SCALES
from facewarden.reporting.schema import schema

PAGE = (Path(__file__).parents[3] / "docs" / "report.md").read_text(encoding="utf-8")


def test_the_page_prints_the_limits_that_the_code_uses() -> None:
    for section, scale in SCALES.items():
        line = next(line for line in PAGE.splitlines() if line.startswith(f"| {section} | `{scale.metric}`"))
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        assert cells[2 : 2 + len(scale.limits)] == [f"≤ {limit * 100:g} %" for limit in scale.limits]
        assert cells[-1] == str(scale.min_n)


def test_the_page_names_every_field_of_the_schema() -> None:
    places = [schema(), *schema()["$defs"].values()]
    names = {name for place in places for name in place["properties"]}
    assert not {name for name in names if f"`{name}`" not in PAGE and f'"{name}"' not in PAGE} - {"columns", "rows"}
