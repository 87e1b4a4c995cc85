"""Settings of an earlier release get their names of today, wherever they stand."""

from __future__ import annotations

from typing import Any

import pytest

from facewarden.core.settings.old_keys import with_keys_of_today

OLD = {"judges": "recognizers", "goals.*.judges": "recognizers", "training.stored": "share"}


@pytest.mark.parametrize(
    ("values", "today", "renamed"),
    [
        ({"judges": [1], "a": 2}, {"recognizers": [1], "a": 2}, {("judges",): ("recognizers",)}),
        (
            {"goals": [{"x": 1}, {"judges": 2}]},
            {"goals": [{"x": 1}, {"recognizers": 2}]},
            {("goals", 1, "judges"): ("goals", 1, "recognizers")},
        ),
        (
            {"goals": {"first": {"judges": 2}}},
            {"goals": {"first": {"recognizers": 2}}},
            {("goals", "first", "judges"): ("goals", "first", "recognizers")},
        ),
        ({"training": {"stored": 1}}, {"training": {"share": 1}}, {("training", "stored"): ("training", "share")}),
        ({"training": 3, "goals": "x"}, {"training": 3, "goals": "x"}, {}),  # of another type: its reader refuses it
        ({"judges": 1, "recognizers": 2}, {"judges": 1, "recognizers": 2}, {}),  # under both names: so does this one
        ({"training": None}, {"training": None}, {}),
    ],
)
def test_old_names_become_those_of_today(
    values: dict[str, Any], today: dict[str, Any], renamed: dict[tuple[str | int, ...], tuple[str | int, ...]]
) -> None:
    before = repr(values)
    assert with_keys_of_today(values, OLD) == (today, renamed)
    assert repr(values) == before, "the caller's own values"
