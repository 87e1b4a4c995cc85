"""Settings: what is allowed is read, and everything else ends in one kind of error that names place and remedy."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facewarden.core.errors import BadInputError
from facewarden.core.settings import (
    Count,
    OneOrMore,
    Positive,
    Renamed,
    SettingError,
    Share,
    Text,
    check_arguments,
    check_fields,
    json_schema,
    read_json,
    read_settings,
)


@dataclass(frozen=True)
class Inner:
    """Settings inside of settings."""

    noise: Share = 0.1
    offset: Positive = 1.0


@dataclass(frozen=True)
class Outer:
    """One setting of every type."""

    name: Text
    rate: Positive = 1e-3
    epochs: Count = 3
    mean: Annotated[tuple[float, ...], OneOrMore()] = (0.0,)
    mode: Annotated[str, Renamed((("bf16", "bfloat16"),), today=Literal["float32", "bfloat16"])] = "float32"
    range: tuple[float, float] = (0.5, 2.0)
    depth: int | None = None
    flag: bool = False
    inner: Inner = field(default_factory=Inner)
    parts: tuple[Inner, ...] = ()
    free: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.range[0] > self.range[1]:
            raise SettingError("range falls", hint="low, high", at=("range",))
        check_fields(self)


def test_json_values_become_settings() -> None:
    found = read_settings(
        Outer,
        {
            "name": "a",
            "rate": 1,
            "mean": 3,
            "mode": "bf16",
            "range": [1, 2],
            "parts": [{"noise": 0}],
            "free": {"k": [1]},
        },
    )
    assert found == Outer(
        "a", rate=1.0, mean=(3.0,), mode="bfloat16", range=(1.0, 2.0), parts=(Inner(noise=0.0),), free={"k": [1]}
    )
    assert isinstance(found.rate, float)
    assert isinstance(found.mean, tuple)


@pytest.mark.parametrize(
    ("values", "at", "message"),
    [
        ({}, ("name",), "name is missing; allowed: text that is not empty"),
        ({"name": ""}, ("name",), 'name is ""; allowed: text that is not empty'),
        ({"name": "a", "raet": 1}, ("raet",), "unknown setting 'raet'; did you mean 'rate'?"),
        ({"name": "a", "Rate": 1}, ("Rate",), "unknown setting 'Rate'; did you mean 'rate'?"),
        ({"name": "a", "inner": {"nois": 1}}, ("inner", "nois"), "unknown setting 'inner.nois'; did you mean 'noise'?"),
        ({"name": "a", "inner": {"noise": 2}}, ("inner", "noise"), "inner.noise is 2; allowed: a number from 0 to 1"),
        ({"name": "a", "inner": 2}, ("inner",), "inner is 2; allowed: an object with noise, offset"),
        ({"name": "a", "rate": 0}, ("rate",), "rate is 0; allowed: a number above 0"),
        ({"name": "a", "rate": "1"}, ("rate",), 'rate is "1"; allowed: a number above 0'),
        ({"name": "a", "rate": float("nan")}, ("rate",), "rate is nan; allowed: finite numbers"),
        ({"name": "a", "free": {"x": float("inf")}}, ("free", "x"), "free.x is inf; allowed: finite numbers"),
        ({"name": "a", "rate": 10**400}, ("rate",), "rate is a number of about 400 digits"),
        ({"name": "a", "epochs": 2.0}, ("epochs",), "epochs is 2.0; allowed: a whole number from 1"),
        ({"name": "a", "epochs": True}, ("epochs",), "epochs is true; allowed: a whole number from 1"),
        ({"name": "a", "mean": [1, "x"]}, ("mean", 1), 'mean[1] is "x"; allowed: a number'),
        ({"name": "a", "mode": "int8"}, ("mode",), 'mode is "int8"; allowed: float32 or bfloat16'),
        ({"name": "a", "range": [1, 2, 3]}, ("range",), "range is [1, 2, 3]; allowed: a list of 2"),
        ({"name": "a", "range": [2, 1]}, ("range",), "range falls"),
        ({"name": "a", "depth": 1.5}, ("depth",), "depth is 1.5; allowed: a whole number or null"),
        ({"name": "a", "flag": 1}, ("flag",), "flag is 1; allowed: true or false"),
        ({"name": "a", "parts": [{}, {"noise": "q"}]}, ("parts", 1, "noise"), 'parts[1].noise is "q"; allowed'),
        ({"name": "a", "free": []}, ("free",), "free is []; allowed: an object"),
        ({"name": "\ud800"}, (), "top not plain JSON values"),
        ({"name": "a", "free": {"x": object()}}, (), "top not plain JSON values"),
        ([1], (), "found [1]; allowed: an object with name, rate"),
        (None, (), "found null; allowed: an object with name, rate"),
    ],
)
def test_what_cannot_be_used_is_told_with_its_place(values: Any, at: tuple[Any, ...], message: str) -> None:
    with pytest.raises(SettingError) as caught:
        read_settings(Outer, values, source="file.json", at=("top",))
    assert caught.value.at == ("top", *at)
    assert caught.value.message.replace("top.", "").replace("top is", "found").startswith(f"file.json: {message}")
    assert caught.value.hint


def test_several_problems_are_told_at_once() -> None:
    with pytest.raises(SettingError) as caught:
        read_settings(Outer, {"rate": 0, "epochs": 0, "flag": 0, "depth": "x"})
    assert caught.value.message.count(";") >= 5
    assert caught.value.message.endswith("and 2 more")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from([*Outer.__annotations__, "noise", "x"]), inner, max_size=4)
        ),
        max_leaves=12,
    )
)
def test_whatever_the_values_there_are_settings_or_one_kind_of_error(values: Any) -> None:
    try:
        found: Any = read_settings(Outer, values, source="file.json")
    except SettingError as error:
        found = error
    assert isinstance(found, Outer) or found.message.startswith("file.json: ")


def test_values_nested_without_end_are_refused(tmp_path: Path) -> None:
    values: dict[str, Any] = {"name": "a", "free": {}}
    inner = values["free"]
    for _ in range(400):
        inner["x"] = {}
        inner = inner["x"]
    with pytest.raises(SettingError, match="not plain JSON values"):
        read_settings(Outer, values)
    path = tmp_path / "deep.json"
    path.write_text("[" * 200_000)
    with pytest.raises(BadInputError, match=r"deep\.json: not a recipe") as caught:
        read_json(path, what="a recipe", hint="copy one")
    assert caught.value.hint == "copy one"


@given(st.floats(min_value=1e-300, max_value=1e300))
def test_numbers_come_through_to_the_last_bit(rate: float) -> None:
    assert read_settings(Outer, {"name": "a", "rate": rate}).rate == rate


def test_python_is_held_to_the_same_ranges() -> None:
    with pytest.raises(SettingError, match=r"Outer: rate is -1\.0; allowed: a number above 0"):
        Outer("a", rate=-1.0)


def test_arguments_are_checked_against_the_signature() -> None:
    def make(path: str, *, sigma: float = 1.0, sizes: tuple[int, ...] = (3,), word: Literal["a", "b"] = "a") -> None:
        """Take some settings."""

    assert check_arguments(make, {"sigma": 2, "sizes": [1, 2]}, source="blur") == {"sigma": 2.0, "sizes": (1, 2)}
    for values, message in (
        ({"sigm": 1}, "blur has no setting 'sigm'; did you mean 'sigma'?"),
        ({"sigma": "1"}, 'blur: sigma is "1"; allowed: a number'),
        ({"sizes": [1.5]}, r"blur: sizes\[0\] is 1.5; allowed: a whole number"),
        ({"word": "c"}, 'blur: word is "c"; allowed: a or b'),
        ({"sigma": 10**400}, "blur: sigma is a number of about 400 digits"),
    ):
        with pytest.raises(SettingError, match=message):
            check_arguments(make, values, source="blur")
    with pytest.raises(SettingError, match="has no setting 'path'"):
        check_arguments(make, {"path": "x"}, source="blur", keyword_only=True)


def test_the_schema_says_the_same() -> None:
    schema = json_schema(Outer)
    assert schema["required"] == ["name"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["epochs"] == {"default": 3, "minimum": 1, "title": "Epochs", "type": "integer"}
    assert schema["properties"]["mean"]["anyOf"][0] == {"type": "number"}


def test_this_module_alone_imports_no_pydantic() -> None:
    code = "import sys, facewarden, facewarden.core.card, facewarden.core.settings; print('pydantic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_a_schema_is_json() -> None:
    assert json.loads(json.dumps(json_schema(Outer))) == json_schema(Outer)
