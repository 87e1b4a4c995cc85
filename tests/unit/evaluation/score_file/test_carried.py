"""A rule of `facewarden calibrate` on a table of scores: the threshold is tested, the probability is checked."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tests.unit.evaluation.score_file.test_score_file import table

import facewarden
from facewarden.cli import main
from facewarden.core.errors import BadInputError
from facewarden.data.table import read_table
from facewarden.evaluation.score_file.carried import BRIER
from facewarden.evaluation.verdicts.rule import VerdictRule

RULE = VerdictRule(0.7, "bpcer=0.05", "40 photos of gate A", 40, 0, slope=1.8, offset=-1.6, probability="Platt, on dev")


def test_threshold_and_probability_are_those_of_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, rule = table(tmp_path / "t.csv"), RULE.write(tmp_path / "calibration.json")
    found = facewarden.evaluate_scores(path, rule=rule, rounds=50, out=tmp_path / "o")
    plain = facewarden.evaluate_scores(path, threshold=0.7, rounds=50)
    ours = {metric.label: metric for metric in found.metrics}
    for metric in plain.metrics:
        assert ours.pop(metric.label) == metric
    assert list(ours) == [BRIER]
    held = read_table(path)
    test = np.array(held["split"]) == "test"
    score, live = np.array(held["score"], float)[test], np.array(held["label"], int)[test] == 1
    wrong = (1 / (1 + np.exp(-(1.8 * score - 1.6))) - live) ** 2
    brier = ours[BRIER]
    assert brier.value == pytest.approx((wrong[live].mean() + wrong[~live].mean()) / 2)
    assert brier.low is not None
    assert brier.high is not None
    assert brier.low < brier.value < brier.high < 0.25
    assert found.thresholds == ({"policy": "given", "value": 0.7, "from": "bpcer=0.05 on 40 photos of gate A"},)
    page = (tmp_path / "o" / "scores.html").read_text(encoding="utf-8")
    for words in ("The rule that was given", "bpcer=0.05 on 40 photos of gate A", "Stated probability and what came"):
        assert words in page
    assert "--rule calibration.json" in json.loads((tmp_path / "o" / "scores.json").read_text())["command"]
    assert main(["evaluate", "scores", str(path), "--rule", str(rule)]) == 0
    out = capsys.readouterr().out
    assert "bpcer=0.05 on 40 photos of gate A" in out
    assert "Brier" in out


def test_stated_probabilities_that_come_true_are_told_so(tmp_path: Path) -> None:
    """Scores of N(±1, 1): the true log-odds are 2 x score."""
    rng = np.random.default_rng(2)
    label = np.arange(4000) % 2
    columns = {"score": (rng.normal(0, 1, 4000) + 2 * label - 1).tolist(), "label": label.tolist()}
    from facewarden.data.table import write_table

    write_table(tmp_path / "t.csv", columns)
    errors = {}
    for name, slope in (("right", 2.0), ("timid", 0.4), ("bold", 12.0)):
        rule = VerdictRule(0.0, "eer", "x", 1, 1, slope=slope, offset=0.0).write(tmp_path / f"{name}.json")
        found = facewarden.evaluate_scores(
            tmp_path / "t.csv", rule=rule, rounds=10, form=("markdown",), out=tmp_path / name
        )
        errors[name] = next(one.value for one in found.metrics if one.name == BRIER)
    assert errors["right"] < min(errors["timid"], errors["bold"])
    lines = (tmp_path / "right" / "scores.md").read_text(encoding="utf-8").splitlines()
    bins = [line.split("|")[2:4] for line in lines if line.startswith("| 0.")]
    assert len(bins) == 10
    for stated, real in bins:
        assert float(stated.split()[0].strip("%\u00a0")) == pytest.approx(
            float(real.split()[0].strip("%\u00a0")), abs=9
        )


def test_a_rule_without_a_probability_and_a_decision_json_give_no_brier_score(tmp_path: Path) -> None:
    path = table(tmp_path / "t.csv")
    facewarden.evaluate_scores(path, rounds=10, out=tmp_path / "o")
    for rule in (
        VerdictRule(0.7, "bpcer=0.05", "x", 40, 0).write(tmp_path / "c.json"),
        tmp_path / "o" / "decision.json",
    ):
        found = facewarden.evaluate_scores(path, rule=rule, rounds=10)
        assert not [one for one in found.metrics if one.name == BRIER]
    assert "eer on dev of t" in found.thresholds[0]["from"]


def test_a_rule_beside_a_threshold_or_a_policy_is_refused(tmp_path: Path) -> None:
    path, rule = table(tmp_path / "t.csv"), RULE.write(tmp_path / "c.json")
    for more in ({"threshold": 0.1}, {"policy": "apcer=0.05"}):
        with pytest.raises(BadInputError, match="a rule has its threshold and policy in it"):
            facewarden.evaluate_scores(path, rule=rule, **more)  # type: ignore[arg-type]
    (tmp_path / "bad.json").write_text('{"threshold": "high"}')
    with pytest.raises(BadInputError, match=r"bad\.json"):
        facewarden.evaluate_scores(path, rule=tmp_path / "bad.json")
