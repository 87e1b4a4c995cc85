"""A command's options are those of the function of the same name: the same names, the same defaults."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import facewarden
from facewarden.cli import main, verbs
from facewarden.cli.parts.commands import load_command, sub_verbs
from facewarden.scale.command import parse_command

VERBS = ("attack", "audit", "bench", "calibrate", "card", "certify", "cloak", "cloak-pairs", "distill", "explain",
         "freeze", "launch", "merge", "monitor", "purify", "score", "sfa", "simulate", "train", "unseal")  # fmt: skip


def options(function: Callable[..., Any]) -> dict[str, Any]:
    """Parameter -> default as plain text, so that a path and its text, a list and a tuple count as the same."""

    def told(value: Any) -> Any:
        if value is inspect.Parameter.empty:
            return "needed"
        if value is None:
            return ()  # nothing said
        if isinstance(value, Path):
            return str(value)
        return tuple(value) if isinstance(value, list | tuple) else value

    parameters = inspect.signature(function).parameters.values()
    return {one.name: told(one.default) for one in parameters if one.kind is one.KEYWORD_ONLY}


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_has_the_options_of_its_function(verb: str) -> None:
    command = options(load_command(verb).entry)
    function = options(getattr(facewarden, verb.replace("-", "_")))
    if "set" not in function:
        command.pop("set", None)  # another spelling of settings in braces
    assert command == function


OWN = {"cloaking": {"recognizer", "run"}}
"""Sub-verb -> options whose default the function fills in itself, since another experiment has another one."""


@pytest.mark.parametrize("verb", ["compare", "plan-test"])
def test_verbs_that_run_no_network_have_the_options_of_their_functions(verb: str) -> None:
    function = options(getattr(facewarden, verb.replace("-", "_")))
    function.pop("rounds", None)  # precision of intervals, which no person at a terminal sets
    assert options(load_command(verb).entry) == function


OF_TABLES = {
    "comparisons": "evaluate_comparisons", "scores": "evaluate_scores", "identification": "evaluate_identification",
}  # fmt: skip
"""Sub-verbs of evaluate with a function of their own -> it."""
NETWORKS = [name for name in sub_verbs("evaluate") if name not in OF_TABLES]


@pytest.mark.parametrize("name", OF_TABLES)
def test_sub_verbs_on_tables_have_options_of_their_functions(name: str) -> None:
    function = options(getattr(facewarden, OF_TABLES[name]))
    function.pop("rounds", None)  # precision of intervals, which no person at a terminal sets
    command = options(load_command("evaluate", name).entry)
    command.pop("set", None)  # another spelling of settings in braces
    assert command == function


def test_sub_verbs_of_evaluate_have_options_of_the_function() -> None:
    function = options(facewarden.evaluate)
    told: set[str] = set()
    for name in NETWORKS:
        command = options(load_command("evaluate", name).entry)
        del command["set"]  # another spelling of settings in braces
        told |= set(command)
        differing = {option: (value, function.get(option, "absent")) for option, value in command.items()
                     if function.get(option, "absent") != value and option not in OWN.get(name, ())}  # fmt: skip
        assert differing == {}, name
    assert set(function) - told == set()


def test_every_verb_that_runs_a_network_takes_device_and_precision() -> None:
    commands = [load_command(verb) for verb in VERBS if verb not in ("card", "freeze", "launch", "merge", "simulate")]
    for command in (*commands, *(load_command("evaluate", name) for name in NETWORKS)):
        found = options(command.entry)
        assert {name: found[name] for name in ("device", "precision")} == {"device": "auto", "precision": ()}


NETWORK = {"device", "precision"}
FOLDER = {*NETWORK, "workers", "batch", "shard"}
SCALES = {
    "score": FOLDER, "purify": FOLDER, "cloak": FOLDER, "audit": FOLDER - {"shard"}, "simulate": {"workers", "shard"},
    "bench": {*NETWORK, "workers", "shard"}, "cloak-pairs": {*NETWORK, "batch", "shard"},
    **{key: {*NETWORK, "workers"} for key in ("monitor", "train", "unseal")}, "certify": {*NETWORK, "batch"},
    "data boxes": {"workers"}, "serve": {"device"},
    **{f"evaluate {name}": FOLDER for name in ("presentation", "verification", "identification", "cloaking")},
    **dict.fromkeys(("attack", "calibrate", "distill", "explain", "sfa"), NETWORK),
}  # fmt: skip
"""Verb -> which of device, precision, workers, batch and shard it must take."""
ALONE = {
    "card", "compare", "completion", "doctor", "export", "fetch", "freeze", "launch", "list", "merge", "plan-test",
    "report", "evaluate scores", "evaluate comparisons", "keys add", "keys list", "keys revoke",
    *(f"data {name}" for name in ("check", "from-folders", "import", "split", "template")),
}  # fmt: skip
"""Verbs that run no network over many items."""


def every_verb() -> list[str]:
    return [word for verb in verbs() for word in ([f"{verb} {sub}" for sub in sub_verbs(verb)] or [verb])]


def test_every_verb_is_known_to_scale_or_not() -> None:
    assert set(every_verb()) == set(SCALES) | ALONE


@pytest.mark.parametrize("verb", SCALES)
def test_the_help_of_a_verb_shows_where_and_how_it_computes(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*verb.split(), "--help"]) == 0
    shown = set(re.findall(r"--(device|precision|workers|batch|shard)\b", capsys.readouterr().out))
    assert shown >= SCALES[verb]
    defaults = options(load_command(*verb.split()).entry)
    usual: dict[str, Any] = {"device": "auto", "precision": (), "shard": ()}
    if verb == "serve":  # where nothing is said, its file of settings does
        usual["device"] = ()
    assert {name: defaults[name] for name in SCALES[verb] & usual.keys()} == {
        name: usual[name] for name in SCALES[verb] & usual.keys()
    }


def test_every_verb_that_takes_a_shard_can_be_launched_and_merged() -> None:
    for verb in [verb for verb in every_verb() if "shard" in options(load_command(*verb.split()).entry)]:
        own = "--run" if "run" in options(load_command(*verb.split()).entry) else "--out"
        place = ["folder"] if verb == "simulate" else [own, "folder"]
        assert parse_command([*verb.split(), *place]).verb == verb
