"""What every verb understands and how it speaks: lists, old spellings, JSON, quiet and verbose."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from facewarden.cli import main
from facewarden.cli.parts.commands import Command
from facewarden.cli.parts.logs import logs_on_stderr
from facewarden.cli.parts.outcome import Outcome
from facewarden.cli.parts.parse import parse, without_commas
from facewarden.cli.parts.settings import as_pairs, with_settings
from facewarden.core.errors import BadInputError
from facewarden.data.results import plain


def command(*, names: tuple[str, ...] = (), seed: int = 0, skip_people: int = 0) -> Outcome:
    """Take some options.

    Args:
        names: several.
        seed: one.
        skip_people: one.
    """
    return Outcome((names, seed, skip_people))


COMMAND = Command("command", command, old_flags={"--passed-over": "--skip-people"})


@pytest.mark.parametrize(
    "typed",
    [
        ["--names", "a", "b", "--seed", "3"],
        ["--names", "a", "--seed", "3", "--names", "b"],
        ["--names=a", "--names=b", "--seed=3"],
        ["--seed", "3", "--names", "a", "-v", "--names", "b"],
    ],
)
def test_a_list_is_a_repeated_flag_or_several_values(typed: list[str]) -> None:
    assert parse(COMMAND, typed).named == {"names": ("a", "b"), "seed": 3, "skip_people": 0}


def test_an_old_flag_works_and_says_the_new_one(caplog: pytest.LogCaptureFixture) -> None:
    assert parse(COMMAND, ["--passed-over=16"]).named["skip_people"] == 16
    assert "--passed-over is now --skip-people" in caplog.text


def test_commas_work_and_say_how_lists_are_written_now(caplog: pytest.LogCaptureFixture) -> None:
    assert without_commas(["a,b", "c"], flag="--victims") == ("a", "b", "c")
    assert "write --victims a b c" in caplog.text
    caplog.clear()
    assert without_commas(['jpeg{"quality": 3, "x": 1}'], flag="--through") == ('jpeg{"quality": 3, "x": 1}',)
    assert not caplog.text


@pytest.mark.parametrize(
    ("spec", "pairs"),
    [
        ('jpeg{"quality": 30, "name": "x"}', ()),
        ('jpeg{"quality": 30}', ("name=x",)),
        ("jpeg", ("quality=30", "name=x")),
    ],
)
def test_settings_in_braces_and_by_flag_mean_the_same(spec: str, pairs: tuple[str, ...]) -> None:
    assert with_settings(spec, pairs) == 'jpeg{"quality": 30, "name": "x"}'
    assert as_pairs(spec, pairs) == ("jpeg", ("quality=30", "name=x"))


def test_a_setting_is_given_once() -> None:
    for given in (("quality=40",), ("q",), ("=3",)):
        with pytest.raises(BadInputError):
            with_settings('jpeg{"quality": 30}', given)
    with pytest.raises(BadInputError):
        as_pairs('pgd{"steps": 30}', ["steps=3"])


def test_the_old_verb_works_and_says_the_new_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pairs", "--help"]) == 0
    said = capsys.readouterr()
    assert said.err.startswith("facewarden: the verb pairs is now cloak-pairs")
    assert said.out.startswith("usage: facewarden cloak-pairs ")
    assert main(["pairs", "--help", "--quiet"]) == 0
    assert capsys.readouterr().err == ""


@dataclass(frozen=True)
class Found:
    """A result with everything that JSON cannot hold."""

    path: Path
    rates: dict[tuple[str, str], float]
    array: object


def test_results_become_json() -> None:
    found = Found(Path("a/b"), {("x", "y"): float("nan")}, np.arange(3))
    assert plain([found, np.float32(0.5)]) == [{"path": "a/b", "rates": {"x -> y": None}, "array": [0, 1, 2]}, 0.5]
    json.dumps(plain(found))


def test_a_result_that_knows_its_plain_values_says_them_itself() -> None:
    class Knows:
        def to_dict(self) -> dict[str, object]:
            return {"path": Path("x")}

    assert plain(Knows()) == {"path": "x"}


@pytest.mark.parametrize("words", [["doctor"], ["list", "recipes"], ["completion", "bash"]])
def test_json_on_verbs_is_json(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*words, "--json"]) in (0, 1)
    assert json.loads(capsys.readouterr().out)


def test_json_of_a_check_is_the_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "a.png").write_bytes(b"")
    assert main(["data", "check", str(tmp_path), "--json", "--quiet"]) == 1
    said = capsys.readouterr()
    assert json.loads(said.out)["findings"][0]["kind"] == "zero_byte"
    assert said.err == ""


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ([], ["facewarden: a note", "facewarden: a warning", "facewarden: an error"]),
        (["-v"], ["facewarden: a detail", "facewarden: a note", "facewarden: a warning", "facewarden: an error"]),
        (["--quiet"], ["facewarden: an error"]),
    ],
)
def test_the_logger_speaks_on_standard_error(
    flags: list[str], expected: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with logs_on_stderr(flags):
        log = logging.getLogger("facewarden.core.anything")
        log.debug("a detail")
        log.info("a note")
        log.info("a note")  # once a command
        log.warning("a warning")
        log.error("an error")
    assert capsys.readouterr().err.splitlines() == expected
    assert logging.getLogger("facewarden").propagate


def test_list_has_detectors_recipes_and_plans_apart_from_their_kinds(capsys: pytest.CaptureFixture[str]) -> None:
    def names(group: str) -> set[str]:
        assert main(["list", group, "--json"]) == 0
        return {entry["name"] for entry in json.loads(capsys.readouterr().out)}

    assert "multi_cnn" in names("detectors")
    assert names("pad") == names("detectors")
    assert {"multi_cnn", "puface", "face_vit"} <= names("recipes")
    assert "cloaking_orl" in names("plans") - names("plan-kinds")
    assert "vulnerability" in names("plan-kinds") - names("plans")
    assert main(["list"]) == 0
    assert "\ndetectors\n" in "\n" + capsys.readouterr().out
