"""Settings one by one: for the main component, for another one by its option or its name, or refused."""

from __future__ import annotations

from typing import Any

import pytest

from facewarden.cli.parts.settings import settled
from facewarden.core.errors import BadInputError

GIVEN: dict[str, Any] = {
    "detector": "multi_cnn",
    "recognizer": 'faceres{"flip": true}',
    "surrogates": ("mobilefacenet_128", "dlib_resnet34"),
    "victim": None,
}


def test_a_setting_alone_is_for_the_main_component() -> None:
    found = settled(["size=96", "mode=fast"], main="detector", components=GIVEN)
    assert found == {**GIVEN, "detector": 'multi_cnn{"size": 96, "mode": "fast"}'}
    assert settled([], main="detector", components=GIVEN) == GIVEN


def test_another_component_is_named_by_its_option_or_by_itself() -> None:
    pairs = ["recognizer.size=3", "dlib_resnet34.padding=0.25", "faceres.dim=8"]
    assert settled(pairs, main="detector", components=GIVEN) == {
        **GIVEN,
        "recognizer": 'faceres{"flip": true, "size": 3, "dim": 8}',
        "surrogates": ("mobilefacenet_128", 'dlib_resnet34{"padding": 0.25}'),
    }


def test_a_path_with_dots_is_named_as_it_was_typed() -> None:
    found = settled(["./a.b/net.onnx.size=3"], main="x", components={"x": ("jpeg", "./a.b/net.onnx")})
    assert found == {"x": ("jpeg", './a.b/net.onnx{"size": 3}')}


def test_a_name_with_a_level_or_a_path_is_named_with_or_without_it() -> None:
    given = {"cloak": ("lowkey:8", "fawkes:high"), "detector": "minifasnet:folder"}
    found = settled(["lowkey.steps=5", "fawkes:high.steps=6", "minifasnet.size=80"], main="cloak", components=given)
    assert found == {
        "cloak": ('lowkey:8{"steps": 5}', 'fawkes:high{"steps": 6}'), "detector": 'minifasnet:folder{"size": 80}'
    }  # fmt: skip


@pytest.mark.parametrize(
    ("pair", "main", "message"),
    [
        ("size=3", "surrogates", "is for one of mobilefacenet_128, dlib_resnet34"),
        ("surrogates.size=3", "detector", "is for one of mobilefacenet_128, dlib_resnet34"),
        ("nothing.size=3", "detector", "is for one of multi_cnn, faceres"),
        ("victim.size=3", "detector", "--victim was not given"),
        ("size", "detector", "is not key=value"),
        ("recognizer.flip=false", "detector", "given twice"),
    ],
)
def test_what_names_no_component_is_refused(pair: str, main: str, message: str) -> None:
    with pytest.raises(BadInputError, match=message):
        settled([pair], main=main, components=GIVEN)
