"""The network of SFace: fourteen stages of convolutions, each normalized and with a learned slope, from int8 blocks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor, nn

from facewarden.core.errors import AssetError

# Channels out and stride of the separable stages after the first convolution of 32 channels.
_STAGES = (
    (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1), (512, 1), (512, 1), (512, 1), (512, 1),
    (1024, 2), (1024, 1),
)  # fmt: skip
_NORMS = ("gamma", "beta", "moving_mean", "moving_var")


class FixedNorm(nn.BatchNorm2d):
    """Batch normalization by the published statistics, also in training mode; of maps and of vectors."""

    def forward(self, input: Tensor) -> Tensor:
        """Normalize `(b, c, h, w)` or `(b, c)`."""
        return F.batch_norm(input, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)


def sface_network() -> nn.Sequential:
    """The network `(b, 3, 112, 112)` of values 0 to 255, RGB -> `(b, 128)`, with random weights.

    Its parts are named as in the published graph.
    """
    network = nn.Sequential()

    def add(name: str, inside: int, outside: int, *, size: int, stride: int = 1, groups: int = 1) -> None:
        network.add_module(
            f"{name}_conv2d", nn.Conv2d(inside, outside, size, stride, size // 2, groups=groups, bias=False)
        )
        network.add_module(f"{name}_batchnorm", FixedNorm(outside, eps=1e-3))
        network.add_module(f"{name}_relu", nn.PReLU(outside))

    add("conv_1", 3, 32, size=3)
    inside = 32
    for number, (outside, stride) in enumerate(_STAGES, start=2):
        add(f"conv_{number}_dw", inside, inside, size=3, stride=stride, groups=inside)
        add(f"conv_{number}", inside, outside, size=1)
        inside = outside
    network.add_module("bn1", FixedNorm(inside, eps=2e-5))
    network.add_module("flatten", nn.Flatten())
    network.add_module("pre_fc1", nn.Linear(inside * 49, 128))
    network.add_module("fc1", FixedNorm(128, eps=2e-5))
    return network


def load_sface(network: nn.Sequential, path: Path) -> None:
    """Fill the network from the published file and freeze it in evaluation mode.

    Raises:
        AssetError: the file holds another network.
    """
    stored = read_blocks(path)
    state: dict[str, Tensor] = {}
    for name, part in network.named_children():
        if isinstance(part, FixedNorm):
            keys = zip(_NORMS, ("weight", "bias", "running_mean", "running_var"), strict=True)
            state |= {f"{name}.{ours}": _of(stored, f"{name}_{theirs}", path) for theirs, ours in keys}
            state[f"{name}.num_batches_tracked"] = torch.tensor(0)
        elif isinstance(part, nn.PReLU):
            state[f"{name}.weight"] = _of(stored, f"{name}_gamma", path).flatten()
        elif not isinstance(part, nn.Flatten):
            state[f"{name}.weight"] = _of(stored, f"{name}_weight", path)
            if isinstance(part, nn.Linear):
                state[f"{name}.bias"] = _of(stored, f"{name}_bias", path)
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise AssetError(f"{path.name} holds another network than SFace", hint="report this") from error
    network.requires_grad_(False).eval()


def read_blocks(path: Path) -> dict[str, NDArray[np.float32]]:
    """Arrays of an ONNX file by name; those stored as int8 in blocks along an axis are made float.

    A value is (q - z) s with the scale s and zero point z of its block (ONNX, operator DequantizeLinear, version 21),
    which is exact in single precision.
    """
    graph = onnx.load(str(path)).graph
    stored = {item.name: np.asarray(numpy_helper.to_array(item)) for item in graph.initializer}
    found = {name: value.astype(np.float32) for name, value in stored.items() if value.dtype == np.float32}
    for node in graph.node:
        if node.op_type != "DequantizeLinear":
            continue
        settings = {one.name: one.i for one in node.attribute}
        axis, size = settings["axis"], settings["block_size"]
        whole, scale, zero = (stored[name] for name in node.input)
        # the last block may be shorter than the others
        scale, zero = (np.repeat(one, size, axis).take(range(whole.shape[axis]), axis) for one in (scale, zero))
        name = node.output[0].removesuffix("_dequantized")
        value = (whole.astype(np.float32) - zero.astype(np.float32)) * scale
        found[name] = value.reshape(stored[f"{name}_shape"]) if f"{name}_shape" in stored else value
    return found


def _of(stored: dict[str, NDArray[np.float32]], name: str, path: Path) -> Tensor:
    if name not in stored:
        raise AssetError(f"{path.name} has no {name}", hint="report this")
    return torch.from_numpy(np.ascontiguousarray(stored[name]))
