from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facewarden.core.errors import BadInputError, ContractError
from facewarden.reporting.codec import dump_report, parse_report, read_report, validate
from facewarden.reporting.document import SECTIONS, Figure, Metric, Report, Section, Table
from facewarden.reporting.schema import problems, schema


def test_json_comes_back_as_the_same_report_and_the_same_text(report: Report) -> None:
    text = dump_report(report)
    back = parse_report(text)
    assert back == report
    assert dump_report(back) == text


def test_a_name_that_is_not_utf8_comes_back(report: Report) -> None:
    odd = replace(report, title="caf\udce9 \u202e ε")
    assert parse_report(dump_report(odd)).title == odd.title
    dump_report(odd).encode("ascii")


def test_json_has_the_published_places(report: Report) -> None:
    data = json.loads(dump_report(report))
    assert next(iter(data)) == "schema"
    assert data["schema"] == "facewarden.report/1"
    fields = {"name", "value", "low", "high", "n", "simulated", "unit", "group", "note"}
    for name in SECTIONS:
        assert data[name]["metrics"]
        assert all(set(metric) == fields and metric["n"] >= 1 for metric in data[name]["metrics"])


def test_the_schema_is_a_schema_and_the_oracle_accepts_the_report(report: Report) -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    jsonschema.Draft202012Validator(schema()).validate(json.loads(dump_report(report)))
    validate(dump_report(report))


def _paths(value: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    inside: list[tuple[str | int, ...]] = [path] if path else []
    if isinstance(value, dict):
        return inside + [deep for key, item in value.items() for deep in _paths(item, (*path, key))]
    if isinstance(value, list):
        return inside + [deep for index, item in enumerate(value[:2]) for deep in _paths(item, (*path, index))]
    return inside


JUNK = st.sampled_from([None, True, 0, -1, 1.0, 1.5, "", "x", "A", "Z", [], [1], {}, {"x": -1}, {"x": 1}, "a" * 64])


@pytest.fixture(scope="module")
def small(report: Report) -> dict[str, Any]:
    """One of each thing, so that many changed copies can be checked."""
    data = json.loads(dump_report(report))
    for name in SECTIONS:
        section = data[name]
        section.update({key: value[:1] for key, value in section.items() if isinstance(value, list)})
        section["figures"][0]["data"] = {"rows": []}
    return {**data, "parts": data["parts"][:1]}


ORACLE = jsonschema.Draft202012Validator(schema())


@settings(max_examples=60, deadline=None)
@given(draw=st.data())
def test_our_reader_of_the_schema_agrees_with_jsonschema(small: dict[str, Any], draw: st.DataObject) -> None:
    data = copy.deepcopy(small)
    path = draw.draw(st.sampled_from(_paths(data)))
    parent = data
    for step in path[:-1]:
        parent = parent[step]
    change = draw.draw(st.sampled_from(["replace", "drop", "add"]))
    if change == "drop":
        del parent[path[-1]]
    elif change == "add" and isinstance(parent, dict):
        parent["surplus"] = draw.draw(JUNK)
    else:
        parent[path[-1]] = draw.draw(JUNK)
    assert bool(problems(data)) == (not ORACLE.is_valid(data))


def test_an_unknown_schema_keyword_is_not_passed_over() -> None:
    with pytest.raises(NotImplementedError, match="maxItems"):
        problems([], {"maxItems": 1})


@pytest.mark.parametrize(
    ("change", "names"),
    [
        (lambda data: data["poisoning"]["metrics"][0].pop("n"), "poisoning.metrics[0]: lacks 'n'"),
        (lambda data: data["poisoning"]["metrics"][0].update(n=0), "poisoning.metrics[0].n: must be at least 1"),
        (lambda data: data.update(schema="facewarden.reporting/9"), "schema: must be 'facewarden.report/1'"),
        (lambda data: data["gate"].update(more=1), "gate.more: is not part of the schema"),
        (lambda data: data["presentation"].update(grade="G"), "presentation.grade"),
        (lambda data: data["presentation"]["metrics"][0].update(low=0.9), "interval"),
        (lambda data: data["presentation"].update(name="poisoning"), "place of presentation"),
    ],
)
def test_a_report_that_does_not_fit_is_refused_by_place(report: Report, change, names) -> None:
    data = json.loads(dump_report(report))
    change(data)
    with pytest.raises(BadInputError) as refused:
        parse_report(json.dumps(data))
    assert names in refused.value.message


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"value": 5.0}, r"presentation\.bpcer is 5, outside of its interval 0\.014 to 0\.059"),
        ({"value": 5.0, "low": None, "high": None}, r"presentation\.bpcer holds 5, not all 0 to 1"),
        ({"high": 1.5}, r"presentation\.bpcer holds 0\.014, 0\.0292, 1\.5, not all 0 to 1"),
        ({"low": -0.1}, r"presentation\.bpcer holds -0\.1, 0\.0292, 0\.059, not all 0 to 1"),
        ({"value": 0.07}, r"presentation\.bpcer is 0\.07, outside"),
        ({"name": "eer"}, r"presentation\.eer is there twice"),
    ],
)
def test_a_damaged_report_is_refused_with_its_file(report: Report, tmp_path: Path, change, names) -> None:
    data = json.loads(dump_report(report))
    next(one for one in data["presentation"]["metrics"] if one["name"] == "bpcer").update(change)
    (tmp_path / "report.json").write_text(json.dumps(data))
    with pytest.raises(BadInputError, match=rf"report\.json: not a report: {names}") as refused:
        read_report(tmp_path)
    assert refused.value.hint == "write it again: facewarden audit"


def test_numbers_that_are_no_shares_have_no_such_limits(report: Report) -> None:
    more = (
        Metric("excess_protection_rate", 0.0, -0.17, 0.17, 64, True, unit="%", group={"cloak": "other"}),
        Metric("cloak_psnr_worst", 31.2, 30.9, 33.0, 64, True, unit="dB"),
        Metric("excess_protection_rate", -0.1, -0.3, 0.1, 64, True, unit="%", group={"cloak": "third"}),
    )
    held = replace(report, poisoning=replace(report.poisoning, metrics=(*report.poisoning.metrics, *more)))
    assert parse_report(dump_report(held)) == held


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"a": NaN}', "[" * 100_000, '{"schema": 1e999}'])
def test_what_is_no_report_is_bad_input(text: str) -> None:
    with pytest.raises(BadInputError, match="not a report"):
        parse_report(text)


def test_nan_is_no_json_even_where_the_schema_leaves_the_content_open(report: Report) -> None:
    text = dump_report(report).replace('"machine": "x86_64"', '"machine": NaN')
    assert text != dump_report(report)
    with pytest.raises(BadInputError, match="NaN"):
        validate(text)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_must_be_finite(value: float) -> None:
    with pytest.raises(ContractError, match="finite"):
        Metric("eer", value, None, None, 3, simulated=False)
    with pytest.raises(ContractError, match="finite"):
        Table("t", ("a",), ((value,),))
    with pytest.raises(ContractError, match="not JSON"):
        Figure("bars", "t", {"rows": [value]}, alt="x")


@pytest.mark.parametrize(("low", "high"), [(0.1, None), (None, 0.1), (0.3, 0.2)])
def test_an_interval_has_two_ends_in_order(low: float | None, high: float | None) -> None:
    with pytest.raises(ContractError, match="interval"):
        Metric("eer", 0.2, low, high, 3, simulated=False)


def test_there_is_no_metric_without_samples_and_no_figure_without_words() -> None:
    with pytest.raises(TypeError):
        Metric("eer", 0.2, 0.1, 0.3, simulated=False)  # type: ignore[call-arg]
    with pytest.raises(ContractError, match="n = 0"):
        Metric("eer", 0.2, 0.1, 0.3, 0, simulated=False)
    with pytest.raises(ContractError, match="alt text"):
        Figure("bars", "t", {}, alt=" ")
    with pytest.raises(ContractError, match="row of 1 cells under 2"):
        Table("t", ("a", "b"), ((1,),))
    with pytest.raises(ContractError, match="no reason"):
        Section("poisoning", None, "", "")
