"""DINOv2-small as a timm transformer: weights from the fetched ONNX file, positions for any size, own normalization."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from facewarden.assets import get, locate
from facewarden.core.compat import ensure_torchvision
from facewarden.core.errors import AssetError, BadInputError
from facewarden.core.seeding import derive

NAME = "dinov2_small"
PATCH, WIDTH, DEPTH = 14, 384, 12
_TIMM = "vit_small_patch14_dinov2"
FILE = "vit_s_focus.onnx"
_GRID = 37  # patches a side that the published position embeddings are made for
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_SCALE, _CENTER = 255 / 128, 127.5 / 128  # inputs of every trunk here are 255/128 x - 127.5/128
_BLOCK = {
    "norm1": "norm1", "norm2": "norm2", "attn.proj": "attention.output.dense", "mlp.fc1": "mlp.fc1",
    "mlp.fc2": "mlp.fc2", "ls1.gamma": "layer_scale1.lambda1", "ls2.gamma": "layer_scale2.lambda1",
}  # fmt: skip
"""Names inside a block: timm's -> those of the file."""


def dinov2_small(*, size: int, weights: bool = True, seed: int = 0, depth: int | None = None) -> nn.Module:
    """Make DINOv2-small for images normalized like those of every trunk here, (255 x - 127.5) / 128.

    The network was trained on ImageNet's mean and deviation; the difference is an affine map of each channel, which is
    merged into the patch projection, exactly. The 37 x 37 position embeddings are resampled as the published graph
    does it: bicubic (a = -0.75), half-pixel centers, no smoothing.

    Source: Oquab et al., "DINOv2: Learning Robust Visual Features without Supervision", TMLR 2024.

    Args:
        size: side of the input in pixels, a multiple of 14: 112 gives 8 x 8 patches, 224 gives 16 x 16.
        weights: read the published ones; without them they are drawn from the seed.
        seed: of fresh weights.
        depth: blocks to keep, the first ones; all when None.

    Raises:
        BadInputError: a size or depth that does not fit.
        MissingAssetError: the weights are not fetched.
        AssetError: the file is another one.
    """
    if size % PATCH or size < PATCH:
        raise BadInputError(f"{NAME}: {size} px cannot be cut into patches of {PATCH} px", hint="size: 112 or 224")
    if depth is not None and not 1 <= depth <= DEPTH:
        raise BadInputError(f"{NAME} has {DEPTH} blocks, not {depth}", hint="leave depth out")
    ensure_torchvision()
    import timm

    with torch.random.fork_rng(devices=[]):  # torch draws initial values from its global generator
        torch.manual_seed(derive(seed, "mmdg", "trunk"))
        trunk: Any = timm.create_model(_TIMM, img_size=size, num_classes=0, pretrained=False)
    if weights:
        trunk.load_state_dict(published_weights(locate(NAME, FILE), grid=size // PATCH))
    if depth is not None:
        trunk.blocks = trunk.blocks[:depth]
    plain: nn.Module = trunk
    return plain


def dinov2_identity() -> str:
    """Digest of the pinned weights, for ids that must change with them; nothing is read."""
    return f"sha256:{get(NAME).files[FILE].sha256}"


def published_weights(path: Path, *, grid: int) -> dict[str, Tensor]:
    """The backbone of the ONNX file under timm's names, for inputs (255 x - 127.5) / 128.

    Args:
        path: the file.
        grid: patches a side.

    Raises:
        AssetError: a tensor is not there.
    """
    stored, by_node = _tensors(path)
    try:
        weight = stored["backbone.embeddings.patch_embeddings.projection.weight"]
        bias = stored["backbone.embeddings.patch_embeddings.projection.bias"]
        table = [t for t in stored.values() if t.shape == (1, _GRID**2, WIDTH)]
        first = [t for name, t in stored.items() if t.shape == (1, 1, WIDTH) and not name.startswith("backbone.")]
        (patches,), (for_class,) = table, first
        found = {
            "cls_token": stored["backbone.embeddings.cls_token"],
            "pos_embed": torch.cat([for_class, _resampled(patches, grid)], dim=1),
            "norm.weight": stored["backbone.layernorm.weight"],
            "norm.bias": stored["backbone.layernorm.bias"],
        }
        found["patch_embed.proj.weight"], found["patch_embed.proj.bias"] = _renormalized(weight, bias)
        for index in range(DEPTH):
            found |= _block(stored, by_node, index)
    except (KeyError, ValueError) as error:
        raise AssetError(f"{path.name} holds another network than {NAME} ({error})", hint="report this") from error
    return found


def _tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Stored tensors by their names, and matrices by the names of the nodes that multiply by them."""
    import onnx
    from onnx import numpy_helper

    try:
        graph = onnx.load(str(path)).graph
    except Exception as error:  # onnx lets protobuf's own errors through, whose type changes with its version
        raise AssetError(f"{path}: not an ONNX file: {error}", hint=f"facewarden fetch {NAME} --force") from error
    stored = {item.name: torch.from_numpy(np.array(numpy_helper.to_array(item))) for item in graph.initializer}
    by_node = {
        node.name: stored[name] for node in graph.node if node.op_type == "MatMul" for name in node.input
        if name in stored
    }  # fmt: skip
    return stored, by_node


def _block(stored: Mapping[str, Tensor], by_node: Mapping[str, Tensor], index: int) -> dict[str, Tensor]:
    before, node, own = f"backbone.encoder.layer.{index}", f"/backbone/encoder/layer.{index}", f"blocks.{index}"
    found: dict[str, Tensor] = {}
    for name, theirs in _BLOCK.items():
        if name.startswith("ls"):
            found[f"{own}.{name}"] = stored[f"{before}.{theirs}"]
            continue
        found[f"{own}.{name}.bias"] = stored[f"{before}.{theirs}.bias"]
        if name.startswith("norm"):
            found[f"{own}.{name}.weight"] = stored[f"{before}.{theirs}.weight"]
        else:
            found[f"{own}.{name}.weight"] = by_node[f"{node}/{theirs.replace('.', '/')}/MatMul"].T.contiguous()
    parts = ("query", "key", "value")
    found[f"{own}.attn.qkv.weight"] = torch.cat([by_node[f"{node}/attention/attention/{p}/MatMul"].T for p in parts])
    found[f"{own}.attn.qkv.bias"] = torch.cat([stored[f"{before}.attention.attention.{p}.bias"] for p in parts])
    return found


def _resampled(table: Tensor, grid: int) -> Tensor:
    square = table.reshape(1, _GRID, _GRID, WIDTH).permute(0, 3, 1, 2)
    if grid != _GRID:
        square = functional.interpolate(square, size=(grid, grid), mode="bicubic", align_corners=False)
    return square.permute(0, 2, 3, 1).reshape(1, grid**2, WIDTH)


def _renormalized(weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """The patch projection for pixels y = 255/128 x - 127.5/128 instead of (x - mean) / std; patches have no border."""
    mean, std = (torch.tensor(values, dtype=torch.float64) for values in (MEAN, STD))
    wide = weight.double()
    scale, shift = 1 / (_SCALE * std), (_CENTER / _SCALE - mean) / std
    merged = wide * scale[None, :, None, None]
    moved = bias.double() + (wide * shift[None, :, None, None]).sum(dim=(1, 2, 3))
    return merged.float(), moved.float()
