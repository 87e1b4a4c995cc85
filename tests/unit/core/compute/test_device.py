"""Devices by name: what is there is taken, what is absent is an error that says what is there."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from facewarden.core.compute import device as module
from facewarden.core.compute.device import available_devices, device_of, resolve_device
from facewarden.core.errors import BadInputError
from facewarden.core.resolve import resolve_detector, resolve_purifier, resolve_recognizer
from facewarden.training.precision import accelerator_for


def with_gpus(monkeypatch: pytest.MonkeyPatch, **counts: int) -> None:
    monkeypatch.setattr(module, "_count", lambda kind: counts.get(kind, 0))


def test_auto_takes_cuda_then_mps_then_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    for counts, expected in (({"cuda": 2, "mps": 1}, "cuda"), ({"mps": 1}, "mps"), ({}, "cpu")):
        with_gpus(monkeypatch, **counts)
        assert resolve_device("auto") == torch.device(expected)
        assert resolve_device() == torch.device(expected)


def test_what_is_there_is_taken_by_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    with_gpus(monkeypatch, cuda=2)
    assert resolve_device("cuda:1") == torch.device("cuda", 1)
    assert resolve_device(torch.device("cuda")) == torch.device("cuda")
    assert resolve_device("cpu") == torch.device("cpu")
    assert available_devices() == ("cpu", "cuda:0", "cuda:1")


@pytest.mark.parametrize("asked", ["cuda:2", "mps", "xpu", "gpu", "cuda:x", ""])
def test_what_is_absent_is_an_error_that_says_what_is_there(asked: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with_gpus(monkeypatch, cuda=2)
    with pytest.raises(BadInputError) as raised:
        resolve_device(asked)
    assert repr(asked) in raised.value.message
    assert raised.value.hint == "here: auto, cpu, cuda:0, cuda:1"


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA GPU")
def test_nothing_runs_on_the_cpu_in_place_of_an_absent_gpu() -> None:
    for resolve, name in (
        (resolve_detector, "multi_cnn"), (resolve_recognizer, "faceres"), (resolve_purifier, "jpeg"),
        (resolve_purifier, 'jpeg{"quality": 30}'), (accelerator_for, "float32"),
    ):  # fmt: skip
        with pytest.raises(BadInputError, match="no device 'cuda:0'"):
            resolve(name, device="cuda:0")  # type: ignore[operator]


def test_training_takes_the_device_that_was_asked_for_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    with_gpus(monkeypatch, meta=1)
    assert accelerator_for("float32", "meta").device == torch.device("meta")
    assert accelerator_for("float32", "cpu").device == torch.device("cpu")


def test_a_network_is_where_its_weights_or_buffers_are() -> None:
    assert device_of(nn.Linear(1, 1)) == torch.device("cpu")
    assert device_of(nn.Linear(1, 1, device="meta")) == torch.device("meta")
    assert device_of(nn.BatchNorm1d(1, affine=False, device="meta")) == torch.device("meta")
    assert device_of(nn.Sequential()) is None
