"""What `make gpu-check` measures runs on a second device, and says so where there is no GPU."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from facewarden.core.errors import MissingAssetError
from facewarden.core.roles import PadOutput
from second_device import second_device

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def benchmark(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def second() -> Iterator[torch.device]:
    with second_device() as device:
        yield device


def test_without_a_gpu_it_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    check = benchmark("gpu_check")
    monkeypatch.setattr(sys, "argv", ["gpu_check.py"])
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert check.main() == check.ABSENT
    assert "no CUDA GPU on this machine" in capsys.readouterr().out


@pytest.mark.parametrize(
    "name",
    ["scoring", *(pytest.param(name, marks=pytest.mark.slow) for name in ("attacking", "embedding", "purifying"))],
)
def test_its_work_gives_the_values_of_the_cpu_on_another_device(
    name: str, second: torch.device, monkeypatch: pytest.MonkeyPatch
) -> None:
    # of the model itself: on one device alone a copy of it may be climbed, and signs of gradients near zero differ
    monkeypatch.setattr("facewarden.core.decision_goal.detector_for_gradients", lambda detector, batch: detector)
    make = getattr(benchmark("gpu_check"), name)

    def value(device: str) -> Any:
        try:
            told, count, work = make(device)
        except MissingAssetError as error:
            pytest.skip(error.message)
        assert told
        assert count > 0
        with torch.no_grad():
            found = work()
        if isinstance(found, PadOutput):
            return found.score.cpu()
        return found.cpu() if isinstance(found, torch.Tensor) else found.loss.cpu()

    torch.testing.assert_close(value(str(second)), value("cpu"), rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_its_step_of_training_runs_on_another_device(second: torch.device) -> None:
    benchmark("gpu_check").training(str(second))[2]()


def test_the_small_sizes_of_make_speed_are_options_of_the_benchmarks() -> None:
    for script, small in benchmark("speed").PARTS.values():
        known = re.findall(r'add_argument\("(--[a-z-]+)"', (BENCHMARKS / script).read_text(encoding="utf-8"))
        assert {word for word in small if word.startswith("--")} <= set(known)
        assert "--out" in known
