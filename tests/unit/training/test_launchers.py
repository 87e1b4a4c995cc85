"""The launchers themselves, torchrun and accelerate launch: two processes train with ReGrad, stop, and resume."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from facewarden.core.artifact import load_artifact
from facewarden.verbs.train import train
from tiny_captures import write_captures
from two_processes import two_processes

RECIPE = {
    "entry": "mmdg", "summary": "a tiny one",
    "model": {"trunk": "face_vit", "size": 32, "depth": 1, "precision": "float32", "missing_fill": "pixel0"},
    "objective": "regrad", "objective_settings": {"factor": 0.1},
    "training": {"epochs": 4, "batch": 8, "margin": 1.0, "precision": "float32"},
}  # fmt: skip
PROGRAMS = Path(sys.executable).parent


def start(launcher: str, folder: Path, out: Path, *more: str) -> subprocess.Popen[str]:
    """Start a training of two processes as a person does."""
    environment = two_processes(folder)
    port = environment.pop("MASTER_PORT")
    for name in ("MASTER_ADDR", "WORLD_SIZE", "LOCAL_WORLD_SIZE"):  # the launcher's own business
        environment.pop(name)
    words = {
        "torchrun": [str(PROGRAMS / "torchrun"), "--nproc-per-node", "2", "--master-port", port],
        # `accelerate launch` by its other name, which loads no other command of accelerate and what that needs; without
        # --multi_gpu it starts one process on a machine without a GPU
        "accelerate": [
            str(PROGRAMS / "accelerate-launch"), "--multi_gpu", "--num_processes", "2", "--num_machines", "1",
            "--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", port,
        ],
    }[launcher]  # fmt: skip
    command = [
        "-m",
        "facewarden",
        "train",
        str(folder / "recipe.json"),
        "--captures",
        str(folder / "frames" / "captures.csv"),
    ]
    return subprocess.Popen(
        [*words, *command, "--device", "cpu", "--out", str(out), *more],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment,
    )  # fmt: skip


def finished(process: subprocess.Popen[str]) -> str:
    """What a launcher said that ended well."""
    said = process.communicate(timeout=900)[0]
    assert process.returncode == 0, said[-4000:]
    return said


@pytest.fixture
def captures(tmp_path: Path) -> Path:
    """Captures, and the recipe beside them."""
    (tmp_path / "frames").mkdir()
    (tmp_path / "recipe.json").write_text(json.dumps(RECIPE))
    return write_captures(tmp_path / "frames")


@pytest.mark.slow
def test_accelerate_launch_trains_with_regrad_as_one_process_does(captures: Path, tmp_path: Path) -> None:
    finished(start("accelerate", tmp_path, tmp_path / "both"))
    assert json.loads((tmp_path / "both" / "results.json").read_text())["training"]["processes"] == 2
    train(str(tmp_path / "recipe.json"), captures=captures, out=tmp_path / "alone", device="cpu")
    logs = [
        [json.loads(line)["loss"] for line in (tmp_path / home / "run" / "training.jsonl").read_text().splitlines()]
        for home in ("both", "alone")
    ]
    assert len(logs[0]) == RECIPE["training"]["epochs"]  # type: ignore[index]
    assert logs[0] == pytest.approx(logs[1], rel=0.02)  # masks of dropout are drawn apart on each process


@pytest.mark.slow
@pytest.mark.usefixtures("captures")
def test_torchrun_trains_with_regrad_and_resumes_to_the_same_weights(tmp_path: Path) -> None:
    said = finished(start("torchrun", tmp_path, tmp_path / "whole"))
    assert said.count("model: ") == 1  # the first process speaks alone
    results = json.loads((tmp_path / "whole" / "results.json").read_text())
    assert results["training"]["processes"] == 2
    stopped = start("torchrun", tmp_path, tmp_path / "stopped")
    until = time.monotonic() + 600
    while not list((tmp_path / "stopped" / "run" / "checkpoints").glob("step-*")) and time.monotonic() < until:
        assert stopped.poll() is None, "it ended before it could be stopped"
        time.sleep(0.01)
    os.kill(stopped.pid, signal.SIGTERM)  # torchrun hands it on to both
    stopped.communicate(timeout=120)
    assert not (tmp_path / "stopped" / "card.json").exists()
    finished(start("torchrun", tmp_path, tmp_path / "stopped", "--resume"))
    weights = load_artifact(tmp_path / "whole").card.sha256
    assert load_artifact(tmp_path / "stopped").card.sha256 == weights
