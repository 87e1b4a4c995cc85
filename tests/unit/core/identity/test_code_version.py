"""Which constant guards what is kept: raised by one, everything that it guards is computed anew, and that is said."""

from __future__ import annotations

import ast
import logging
from pathlib import Path

import pytest

import facewarden
from facewarden.core.identity import code_version
from facewarden.core.identity.code_version import CODES
from facewarden.core.run import RunFolder

GUARDED = {
    "audit": "verbs/audit.py",
    "cloak": "verbs/cloak.py",
    "distill": "verbs/distill.py",
    "purify": "verbs/purify.py",
    "sfa": "verbs/sfa.py",
    "train": "verbs/train.py",
    "train_purifier": "training/purifier.py",
    "embeddings": "evaluation/kept_embeddings.py",
    "capture_crops": "experiments/domain_generalization/crop_store.py",
    "descriptions": "experiments/domain_generalization/descriptions.py",
}
STORED = {
    "crops": "experiments/cloaking/population.py",
    "cloaks": "experiments/cloaking/cache.py",
    "vectors": "experiments/cloaking/cache.py",
    "halves": "experiments/cloaking/cache.py",
    "adapted": "experiments/cloaking/adversarial_recognizer.py",
}
"""Kinds of the array store, whose files name them as the first argument of `get` or `_read`."""
SRC = Path(facewarden.__file__).parent


def first_arguments(file: str, *functions: str) -> set[str]:
    calls = [node for node in ast.walk(ast.parse((SRC / file).read_text())) if isinstance(node, ast.Call) and node.args]
    named = [call for call in calls if getattr(call.func, "id", getattr(call.func, "attr", "")) in functions]
    return {call.args[0].value for call in named if isinstance(call.args[0], ast.Constant)}


def test_every_constant_guards_the_cache_that_it_is_named_for() -> None:
    assert CODES.keys() == GUARDED.keys() | STORED.keys()
    for kind, file in GUARDED.items():
        assert kind in first_arguments(file, "code_of"), file
    for kind, file in STORED.items():
        assert kind in first_arguments(file, "get", "_read"), file


def raised(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code_version, "CODES", {**CODES, kind: CODES[kind] + 1})


def test_a_run_of_older_code_is_set_aside_and_computed_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    old = RunFolder(tmp_path / "run", recipe={"seed": 1})
    assert old.stage("score", lambda: "old") == "old"
    (old.path / "checkpoints").mkdir()
    old.finish({})
    same = RunFolder(tmp_path / "run", recipe={"seed": 1}, resume=True)
    assert same.done
    assert not caplog.records
    with caplog.at_level(logging.WARNING, logger="facewarden"):
        new = RunFolder(tmp_path / "run", recipe={"seed": 1}, code=2, resume=True)
    assert "version 1 of its code, which is version 2 now; computed anew" in caplog.text
    assert not new.done
    assert not (new.path / "checkpoints").exists()
    assert new.stage("score", lambda: "new") == "new"
    assert "computed anew" in (new.path / "log.jsonl").read_text()
    assert (new.path / "code-1" / "done.json").is_file()
    assert RunFolder(tmp_path / "run", recipe={"seed": 1}, code=2, resume=True).stage("score", lambda: 1 / 0) == "new"


def test_a_run_of_0_1_states_no_version_and_goes_on(tmp_path: Path) -> None:
    RunFolder(tmp_path / "run", recipe={}).stage("score", lambda: "old")
    (tmp_path / "run" / "code.json").unlink()
    assert RunFolder(tmp_path / "run", recipe={}, resume=True).stage("score", lambda: 1 / 0) == "old"


def test_arrays_of_older_code_are_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    import numpy as np

    from facewarden.experiments.cloaking.array_store import Store

    store = Store(tmp_path)
    assert store.get("vectors", {"a": 1}, lambda: {"x": np.zeros(1)})["x"] == 0
    assert store.get("vectors", {"a": 1}, lambda: {"x": np.ones(1)})["x"] == 0
    raised("vectors", monkeypatch)
    with caplog.at_level(logging.WARNING, logger="facewarden"):
        assert store.get("vectors", {"a": 2}, lambda: {"x": np.ones(1)})["x"] == 1
        assert not caplog.records
        assert store.get("vectors", {"a": 1}, lambda: {"x": np.ones(1)})["x"] == 1
    assert caplog.text.count("vectors: kept by version 1") == 1
    assert store.get("vectors", {"a": 1}, lambda: {"x": np.zeros(1)})["x"] == 1
    assert store.get("halves", {"a": 1}, lambda: {"x": np.ones(2)})["x"].tolist() == [1, 1]
