"""A frozen torch module from the graph and the weights of a Keras file; nothing of the file is executed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from facewarden.core.errors import AssetError


class KerasGraph(nn.Module):
    """Runs the layers of a functional Keras model one after the other, with the weights as buffers.

    Layers: Conv2D, BatchNormalization, Activation (relu, linear), MaxPooling2D, Concatenate, Lambda with the argument
    `scale`, Add, GlobalAveragePooling2D, Dropout, Dense. A Lambda's code is not read: its result is taken to be its
    input times `scale`, as in every residual block of Inception-ResNet.

    Args:
        path: an HDF5 file with `model_config` and `model_weights`.

    Raises:
        AssetError: a layer of another kind or with other settings.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        with h5py.File(path, "r") as file:
            layers = json.loads(file.attrs["model_config"])["config"]["layers"]
            self.steps = [_Step(path, one) for one in layers]
            for number, step in enumerate(self.steps):
                for name, value in _arrays(file["model_weights"], step.name).items():
                    self.register_buffer(f"{name}_{number}", value, persistent=False)
                    step.names.add(name)
        self.eval()

    def forward(self, images: Tensor) -> Tensor:
        """Output of the last layer for `(b, c, h, w)`."""
        found: dict[str, Tensor] = {}
        output = images
        for number, step in enumerate(self.steps):
            given = [found[name] for name in step.inputs] or [images]
            weights = {name: self.get_buffer(f"{name}_{number}") for name in step.names}
            output = found[step.name] = step.run(given, weights)
        return output


class _Step:
    """One layer: what it reads and what it does."""

    def __init__(self, path: Path, layer: Mapping[str, Any]) -> None:
        self.kind: str = layer["class_name"]
        self.settings: dict[str, Any] = layer["config"]
        self.name: str = layer["name"]
        self.inputs = [one[0] for one in (layer["inbound_nodes"] or [[]])[0]]
        self.names: set[str] = set()
        known = {
            "InputLayer": True,
            "Conv2D": self.settings.get("activation") == "linear" and self.settings.get("padding") in ("same", "valid"),
            "BatchNormalization": True,
            "Activation": self.settings.get("activation") in ("relu", "linear"),
            "MaxPooling2D": self.settings.get("padding") == "valid",
            "Concatenate": True,
            "Lambda": set(self.settings.get("arguments", ())) == {"scale"},
            "Add": True,
            "GlobalAveragePooling2D": True,
            "Dropout": True,
            "Dense": self.settings.get("activation") == "linear",
        }
        if not known.get(self.kind, False):
            raise AssetError(f"{path.name}: layer {self.name} ({self.kind}) cannot be read", hint="report this")

    def run(self, given: list[Tensor], weights: Mapping[str, Tensor]) -> Tensor:
        """The layer's output."""
        x = given[0]
        match self.kind:
            case "Conv2D":
                kernel = weights["kernel"]
                if self.settings["padding"] == "same":
                    x = F.pad(x, _same(x, kernel, self.settings["strides"]))
                return F.conv2d(x, kernel, weights.get("bias"), stride=tuple(self.settings["strides"]))
            case "BatchNormalization":
                return F.batch_norm(
                    x, weights["moving_mean"], weights["moving_variance"], weights.get("gamma"), weights.get("beta"),
                    eps=self.settings["epsilon"],
                )  # fmt: skip
            case "Activation":
                return F.relu(x) if self.settings["activation"] == "relu" else x
            case "MaxPooling2D":
                return F.max_pool2d(x, tuple(self.settings["pool_size"]), tuple(self.settings["strides"]))
            case "Concatenate":
                return torch.cat(given, dim=1)
            case "Lambda":
                return x * float(self.settings["arguments"]["scale"])
            case "Add":
                return given[0] + given[1]
            case "GlobalAveragePooling2D":
                return x.mean(dim=(2, 3))
            case "Dense":
                return F.linear(x, weights["kernel"], weights.get("bias"))
            case _:  # the input, and a dropout that is off
                return x


def _same(x: Tensor, kernel: Tensor, strides: list[int]) -> tuple[int, int, int, int]:
    """Left, right, top and bottom padding of Keras' SAME: what is odd goes to the right and the bottom."""
    sides = []
    for size, width, stride in zip(x.shape[:1:-1], kernel.shape[:1:-1], strides[::-1], strict=True):
        whole = max((-(-size // stride) - 1) * stride + width - size, 0)
        sides += [whole // 2, whole - whole // 2]
    return sides[0], sides[1], sides[2], sides[3]


def _arrays(weights: h5py.Group, layer: str) -> dict[str, Tensor]:
    """Arrays of a layer by their last name; kernels in torch's order of axes."""
    found: dict[str, Tensor] = {}
    if layer not in weights:
        return found

    def collect(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset):
            value = np.asarray(item, np.float32)
            short = name.rsplit("/", 1)[-1].split(":")[0]
            if short == "kernel":  # height, width, in, out; or in, out
                value = value.transpose(3, 2, 0, 1) if value.ndim == 4 else value.T
            found[short] = torch.from_numpy(np.ascontiguousarray(value))

    weights[layer].visititems(collect)
    return found
