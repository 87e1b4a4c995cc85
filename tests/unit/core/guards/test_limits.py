"""Limits: declared once, raised by the environment, checked before memory and time are spent."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from facewarden.core.card import Card
from facewarden.core.decision import DecisionRule
from facewarden.core.errors import BadInputError
from facewarden.core.guards.bounded import parse_json, read_bounded, read_json_bounded
from facewarden.core.guards.limits import LimitError, check_limit, declared, limit_of
from facewarden.data.sample import Sample
from facewarden.nn.restorer import build_restorer
from facewarden.training.recipe_files import FOLDER, RecipeFiles
from facewarden.verbs.doctor import doctor

CARD = '{"name": "x", "summary": "y", "role": "pad", "settings": %s}'


def test_every_limit_has_a_value_a_unit_and_a_variable() -> None:
    listed = {one.name: one for one in declared()}
    assert listed["picture_pixels"].variable == "FACEWARDEN_LIMIT_PICTURE_PIXELS"
    assert all(one.value == one.default > 0 and one.unit and one.about for one in listed.values())
    assert [one.name for one in doctor(limits=True).limits] == list(listed)
    assert doctor(limits=True).to_dict()["limits"][0]["variable"] == listed["picture_pixels"].variable


def test_the_message_names_all_and_the_environment_raises_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LimitError) as caught:
        check_limit("text_bytes", 17 * 2**20, what="big.json")
    assert "big.json: 17,825,792 bytes, the limit is 16,777,216" in caught.value.message
    assert caught.value.hint.endswith("FACEWARDEN_LIMIT_TEXT_BYTES=17825792")
    assert (caught.value.name, caught.value.bound) == ("text_bytes", 2**24)
    monkeypatch.setenv("FACEWARDEN_LIMIT_TEXT_BYTES", "17825792")
    check_limit("text_bytes", 17 * 2**20, what="big.json")


@pytest.mark.parametrize("text", ["many", "-1", "0", "nan"])
def test_a_variable_that_is_no_limit_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("FACEWARDEN_LIMIT_TABLE_ROWS", text)
    with pytest.raises(BadInputError, match="FACEWARDEN_LIMIT_TABLE_ROWS"):
        limit_of("table_rows")


def test_a_large_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "card.json"
    with path.open("wb") as file:
        file.truncate(2**40)  # a hole: nothing on the disk, a terabyte to read
    for read in (Card.read, DecisionRule.read, read_bounded):
        with pytest.raises(LimitError, match="the limit is 16,777,216"):
            read(path)
    with pytest.raises(LimitError):
        RecipeFiles(FOLDER, what="recipe", model="multi_cnn").read(str(path))


def test_what_is_no_plain_file_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.json")  # opening it would wait for a writer
    with pytest.raises(BadInputError, match="not a plain file"):
        Card.read(tmp_path / "pipe.json")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ('{"seed": ' + "1" * 400 + "}", "settings.seed is a number of about 399 digits"),
        ('{"seed": ' + "1" * 5000 + "}", "5,000 digits, the limit is 300"),
        ("[" * 70 + "]" * 70, "levels, the limit is 64"),
        ("[" * 100_000 + "]" * 100_000, "the limit is 64 levels"),
        ('{"a": "b\\u0000c"}', "NUL"),
    ],
)
def test_numbers_and_nesting_without_end_are_refused(tmp_path: Path, settings: str, message: str) -> None:
    path = tmp_path / "card.json"
    path.write_text(CARD % settings)
    with pytest.raises(BadInputError, match=message):
        Card.read(path)


def test_a_decision_rule_of_four_hundred_digits_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "decision.json"
    path.write_text('{"threshold": ' + "1" * 400 + ', "policy": "eer"}')
    with pytest.raises(LimitError, match="400 digits"):
        DecisionRule.read(path)
    for threshold in ('"high"', "null", "[1]", "true", "1" * 300):
        path.write_text(
            f'{{"threshold": {threshold}, "policy": "eer", "split": "dev", "source": "x", '
            '"n_bona_fide": 1, "n_attack": 1}'
        )
        rule = None
        with pytest.raises(BadInputError, match="threshold"):
            rule = DecisionRule.read(path)
        assert rule is None


def test_what_is_within_the_limits_is_read() -> None:
    deep = json.loads("[" * 60 + "1" + "]" * 60)
    assert parse_json(json.dumps(deep), what="x") == deep
    assert parse_json(str(2**64), what="x") == 2**64


def test_a_key_of_a_million_letters_is_refused() -> None:
    with pytest.raises(LimitError, match="1,000,000 characters, the limit is 1,024"):
        Sample("k" * 10**6, "dev", 1, "bona_fide", "s", "d", rgb="a.png")


@pytest.mark.parametrize(
    "network", [None, 5, "x", [], {"body": "unet", "contrast": "x"}, {"widths": [-1]}, {"widths": 3}]
)
def test_settings_of_a_network_of_other_types_are_bad_input(network: object) -> None:
    with pytest.raises(BadInputError):
        build_restorer(network)


@pytest.mark.parametrize("name", [5, [], {}, "x" * 5000, "../x", "\0", "n" * 300])
def test_a_recipe_that_is_like_no_recipe_is_bad_input(tmp_path: Path, name: object) -> None:
    path = tmp_path / "r.json"
    path.write_text(json.dumps({"like": name}))
    with pytest.raises(BadInputError):
        RecipeFiles(FOLDER, what="recipe", model="multi_cnn").read(str(path))


def test_a_byte_order_mark_of_an_editor_is_no_part_of_the_text(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"a": 1}', encoding="utf-8-sig")
    assert read_json_bounded(tmp_path / "a.json") == {"a": 1}
