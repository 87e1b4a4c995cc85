"""Several processes train as one does: equal weights on each, the same losses, one owner of the folder."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from facewarden.core.errors import BadInputError
from facewarden.training.parts.ranks import Ranks, by_the_first, gathered, join_ranks, launched, process_device, ranks
from facewarden.verbs.train import train
from tiny_captures import write_captures
from two_processes import Trained, train_case, train_in_two, two_processes


def assert_alike(alone: Trained, both: list[Trained], *, tolerance: float) -> None:
    """Both processes hold the same bits; losses and weights are those of one process."""
    one, other = both
    assert one.log == other.log
    assert all(torch.equal(value, other.weights[name]) for name, value in one.weights.items())
    for mine, theirs in zip(alone.log, one.log, strict=True):
        assert mine.keys() == theirs.keys()
        assert theirs["loss"] == pytest.approx(mine["loss"], rel=tolerance)
    apart = [float((value.double() - alone.weights[name].double()).abs().mean()) for name, value in one.weights.items()]
    assert max(apart) < tolerance


def test_two_processes_train_as_one(tmp_path: Path) -> None:
    names = ["normalized", "mmdg"]
    both = train_in_two(names, tmp_path)
    for name in names:
        assert_alike(train_case(name, tmp_path / "alone" / name), both[name], tolerance=1e-3)
    assert {path.name for path in (tmp_path / "run-mmdg").iterdir()} == {"checkpoints", "training.jsonl", "speed.jsonl"}
    speed = json.loads((tmp_path / "run-mmdg" / "speed.jsonl").read_text().splitlines()[-1])
    assert speed["processes"] == 2


@pytest.mark.slow
def test_two_processes_train_by_every_objective(tmp_path: Path) -> None:
    names = [
        "multi_cnn", "vit_concat", "mmdg_regrad_every", "mmdg_regrad_token", "mmdg_plus_plus", "ama", "ama_joint",
        "dadm", "ogm_ge", "unimodal_ensemble", "vp_fas_like", "ssan", "mmda", "iadg", "ssdg", "cmfl", "mm_cdcn",
        "vit_cdc_adapter", "multitask_robust",
    ]  # fmt: skip
    for name, both in train_in_two(names, tmp_path).items():
        one, other = both
        assert one.log == other.log, name
        assert all(torch.equal(value, other.weights[key]) for key, value in one.weights.items()), name


RECIPE = {
    "entry": "multi_cnn", "summary": "a tiny one", "model": {"backbone": "lcnet_035", "width": 8, "size": 32},
    "training": {"epochs": 1, "batch": 8, "margin": 1.0},
}  # fmt: skip


@pytest.mark.slow
def test_the_command_line_under_torchrun(tmp_path: Path) -> None:
    (tmp_path / "captures").mkdir()
    captures = write_captures(tmp_path / "captures")
    recipe = tmp_path / "recipe.json"
    recipe.write_text(json.dumps(RECIPE))
    command = [
        "-m", "facewarden", "train", str(recipe), "--captures", str(captures), "--device", "cpu", "--out",
        str(tmp_path / "both"),
    ]  # fmt: skip

    def run(*more: str) -> list[tuple[int, str, str]]:
        started = [
            subprocess.Popen(
                [sys.executable, *command, *more], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                env={**environment, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            )
            for rank in range(2)
        ]  # fmt: skip
        said = [process.communicate(timeout=300) for process in started]
        return [(process.returncode, *told) for process, told in zip(started, said, strict=True)]

    environment = two_processes(tmp_path)
    (first, said, _), (second, nothing, _) = run()
    assert (first, second) == (0, 0)
    assert "model: " in said
    assert nothing == ""
    results = json.loads((tmp_path / "both" / "results.json").read_text())
    assert results["training"]["processes"] == 2
    train(recipe, captures=captures, out=tmp_path / "alone", device="cpu")
    logs = [json.loads((tmp_path / home / "run" / "training.jsonl").read_text()) for home in ("both", "alone")]
    assert logs[0]["loss"] == pytest.approx(logs[1]["loss"], rel=1e-3)
    environment = two_processes(tmp_path)
    refused = run()  # the folder holds a run now: both are told, and neither waits for the other
    assert [code for code, _, _ in refused] == [2, 2]
    assert all("holds a run already" in errors for _, _, errors in refused)


def test_one_process_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RANK", raising=False)
    assert launched() == ranks() == join_ranks("cpu") == Ranks(0, 1)
    assert process_device("cpu") is None
    assert by_the_first(lambda: 3) == 3
    assert gathered("x") == ["x"]
    with pytest.raises(BadInputError, match="refused"):
        by_the_first(lambda: _refuse())
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert launched() == Ranks(1, 4)
    assert not launched().first


def _refuse() -> None:
    raise BadInputError("refused", hint="nothing")
