"""Checkpoints without pickles: safetensors for the network and the optimizer, JSON for the rest, whole or not there."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from facewarden.core.errors import BadInputError
from facewarden.core.files import writing_folder

_NETWORK, _OPTIMIZER, _STATE = "network.safetensors", "optimizer.safetensors", "state.json"
_OBJECTIVE = "objective.safetensors"


def save_checkpoint(
    folder: Path,
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    *,
    step: int,
    state: Mapping[str, Any],
    objective: Mapping[str, Any] | None = None,
) -> Path:
    """Write a checkpoint below a folder and remove older ones.

    Args:
        folder: of all checkpoints of a run.
        network, optimizer: whose tensors are kept; the optimizer's settings come from the recipe again.
        step: how many steps were taken.
        state: anything JSON.
        objective: nested mappings of tensors and JSON values, the state of the objective.

    Raises:
        BadInputError: the folder cannot be written.
    """
    target = folder / f"step-{step:07d}"
    leaves = dict(_leaves(objective or {}))
    values = {k: v for k, v in leaves.items() if not isinstance(v, Tensor)}
    text = json.dumps({"step": step, "objective": values, **state}, allow_nan=False)
    try:
        with writing_folder(target) as temporary:
            save_file(_plain(network.state_dict()), temporary / _NETWORK)
            save_file(_plain(_moments(optimizer)), temporary / _OPTIMIZER)
            save_file(_plain({k: v for k, v in leaves.items() if isinstance(v, Tensor)}), temporary / _OBJECTIVE)
            (temporary / _STATE).write_text(text + "\n", encoding="utf-8")
    except (OSError, SafetensorError) as error:  # safetensors reports a full disk by an error of its own
        raise BadInputError(
            f"{target}: cannot write the checkpoint: {error}", hint="choose a writable folder: --out DIR"
        ) from error
    for old in folder.glob("step-*"):
        if old != target:
            shutil.rmtree(old, ignore_errors=True)
    return target


def load_checkpoint(folder: Path, network: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Any] | None:
    """Put the newest checkpoint's tensors in place and return its state, or None where there is none.

    Returns:
        What was given as `state`, with `step` and `objective`.

    Raises:
        BadInputError: it belongs to another network or cannot be read.
    """
    found = sorted(folder.glob("step-*"))
    if not found:
        return None
    try:
        network.load_state_dict(load_file(found[-1] / _NETWORK))
        _restore(optimizer, load_file(found[-1] / _OPTIMIZER))
        state: dict[str, Any] = json.loads((found[-1] / _STATE).read_text(encoding="utf-8"))
        state["objective"] = _tree({**state["objective"], **load_file(found[-1] / _OBJECTIVE)})
    except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
        raise BadInputError(f"{found[-1]}: cannot go on from here: {error}", hint="train into another --out") from error
    return state


def _leaves(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{name}/")
        else:
            yield prefix + name, value


def _tree(leaves: Mapping[str, Any]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path, value in leaves.items():
        *folders, name = path.split("/")
        place = tree
        for folder in folders:
            place = place.setdefault(folder, {})
        place[name] = value
    return tree


def _plain(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}


def _moments(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    state = optimizer.state_dict()["state"]
    return {f"{number}.{name}": value for number, values in state.items() for name, value in values.items()}


def _restore(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        number, _, part = name.partition(".")
        state.setdefault(int(number), {})[part] = value
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
