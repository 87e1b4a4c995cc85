from __future__ import annotations

import pytest

from facewarden.reporting.document import Metric
from facewarden.reporting.format import group_text, label, measured, number
from facewarden.reporting.text import clean, short


@pytest.mark.parametrize(
    ("value", "low", "high", "unit", "text"),
    [
        (0.031, 0.02, 0.049, "%", "3.1 % (2.0–4.9), n = 240"),
        (0.0, 0.0, 0.0158, "%", "0.0 % (0.0–1.6), n = 240"),
        (0.0004, 0.0001, 0.002, "%", "0.04 % (0.01–0.20), n = 240"),
        (1.0, 0.984, 1.0, "%", "100.0 % (98.4–100.0), n = 240"),
        (2.31, 1.8, 3.04, "/255", "2.3/255 (1.8–3.0), n = 240"),
        (0.98712, 0.962, 0.9951, "", "0.987 (0.962–0.995), n = 240"),
        (123.45, 100.0, 150.06, "ms", "123.5 ms (100.0–150.1), n = 240"),
        (-0.05, -0.08, -0.00001, "%", "−5.0 % (−8.0–0.0), n = 240"),
        (0.5, None, None, "%", "50.0 %, n = 240"),
    ],
)
def test_numbers_are_written_one_way(value, low, high, unit, text) -> None:
    assert measured(Metric("x", value, low, high, 240, simulated=False, unit=unit)).replace("\u00a0", " ") == text


def test_names() -> None:
    assert label("acer_worst_species") == "ACER, worst species"
    assert label("time_to_flip") == "Time to flip"
    assert group_text({"species": "print_flat"}) == "print flat"
    assert (
        group_text({"attack": "pgd", "eps": "8/255", "cloak": "low_key"}) == "pgd, ε\u00a0=\u00a08/255, cloak low key"
    )
    assert number(0.05, unit="%") == "5.0\u00a0%"


def test_text_from_outside_is_made_fit() -> None:
    assert clean("a\x00b\x1b[0m\u202eevil\ud800") == "a\ufffdb\ufffd[0m\ufffdevil?"
    assert clean("schön\tgut\nε 😀") == "schön\tgut\nε 😀"
    assert short("abcdef", length=4) == "abc…"
    assert short("abcd", length=4) == "abcd"
