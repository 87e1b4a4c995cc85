"""Results print briefly, become JSON values, write their rows and show as an escaped table."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from facewarden.core.errors import BadInputError
from facewarden.data.results import Result, RowsResult, rows_as_columns
from facewarden.data.table import read_table
from facewarden.metrics.intervals import Interval
from facewarden.verbs.attack import Attacked
from facewarden.verbs.score import ScoreResult


@dataclass(frozen=True, repr=False)
class Sample(Result):
    path: Path
    rate: float
    values: np.ndarray
    text: str


def test_a_result_becomes_values_that_json_holds() -> None:
    result = Sample(Path("a/b"), float("nan"), np.arange(3), "<b>")
    assert json.loads(json.dumps(result.to_dict())) == {"path": "a/b", "rate": None, "values": [0, 1, 2], "text": "<b>"}


def test_it_prints_in_one_short_line_and_escapes_in_a_notebook() -> None:
    scored = ScoreResult(tuple(f"<i>{n}" for n in range(1000)), (0.25,) * 1000, None, {"no face found": 2})
    told = repr(scored)
    assert told.startswith("ScoreResult(key=1000 values, score=1000 values, out=None, skipped={no face found: 2}")
    assert len(told) < 200
    page = scored._repr_html_()
    assert "<i>" not in page
    assert "&lt;i&gt;0" in page
    assert "980 more rows" in page
    assert len(repr(Sample(Path("x"), 0.5, np.zeros(9), "long " * 100))) < 200


def test_rows_are_written_as_tables_of_the_asked_kind(tmp_path: Path) -> None:
    scored = ScoreResult(("a", "b"), (0.5, -1.5), None, {})
    table = read_table(scored.to_csv(tmp_path / "s.csv"))
    assert table["key"] == ["a", "b"]
    assert [float(value) for value in table["score"]] == [0.5, -1.5]
    assert read_table(scored.to_parquet(str(tmp_path / "s.parquet"))) == {"key": ["a", "b"], "score": [0.5, -1.5]}
    with pytest.raises(BadInputError, match=r"does not end with \.csv"):
        scored.to_csv(tmp_path / "s.parquet2")


def test_rates_of_an_attack_are_rows() -> None:
    attacked = Attacked({"pooled": Interval(0.5, 0.4, 0.6, 10, "m")}, 3, True, None)
    assert attacked.columns() == {
        "rate": ["pooled"], "value": [0.5], "low": [0.4], "high": [0.6], "n": [10], "method": ["m"],
    }  # fmt: skip
    assert "50.0% (40.0% to 60.0%), n = 10" in repr(attacked)


def test_a_class_of_rows_must_give_them() -> None:
    with pytest.raises(NotImplementedError, match="RowsResult must give its columns"):
        RowsResult().columns()
    assert rows_as_columns([]) == {}
