"""`calibrate` carries a threshold over to a camera, and sets one with its probability on captures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import facewarden
from facewarden.cli.parts.main import main
from facewarden.core.card import Card
from facewarden.core.errors import BadInputError
from facewarden.core.roles import Detector, PadOutput
from facewarden.evaluation.verdicts.rule import VerdictRule
from facewarden.verbs.own import calibrate as module
from tiny_captures import write_captures


class Bright(Detector):
    """Score = 10 x mean of the frame."""

    card = Card("bright", "bright", "pad")

    def predict(self, batch: Any) -> PadOutput:
        return PadOutput(10 * batch.images["rgb"].mean(dim=(1, 2, 3)))


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "resolve_detector", lambda spec, **_: Bright())
    (tmp_path / "lobby").mkdir()
    for number in range(40):
        Image.new("RGB", (8, 8), (100 + number,) * 3).save(tmp_path / "lobby" / f"{number}.png")
    return tmp_path


def test_a_threshold_is_carried_over_and_says_so(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["calibrate", "multi_cnn", "--bona-fide", "lobby", "--bpcer", "0.1"]) == 0
    printed = capsys.readouterr().out
    rule = VerdictRule.read(place / "calibration.json")
    levels = np.array([10 * (100 + number) / 255 for number in range(40)])
    assert float(np.mean(levels < rule.threshold)) == pytest.approx(0.1)
    assert rule.low is not None
    assert rule.low < rule.threshold
    assert "lobby: bona fide photos alone, 40 of 40 subjects" in printed
    assert "APCER) is not known" in printed
    assert "probability: none" in printed


def test_captures_of_both_classes_set_threshold_and_probability(place: Path) -> None:
    captures = write_captures(place)
    found = facewarden.calibrate("multi_cnn", dev=captures, policy="apcer=0.05", out="c.json")
    assert found.rule.policy == "bpcer_at_worst_apcer=0.05"
    assert found.rule.probability == "none, 6 dev rows of a class are fewer than 10"
    assert json.loads(Path("c.json").read_text())["n_attack"] == 6


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "nothing to set a threshold on"),
        ({"bona_fide": "lobby", "dev": "x.csv"}, "nothing to set a threshold on"),
        ({"bona_fide": "lobby", "policy": "apcer=0.1"}, "a policy needs attacks too"),
        ({"bona_fide": "lobby", "bpcer": 0.01}, "40 bona fide photos cannot set a BPCER of 0.01"),
        ({"bona_fide": "lobby", "policy": "eeer"}, "unknown threshold policy"),
    ],
)
def test_what_cannot_be_set_is_refused(place: Path, given: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInputError, match=message):
        facewarden.calibrate("multi_cnn", **given)
    assert not (place / "calibration.json").exists()


def test_a_share_that_is_none_is_refused_before_photos_are_read(place: Path) -> None:
    for share in (5.0, 0.0, float("nan")):
        with pytest.raises(BadInputError, match="BPCER"):
            facewarden.calibrate("no_such_detector", bona_fide=["live"], bpcer=share, out="c.json")


def test_scores_of_another_detector_set_no_threshold(place: Path) -> None:
    facewarden.score(write_captures(place), detector="multi_cnn", out="s.csv")
    table = Path("s.csv").read_text()
    Path("s.csv").write_text(table.replace(",multi_cnn\n", ",bright\n"))
    assert Path("s.csv").read_text() != table
    assert facewarden.calibrate("multi_cnn", dev="s.csv", out="c.json").rule.n_attack == 6
    Path("s.csv").write_text(table)
    with pytest.raises(BadInputError, match="scores of multi_cnn, and the detector is bright"):
        facewarden.calibrate("multi_cnn", dev="s.csv", out="d.json")
