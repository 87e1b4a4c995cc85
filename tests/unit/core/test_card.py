from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from facewarden.core.card import Card
from facewarden.core.errors import BadInputError

GOOD = {"name": "x", "summary": "A model.", "role": "pad"}


def test_a_card_read_back_is_the_same(tmp_path: Path) -> None:
    card = Card(
        name="x",
        summary="Ein Modell, größer als möglich.",
        role="pad",
        licence="Apache-2.0",
        sha256={"weights.safetensors": "0" * 64},
        settings={"size": 224, "scale": 2.7, "order": "BGR"},
    )
    card.write(tmp_path / "card.json")
    assert Card.read(tmp_path / "card.json") == card


def test_what_nobody_states_is_said_to_be_unstated() -> None:
    card = Card(**GOOD)  # type: ignore[arg-type]
    assert (card.licence, card.training_data) == ("unknown", "unstated")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({**GOOD, "weight": 1}, "unknown setting 'weight'"),
        ({**GOOD, "license": "MIT"}, "unknown setting 'license'; did you mean 'licence'"),
        ({"name": "x", "summary": "y"}, "role is missing"),
        ({**GOOD, "licence": 5}, "licence is 5; allowed: text"),
        ({**GOOD, "sha256": ["abc"]}, "sha256 is .*; allowed: an object"),
        ({**GOOD, "sha256": {"a": 1}}, "sha256.a is 1; allowed: text"),
        ({**GOOD, "settings": None}, "settings is null; allowed: an object"),
        ({**GOOD, "settings": {"a": [float("nan")]}}, r"settings.a\[0\] is nan; allowed: finite numbers"),
        ({**GOOD, "settings": {"a": 10**400}}, "settings.a is a number of about 400 digits"),
        ([], "allowed: an object with name, summary, role"),
        ("card", "allowed: an object with name, summary, role"),
    ],
)
def test_a_card_with_other_fields_is_refused(tmp_path: Path, values: Any, message: str) -> None:
    path = tmp_path / "card.json"
    path.write_text(json.dumps(values))
    with pytest.raises(BadInputError, match=message) as error:
        Card.read(path)
    assert "card.json" in str(error.value)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.binary(max_size=200) | st.recursive(st.none() | st.text() | st.integers(), st.lists).map(json.dumps))
def test_garbage_is_refused_in_words(tmp_path: Path, content: bytes | str) -> None:
    path = tmp_path / "card.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(BadInputError):
        Card.read(path)


def test_a_card_that_an_editor_of_windows_saved_is_read(tmp_path: Path) -> None:
    card = Card("mine", "a network", "pad", settings={"size": 80})
    card.write(tmp_path / "card.json")
    text = (tmp_path / "card.json").read_bytes()
    (tmp_path / "card.json").write_bytes(b"\xef\xbb\xbf" + text.replace(b"\n", b"\r\n"))
    assert Card.read(tmp_path / "card.json") == card
