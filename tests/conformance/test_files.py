"""Every registered file: named, described, ended and loaded as the registry promises."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import pytest

from facewarden.assets import Asset
from facewarden.core import registry
from facewarden.core.attack import Attack
from facewarden.core.roles import Aligner, Detector, Purifier, Recognizer
from facewarden.data.datasets import CaptureSet, Dataset
from facewarden.data.protocols.parts.base import Protocol
from facewarden.experiments.engine.kind import PlanKind
from registered import names

ENTRIES = [(group, name) for group in registry.GROUPS for name in names(group)]
ROLES = {
    "pad": Detector,
    "recognizers": Recognizer,
    "attacks": Attack,
    "purifiers": Purifier,
    "align": Aligner,
    "datasets": (Dataset, CaptureSet),
    "protocols": Protocol,
    "plans": PlanKind,
}


def entry_of(group: str, name: str) -> registry.Entry:
    return {entry.name: entry for entry in registry.list_entries(group)}[name]


def source_of(group: str, name: str) -> ast.Module:
    path = registry.source_path(entry_of(group, name).module)
    assert path is not None
    return ast.parse(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(("group", "name"), ENTRIES)
def test_the_name_is_a_short_word_in_snake_case(group: str, name: str) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name)
    assert len(name) <= 32


@pytest.mark.parametrize(("group", "name"), ENTRIES)
def test_the_first_line_says_in_one_sentence_what_it_is(group: str, name: str) -> None:
    summary = entry_of(group, name).summary
    assert summary.endswith("."), summary
    assert 15 <= len(summary) <= 120, summary
    assert not summary.startswith("(")


@pytest.mark.parametrize(("group", "name"), ENTRIES)
def test_the_file_ends_with_its_entry(group: str, name: str) -> None:
    last = source_of(group, name).body[-1]
    assert isinstance(last, ast.Assign | ast.AnnAssign), "the last statement must be: entry = X"
    target = last.targets[0] if isinstance(last, ast.Assign) else last.target
    assert isinstance(target, ast.Name)
    assert target.id == "entry"


@pytest.mark.parametrize(("group", "name"), ENTRIES)
def test_the_entry_plays_its_role(group: str, name: str) -> None:
    entry = registry.load(group, name)
    if group == "assets":
        assert isinstance(entry, Asset)
    elif group in ROLES:
        assert isinstance(entry, type)
        assert issubclass(entry, ROLES[group])
        assert not inspect.isabstract(entry)
    else:
        assert callable(entry)


@pytest.mark.parametrize(("group", "name"), [pair for pair in ENTRIES if pair[0] != "assets"])
def test_the_entry_is_documented_and_takes_options_by_name(group: str, name: str) -> None:
    entry = registry.load(group, name)
    assert inspect.getdoc(entry)
    if isinstance(entry, type):
        parameters = list(inspect.signature(entry).parameters.values())
        positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
        assert len(positional) <= 2, f"keyword-only after the second argument: {positional}"
        assert not [p for p in parameters if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
        assert not [p for p in positional if isinstance(p.default, bool)], "no boolean positionals"


@pytest.mark.parametrize(("group", "name"), ENTRIES)
def test_a_sibling_is_never_imported(group: str, name: str) -> None:
    siblings = {f"facewarden.{registry.GROUPS[group]}.{other}" for other in names(group) if other != name}
    imported = {
        node.module for node in ast.walk(source_of(group, name)) if isinstance(node, ast.ImportFrom) and node.module
    }
    assert not imported & siblings, "share code in a file whose name starts with an underscore"


def test_every_file_of_a_group_is_reached_by_these_tests() -> None:
    root = Path(registry.__file__).parent.parent
    for group, package in registry.GROUPS.items():
        files = {path.stem for path in root.joinpath(*package.split(".")).glob("[!_]*.py")}
        assert files <= set(names(group))
