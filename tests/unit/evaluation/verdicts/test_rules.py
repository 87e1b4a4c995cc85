"""Rules that turn scores into decisions: thresholds, probabilities and their intervals against known answers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import minimize

from facewarden.core.card import Card
from facewarden.core.decision import DecisionRule
from facewarden.core.errors import BadInputError
from facewarden.core.resolve import resolve_detector
from facewarden.evaluation.scores import Scores
from facewarden.evaluation.verdicts.choice import chosen_rule
from facewarden.evaluation.verdicts.fitting import carried_rule, fitted_rule, platt
from facewarden.evaluation.verdicts.rule import ONLY_SIMULATED, SIMULATED_ATTACKS, VerdictRule, simulation_notes
from facewarden.metrics.pad import fit_rule


def scores(value: np.ndarray, label: np.ndarray, *, split: str = "dev") -> Scores:  # type: ignore[type-arg]
    text = np.array([f"s{i}" for i in range(len(value))])
    return Scores(
        key=text, score=value.astype(np.float64), label=label.astype(np.int64),
        species=np.where(label == 1, "bona_fide", "print"), subject=text, domain=np.full(len(value), "d"),
        split=np.full(len(value), split), illumination=np.full(len(value), ""), source="mine", simulated=False,
    )  # fmt: skip


WEIGHTS = Path(__file__).parents[4] / "src" / "facewarden" / "weights"
RNG = np.random.default_rng(0)
LABEL = np.repeat([1, 0], [60, 140])
VALUE = RNG.normal(0, 1, 200) + 2.0 * LABEL - 1


def test_platt_is_the_maximum_of_its_likelihood() -> None:
    """An independent optimizer of Platt's likelihood with equally heavy classes gives the same line."""
    found = platt(VALUE, LABEL)
    assert found is not None
    target = np.where(LABEL == 1, 61 / 62, 1 / 142)
    weight = np.where(LABEL == 1, 1 / 60, 1 / 140)

    def loss(line: np.ndarray) -> float:  # type: ignore[type-arg]
        odds = line[0] * VALUE + line[1]
        return float((weight * (np.logaddexp(0, odds) - target * odds)).sum())

    best = minimize(loss, np.zeros(2), tol=1e-12).x
    assert found == pytest.approx(tuple(best), rel=1e-3)
    assert platt(-VALUE, LABEL) is None


def test_classes_that_do_not_overlap_have_a_finite_probability() -> None:
    apart = np.where(LABEL == 1, 5.0, -5.0) + RNG.normal(0, 0.1, 200)
    rule = fitted_rule(scores(apart, LABEL), policy="eer", detector={})
    sure = rule.probability_of(5.0)
    assert sure is not None
    assert 0.9 < sure < 1.0
    assert rule.probability.startswith("Platt scaling on dev of mine, 60 bona fide and 140 attacks")
    few = fitted_rule(scores(apart[50:70], LABEL[50:70]), policy="eer", detector={})
    assert few.probability_of(1.0) is not None
    fewer = fitted_rule(scores(apart[55:70], LABEL[55:70]), policy="eer", detector={})
    assert fewer.probability_of(1.0) is None
    assert fewer.lines()[1] == "probability: none, 5 dev rows of a class are fewer than 10"


def test_apcer_is_a_short_name_of_the_policy() -> None:
    species = np.where(LABEL == 1, "bona_fide", "print")
    long, short = (
        fit_rule(VALUE, LABEL, policy=policy, split="dev", species=species)
        for policy in ("bpcer_at_apcer=0.05", "apcer=0.05")
    )
    assert long == short
    rule = fitted_rule(scores(VALUE, LABEL), policy="apcer=0.05", detector={})
    assert rule.threshold == long.threshold
    assert np.mean(VALUE[LABEL == 0] >= rule.threshold) <= 0.05


def test_a_carried_threshold_rejects_the_share_that_was_asked_for() -> None:
    value = RNG.permutation(np.arange(200.0))
    subject = np.array([f"s{i}" for i in range(200)])
    rule = carried_rule(value, subject, bpcer=0.05, where="lobby", detector={"w": "1"})
    assert rule.threshold == 9.5
    assert float(np.mean(value < rule.threshold)) == 0.05
    assert rule.low is not None
    assert rule.high is not None
    assert (rule.low, rule.high) == (3.0, 16.0)  # ranks 4 and 17 of 200: binomial(200, 0.05) from 2.5 % to 97.5 %
    assert "bona fide photos alone" in rule.origin
    assert "APCER) is not known" in rule.remarks[0]
    assert rule.probability_of(1.0) is None
    with pytest.raises(BadInputError, match="19 bona fide photos cannot set a BPCER"):
        carried_rule(value[:19], subject[:19], bpcer=0.05, where="lobby", detector={})
    with pytest.raises(BadInputError, match="BPCER 1"):
        carried_rule(value, subject, bpcer=1.0, where="lobby", detector={})


def test_the_interval_of_a_carried_threshold_covers_and_is_wider_for_few_people() -> None:
    inside = 0
    for draw in range(200):
        value = np.random.default_rng(draw).normal(size=150)
        rule = carried_rule(value, np.array([f"s{i}" for i in range(150)]), bpcer=0.1, where="", detector={})
        assert rule.low is not None
        assert rule.high is not None
        inside += rule.low <= -1.2816 <= rule.high
    assert inside / 200 >= 0.92
    level = RNG.normal(0, 2, 8)
    people = np.repeat(np.arange(8), 25)
    value = level[people] + RNG.normal(0, 0.1, 200)
    alone = carried_rule(value, np.array([f"s{i}" for i in range(200)]), bpcer=0.2, where="", detector={})
    grouped = carried_rule(value, np.array([f"s{i}" for i in people]), bpcer=0.2, where="", detector={})
    assert (grouped.high or 0) - (grouped.low or 0) > 1.3 * ((alone.high or 0) - (alone.low or 0))


def test_a_rule_is_read_as_it_was_written_and_only_for_its_detector(tmp_path: Path) -> None:
    rule = fitted_rule(scores(VALUE, LABEL), policy="eer", detector={"w.onnx": "ab"})
    read = VerdictRule.read(rule.write(tmp_path / "rule.json"))
    assert read == replace(rule, detector=read.detector)
    read.check_detector(Card("a", "a", "pad", sha256={"w.onnx": "ab"}), source="rule.json")
    with pytest.raises(BadInputError, match="was set for another detector"):
        read.check_detector(Card("a", "a", "pad", sha256={"w.onnx": "cd"}), source="rule.json")
    DecisionRule(0.5, "eer", "dev", "simulated captures", 3, 4).write(tmp_path / "decision.json")
    old = VerdictRule.read(tmp_path / "decision.json")
    assert old.origin == "eer on dev of simulated captures, 3 bona fide and 4 attacks, simulated"
    assert (old.decision(0.5), old.decision(0.4)) == ("bona_fide", "attack")
    DecisionRule(0.5, "eer", "dev", "door", 3, 4, simulated=True).write(tmp_path / "decision.json")
    assert VerdictRule.read(tmp_path / "decision.json").origin.endswith("4 attacks, simulated")
    (tmp_path / "wrong.json").write_text(json.dumps({"threshold": 1.0, "policy": "eer"}))
    with pytest.raises(BadInputError, match="where"):
        VerdictRule.read(tmp_path / "wrong.json")
    values = json.loads((tmp_path / "rule.json").read_text()) | {"treshold": 1.0}
    (tmp_path / "wrong.json").write_text(json.dumps(values))
    with pytest.raises(BadInputError, match="treshold"):
        VerdictRule.read(tmp_path / "wrong.json")


def test_a_detector_of_simulation_alone_is_known_by_its_card() -> None:
    simulated = "1440 captures of 120 people, x: *simulated* (rendered by facewarden; no real person, no real sensor)"
    assert simulation_notes(Card("a", "a", "pad", training_data=simulated)) == (ONLY_SIMULATED,)
    assert simulation_notes(Card("a", "a", "pad", training_data="unstated")) == ()
    mixed = "4104 captures: *simulated* captures (rendered by facewarden; no real sensor), 360 of them photos"
    assert simulation_notes(Card("a", "a", "pad", training_data=mixed)) == (SIMULATED_ATTACKS,)


def test_every_shipped_detector_says_that_it_has_seen_simulated_captures_alone() -> None:
    shipped = {path.parent.name: Card.read(path) for path in WEIGHTS.glob("*/card.json")}
    said = {name: simulation_notes(card) for name, card in shipped.items() if card.role == "pad"}
    assert said == dict.fromkeys(("color_cnn", "color_cnn_robust", "multi_cnn", "multitask"), (ONLY_SIMULATED,))


@pytest.mark.parametrize("share", [0.07, 0.14, 0.28, 0.29, 0.57, 0.58])
def test_a_share_of_a_hundred_photos_is_that_many_photos(share: float) -> None:
    value = np.arange(100.0)
    rule = carried_rule(value, np.arange(100).astype(str), bpcer=share, where="lobby", detector={})
    assert np.count_nonzero(value < rule.threshold) == round(100 * share)


def test_a_rule_that_names_no_detector_says_so(tmp_path: Path) -> None:
    model = resolve_detector("color_cnn")
    file = tmp_path / "decision.json"
    DecisionRule(0.5, "eer", "dev", "door", 9, 8).write(file)
    taken = chosen_rule(model, "color_cnn", rule=file, dev=None, policy=None)
    assert taken is not None
    assert "decision.json does not say for which detector it was set" in " ".join(taken.lines())
    replace(VerdictRule.read(file), detector=dict(model.card.sha256)).write(tmp_path / "rule.json")
    sure = chosen_rule(model, "color_cnn", rule=tmp_path / "rule.json", dev=None, policy=None)
    assert sure is not None
    assert not sure.remarks
