"""The detector that is used where none was named: it follows the sensors that the captures have."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path

import pytest

from facewarden.core.compute.shards import parse_shard, working_on
from facewarden.core.errors import BadInputError
from facewarden.core.registry import load
from facewarden.data.captures import capture_set, capture_sets
from facewarden.data.datasets.parts.captures import CaptureSet
from facewarden.data.manifest import Manifest
from facewarden.data.table import read_table, write_table
from facewarden.evaluation.verdicts.default_detector import (
    AUTO,
    COLOR_ALONE,
    FOR_COLOR,
    FOR_SENSORS,
    choose_detector,
    has_other_sensors,
    shipped_with,
    usual_detector,
)
from facewarden.evaluation.verdicts.rule import VerdictRule
from facewarden.verbs.models import load_detector
from tiny_captures import write_captures


@pytest.fixture
def color(tmp_path: Path) -> Path:
    return write_captures(tmp_path)


def with_sensor(manifest: Path, name: str, *, row: int, to: Path) -> Path:
    """The same captures, of which one row has another sensor as well."""
    read = Manifest.read(manifest)
    rows = tuple(replace(one, **{name: "other.png"}) if i == row else one for i, one in enumerate(read))  # type: ignore[arg-type]
    replace(read, rows=rows).write(to)
    return to


def test_color_alone_gives_the_detector_for_color(color: Path, tmp_path: Path) -> None:
    assert usual_detector(color) == usual_detector(str(color)) == FOR_COLOR
    assert usual_detector(photos=True) == FOR_COLOR
    Manifest.read(color).write(tmp_path / "manifest.parquet")
    assert usual_detector(tmp_path / "manifest.parquet") == FOR_COLOR
    assert usual_detector(tmp_path) == FOR_COLOR  # the folder of a manifest


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize("name", ["depth", "infrared"])
@pytest.mark.parametrize("row", [0, 35])  # the first one is of train
def test_one_row_with_another_sensor_gives_the_detector_for_three(
    color: Path, tmp_path: Path, suffix: str, name: str, row: int
) -> None:
    assert usual_detector(with_sensor(color, name, row=row, to=tmp_path / f"more{suffix}")) == FOR_SENSORS


def test_captures_that_will_be_simulated_have_three_sensors() -> None:
    assert usual_detector() == FOR_SENSORS


@pytest.mark.parametrize("word", ["", "nan", "None", "NaT", "<NA>"])
def test_cells_that_say_nothing_are_no_sensor(color: Path, tmp_path: Path, word: str) -> None:
    held = read_table(color)
    write_table(tmp_path / "w.csv", held | {name: [word] * len(held["key"]) for name in ("depth", "infrared")})
    assert usual_detector(tmp_path / "w.csv") == FOR_COLOR
    bare = {name: cells for name, cells in held.items() if name not in ("depth", "infrared")}
    write_table(tmp_path / "bare.csv", bare)
    assert usual_detector(tmp_path / "bare.csv") == FOR_COLOR


@pytest.mark.parametrize("name", capture_sets())
def test_a_published_set_is_judged_as_its_rows_are(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load("datasets", name).example(tmp_path)
    rows = capture_set(name, tmp_path).manifest()
    monkeypatch.setattr(CaptureSet, "manifest", lambda self: pytest.fail("the set was read"))
    assert has_other_sensors(f"{name}:{tmp_path}") is any(row.depth or row.infrared for row in rows)


@pytest.mark.parametrize("source", ["no such manifest.csv", "orl:photos", "nothing"])
def test_what_cannot_be_read_is_left_to_whoever_reads_it(source: str, caplog: pytest.LogCaptureFixture) -> None:
    assert choose_detector(AUTO, source).detector == FOR_SENSORS
    assert COLOR_ALONE not in caplog.messages


def test_no_row_is_made_and_color_alone_is_said_once(
    color: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Manifest, "read", lambda path: pytest.fail("the manifest was read"))
    with caplog.at_level(logging.INFO, "facewarden"):
        found = choose_detector(AUTO, color)
    assert (found.detector, found.named, found.notes) == (FOR_COLOR, False, (COLOR_ALONE,))
    assert caplog.messages == [COLOR_ALONE]
    assert "--detector multi_cnn" in COLOR_ALONE


def test_a_detector_that_was_named_stays_and_nothing_is_read_or_said(
    color: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "facewarden.evaluation.verdicts.default_detector.has_other_sensors", lambda path: pytest.fail("read")
    )
    given = object()
    assert choose_detector(given, color).detector is given
    for name in (FOR_SENSORS, "automatic", "auto.onnx", Path("auto")):
        assert choose_detector(name, color, photos=True) == choose_detector(name)
        assert choose_detector(name).named
    assert caplog.messages == []


def test_settings_go_to_the_chosen_one(color: Path) -> None:
    assert choose_detector('auto{"precision": "bfloat16"}', color).detector == 'color_cnn{"precision": "bfloat16"}'
    assert choose_detector('auto{"precision": "bfloat16"}').detector == 'multi_cnn{"precision": "bfloat16"}'


def test_a_shard_notes_the_choice_and_not_the_word(color: Path) -> None:
    with working_on(parse_shard("1/2"), ("captures",)) as call:
        choose_detector(AUTO, color)
    assert call.settings == {"detector": FOR_COLOR}
    with working_on(parse_shard("1/2"), ("captures",)) as call:
        choose_detector(FOR_SENSORS, color)
    assert call.settings == {}


def test_a_run_of_another_detector_is_not_gone_on_with_unless_it_is_named(color: Path, tmp_path: Path) -> None:
    chosen = choose_detector(AUTO, color)
    chosen.refuse_other_run(tmp_path / "absent")
    run = tmp_path / "run"
    run.mkdir()
    for damaged in ("", "[]", "{", '{"detector": 3}'):
        (run / "recipe.json").write_text(damaged)
        chosen.refuse_other_run(run)
    (run / "recipe.json").write_text(json.dumps({"detector": FOR_COLOR}))
    chosen.refuse_other_run(run)
    (run / "recipe.json").write_text(json.dumps({"detector": FOR_SENSORS}))
    with pytest.raises(BadInputError, match=r"holds a run of multi_cnn; no detector was named.*color_cnn") as refused:
        chosen.refuse_other_run(run)
    assert str(refused.value.hint).startswith("--detector multi_cnn to go on with it")
    choose_detector("bright", color).refuse_other_run(run)


@pytest.mark.parametrize(("other", "name"), [(FOR_SENSORS, FOR_COLOR), (FOR_COLOR, FOR_SENSORS)])
def test_a_rule_of_the_other_default_names_the_option(other: str, name: str) -> None:
    card = load_detector(other).card
    assert shipped_with(card.sha256) == other
    rule = VerdictRule(0.0, "eer", "lobby", 9, 9, detector=card.sha256)
    with pytest.raises(BadInputError, match=f"another detector than {name}") as refused:
        rule.check_detector(load_detector(name).card, source="r.json")
    assert str(refused.value.hint).startswith(f"--detector {other}")
    assert shipped_with({"weights.safetensors": "0"}) is None
