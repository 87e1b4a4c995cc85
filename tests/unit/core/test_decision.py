from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from facewarden.core.decision import DecisionRule
from facewarden.core.errors import BadInputError, FacewardenError, LeakError


def rule(**changes: Any) -> DecisionRule:
    values: dict[str, Any] = {
        "threshold": 0.25,
        "policy": "eer",
        "split": "dev",
        "source": "a set",
        "n_bona_fide": 10,
        "n_attack": 20,
    }
    return DecisionRule(**{**values, **changes})


def test_test_rows_set_no_threshold() -> None:
    with pytest.raises(LeakError, match="a set was set on its test split") as error:
        rule(split="test")
    assert "oracle" in error.value.hint


def test_the_oracle_must_be_asked_for_by_name_and_stays_marked() -> None:
    assert rule(split="test", oracle=True).oracle is True
    assert rule().oracle is False


@pytest.mark.parametrize("split", ["Test", "test ", "TEST", "validation", ""])
def test_a_misspelled_split_does_not_slip_past_the_leak_check(split: str) -> None:
    with pytest.raises(BadInputError, match="unknown split"):
        rule(split=split)


@pytest.mark.parametrize("counts", [{"n_bona_fide": 0}, {"n_attack": 0}, {"n_bona_fide": -1}])
def test_one_class_sets_no_threshold(counts: dict[str, int]) -> None:
    with pytest.raises(BadInputError, match="both classes"):
        rule(**counts)


def test_nan_is_no_threshold() -> None:
    with pytest.raises(BadInputError, match="NaN"):
        rule(threshold=math.nan)


def test_a_score_at_the_threshold_is_accepted() -> None:
    assert rule().accepts(0.25)
    assert not rule().accepts(math.nextafter(0.25, -1))


@pytest.mark.parametrize("threshold", [0.1, 1 / 3, -1e-300, math.inf, -math.inf])
def test_a_rule_read_back_is_the_same_to_the_last_bit(tmp_path: Path, threshold: float) -> None:
    original = rule(threshold=threshold)
    original.write(tmp_path / "rule.json")
    assert DecisionRule.read(tmp_path / "rule.json") == original


def test_a_rule_edited_on_disk_is_checked_again(tmp_path: Path) -> None:
    path = tmp_path / "rule.json"
    rule().write(path)
    path.write_text(path.read_text().replace('"dev"', '"test"'))
    with pytest.raises(LeakError):
        DecisionRule.read(path)


@pytest.mark.parametrize("content", ["", "[]", "1", "{}", '{"threshold": 1}', "\x00", json.dumps({"surplus": 1})])
def test_garbage_is_no_rule(tmp_path: Path, content: str) -> None:
    path = tmp_path / "rule.json"
    path.write_text(content)
    with pytest.raises(BadInputError, match=r"rule\.json"):
        DecisionRule.read(path)


def test_an_absent_rule_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(FacewardenError, match=r"none\.json"):
        DecisionRule.read(tmp_path / "none.json")
