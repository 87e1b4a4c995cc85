"""A budget is read in one place, whatever way it is written in."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest

import facewarden
from facewarden.core.errors import BadInputError
from facewarden.core.settings.budget import check_gray, read_budget, read_number, same_budget


@pytest.mark.parametrize(
    ("text", "norm", "value"),
    [("8", "linf", 8.0), (" 0.5 ", "linf", 0.5), (None, "linf", 8.0), (2.0, "l2", 2.0), ("1/2", "l2", 0.5)],
)
def test_a_budget_is_read(text: Any, norm: Any, value: float) -> None:
    assert read_budget(text, norm=norm) == value


@pytest.mark.parametrize(
    ("text", "norm", "hint"),
    [
        ("8/255", "linf", "--eps 8"),
        ("0.03", "linf", "--eps 7.65"),
        (8 / 255, "linf", "--eps 8"),
        ("eight", "linf", "--eps 8"),
        ("8/0", "linf", "--eps 8"),
        ("-1/255", "linf", "--eps 8"),
        ("0/255", "linf", "--eps 8"),
        ("300/255", "linf", "--eps 8"),
        (0.0005, "linf", "--eps 8"),
        (256.0, "linf", "between 0 and 255"),
        ("nan", "linf", "--eps 8"),
        (0.0, "linf", "--eps 8"),
        (-1.0, "linf", "--eps 8"),
        (None, "l2", "--eps 2.0"),
        ("inf", "l2", "--eps 2.0"),
    ],
)
def test_a_budget_in_the_wrong_unit_or_out_of_range_asks_back(text: Any, norm: Any, hint: str) -> None:
    with pytest.raises(BadInputError) as raised:
        read_budget(text, norm=norm)
    assert hint in raised.value.hint
    typed = re.fullmatch(r"--eps (\S+)", raised.value.hint) if norm == "linf" else None
    assert typed is None or read_budget(typed[1], norm=norm) > 0  # what is to be typed is taken


@pytest.mark.parametrize("value", [True, "8", None, [8]])
def test_gray_levels_of_a_file_are_numbers(value: Any) -> None:
    with pytest.raises(BadInputError, match="gray levels"):
        check_gray(value)
    assert check_gray(8) == 8.0


def test_two_ways_to_write_one_budget_are_the_same() -> None:
    assert read_number("8/255") == 8 / 255
    assert same_budget("8/255", "0.03137254901960784")
    assert not same_budget("8/255", "4/255")
    assert not same_budget("pgd", "pgd")


def test_no_other_file_reads_fractions() -> None:
    """Another parser of budgets would read another unit sooner or later."""
    src = Path(facewarden.__file__).parent
    found = []
    for path in src.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            text = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
            fraction = isinstance(node, ast.Name) and node.id == "Fraction"
            if fraction or (r"\s*/\s*" in text and path.name != "budget.py"):
                found.append(path.relative_to(src).as_posix())
    assert found == []
