"""Progress: what a person reads while a long verb works."""

from __future__ import annotations

import pytest

from facewarden.core.progress import shown_by, track


class Heard:
    """A sink that keeps the words for what is counted."""

    def __init__(self) -> None:
        self.units: list[str] = []

    def update(self, label: str, done: int, total: int | None, unit: str) -> None:
        self.units.append(unit)


@pytest.mark.parametrize(
    ("unit", "single"), [("photos", "photo"), ("people", "person"), ("batches", "batch"), ("", "")]
)
def test_one_is_counted_in_the_singular(unit: str, single: str) -> None:
    heard = Heard()
    with shown_by(heard):
        assert list(track([0], label="reading", unit=unit)) == [0]
        assert set(heard.units) == {single}
        assert len(list(track([0, 1], label="reading", unit=unit))) == 2
    assert heard.units[-1] == unit
