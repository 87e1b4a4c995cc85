"""Devices: which one was asked for and whether this machine has it; tensors follow the model's device."""

from __future__ import annotations

import torch
from torch import nn

from facewarden.core.errors import BadInputError

_FASTEST_FIRST = ("cuda", "mps")


def resolve_device(asked: str | torch.device = "auto") -> torch.device:
    """Decide on which device a network computes.

    Args:
        asked: "auto", "cpu", "cuda", "cuda:1", "mps" …; "auto" takes a CUDA GPU, else Apple's GPU, else the CPU.

    Raises:
        BadInputError: this machine has no such device; nothing runs on the CPU in its place.

    Example:
        >>> resolve_device("cpu")
        device(type='cpu')
    """
    if asked == "auto":
        return next((torch.device(kind) for kind in _FASTEST_FIRST if _count(kind)), torch.device("cpu"))
    try:
        device = torch.device(asked)
    except (RuntimeError, TypeError):
        raise BadInputError(f"unknown device {asked!r}", hint=_here()) from None
    if device.type == "cpu" or (device.index or 0) < _count(device.type):
        return device
    raise BadInputError(f"this machine has no device {str(asked)!r}", hint=_here())


def available_devices() -> tuple[str, ...]:
    """Names of what this machine can compute on: `cpu`, then `cuda:0`, `cuda:1` …, or `mps`."""
    gpus = [f"{kind}:{number}" if kind == "cuda" else kind for kind in _FASTEST_FIRST for number in range(_count(kind))]
    return ("cpu", *gpus)


def device_of(module: nn.Module) -> torch.device | None:
    """Where a network's weights and buffers are; None for one that has none, such as an ONNX file or a web service."""
    for tensors in (module.parameters(), module.buffers()):
        for tensor in tensors:
            return tensor.device
    return None


def _count(kind: str) -> int:
    """How many devices of a kind this machine has."""
    if kind == "mps":
        return int(torch.backends.mps.is_available())
    module = getattr(torch, kind, None)
    if module is None or not hasattr(module, "device_count") or not module.is_available():
        return 0
    return int(module.device_count())


def _here() -> str:
    return f"here: auto, {', '.join(available_devices())}"
