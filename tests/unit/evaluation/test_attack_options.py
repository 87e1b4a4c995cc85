"""Options of attacks as they are typed: read by type, refused with the next thing to type."""

from __future__ import annotations

import pytest

from facewarden.attacks.pgd import PGD
from facewarden.core.errors import BadInputError, UnknownEntryError
from facewarden.evaluation.attack_options import (
    build_attack,
    check_gradients,
    check_reach,
    parse_options,
    score_based,
)
from stand_ins import TinyDetector


def test_text_becomes_what_the_signature_says() -> None:
    made = build_attack("pgd", parse_options(["steps=20", "step_size=2/255", "random_start=no", "precision=bfloat16"]))
    assert isinstance(made, PGD)
    assert (made.steps, made.random_start, made.precision) == (20, False, "bfloat16")
    assert made.step_size == pytest.approx(2 / 255)
    assert build_attack("pgd", {"step_size": "none", "steps": 3}).step_size is None  # type: ignore[attr-defined]
    build_attack("fgsm", {})


@pytest.mark.parametrize(
    ("method", "options", "message", "hint"),
    [
        ("pgd", {"step": "3"}, "did you mean 'steps'", "known: steps"),
        ("pgd", {"steps": "many"}, 'steps is "many"', "whole number"),
        ("pgd", {"steps": "2.5"}, "2.5", "whole number"),
        ("pgd", {"steps": "0"}, "steps is 0; allowed: a whole number from 1", "steps: a whole number from 1"),
        ("pgd", {"random_start": "perhaps"}, "perhaps", "true or false"),
        ("pgd", {"precision": "int8"}, "int8", "float32, bfloat16"),
        ("pgd", {"step_size": "1/0"}, "1/0", "2/255"),
        ("pgd", {"step_size": "nan"}, "step_size is nan; allowed: finite numbers", "2/255"),
        ("pgd", {"steps": "9" * 400}, "steps is inf", "finite"),
        ("pgd", {"steps": [3]}, "steps is [3]; allowed: a whole number", "whole number"),
        ("fgsm", {"steps": "3"}, "no setting 'steps'", "none"),
        ("square", {"queries": "0"}, "queries is 0; allowed: a whole number from 1", "queries: a whole number from 1"),
    ],
)
def test_what_cannot_be_meant_is_refused(method: str, options: dict[str, str], message: str, hint: str) -> None:
    with pytest.raises(BadInputError) as raised:
        build_attack(method, options)
    assert message in raised.value.message
    assert hint in raised.value.hint


@pytest.mark.parametrize("pair", ["steps", "=3", "steps="])
def test_a_pair_has_two_sides(pair: str) -> None:
    with pytest.raises(BadInputError, match="name=value"):
        parse_options([pair])
    with pytest.raises(BadInputError, match="twice"):
        parse_options(["steps=1", "steps=2"])


def test_an_unknown_attack_names_its_neighbors() -> None:
    with pytest.raises(UnknownEntryError, match="pgd"):
        build_attack("pgdd", {})


def test_a_model_without_gradients_is_sent_to_the_score_based_attacks() -> None:
    assert set(score_based()) >= {"square", "noise"}
    assert "pgd" not in score_based()
    closed = TinyDetector()
    closed.differentiable = False
    with pytest.raises(BadInputError) as raised:
        check_gradients("pgd", build_attack("pgd", {}), closed, what="model.onnx")
    assert "square" in raised.value.hint
    check_gradients("square", build_attack("square", {}), closed, what="model.onnx")


@pytest.mark.parametrize(
    ("method", "options"), [("fab", {}), ("square", {}), ("auto_binary", {}), ("apgd", {"loss": "margin"})]
)
def test_an_attack_on_the_decision_is_not_reported_as_one_through_a_head(method: str, options: dict[str, str]) -> None:
    attack = build_attack(method, options)
    with pytest.raises(BadInputError, match="depth_map"):
        check_reach(method, attack, "depth_map")
    check_reach(method, attack, "live")
    check_reach(method, attack, None)


def test_an_attack_that_follows_the_goal_reaches_every_head() -> None:
    for method in ("pgd", "apgd", "fgsm"):
        check_reach(method, build_attack(method, {}), "depth_map")
