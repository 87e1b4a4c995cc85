"""What turns pictures into tokens: a trunk in torch, or the published graph in onnxruntime where that is installed."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from facewarden.assets import locate
from facewarden.core.errors import BadInputError
from facewarden.nn.dinov2 import FILE
from facewarden.nn.dinov2 import NAME as DINOV2
from facewarden.nn.floors.tokens import layer_tokens, summarized
from facewarden.nn.trunk import load_trunk, trunk_identity
from facewarden.nn.trunk_input import normalized

EngineKind = Literal["auto", "torch", "onnxruntime"]
GRID = 8
"""Cells a side of the grid of the last layer's patches."""


@dataclass(frozen=True)
class EngineSettings:
    """Which network looks at pictures of which size.

    Attributes:
        trunk: as `facewarden.nn.trunk.load_trunk` takes it.
        size: side of the pictures in pixels.
        depth: blocks of the trunk, all of them when None.
        kind: `onnxruntime` for `dinov2_small` alone, 1.5 times as fast on a CPU, equal within 1e-4; `auto` takes it
            where it can.
    """

    trunk: str = DINOV2
    size: int = 112
    depth: int | None = None
    kind: EngineKind = "auto"

    @property
    def identity(self) -> str:
        """What decides the tokens up to rounding: weights, size and depth, and not what computes them."""
        return f"{trunk_identity(self.trunk, pretrained=False)}/{self.trunk}/{self.size}/{self.depth}"


@dataclass(frozen=True, eq=False)
class Seen:
    """What a network made of pictures.

    Attributes:
        summary: `(b, f)` float16, see `facewarden.nn.floors.tokens.summarized`.
        grid: `(b, 64, d)` float16, means of the last layer's patches in 8 x 8 cells, row by row.
    """

    summary: NDArray[np.float16]
    grid: NDArray[np.float16]


Engine = Callable[[Tensor], Seen]


def make_engine(settings: EngineSettings) -> Engine:
    """Make an engine: a function of `(b, 3, size, size)` pictures in [0, 1].

    Raises:
        BadInputError: onnxruntime was asked for and is not there, or for another trunk.
        MissingAssetError: the weights are not fetched.
    """
    tokens = token_function(settings)

    def look(pixels: Tensor) -> Seen:
        with torch.inference_mode():
            layers, first = tokens(pixels)
            last = layers[-1]
            side = round(last.shape[1] ** 0.5)
            square = last.transpose(1, 2).reshape(len(last), last.shape[2], side, side)
            grid = functional.adaptive_avg_pool2d(square, GRID).flatten(2).transpose(1, 2)
            return Seen(_half(summarized(layers, first)), _half(grid))

    return look


def token_function(settings: EngineSettings) -> Callable[[Tensor], tuple[list[Tensor], Tensor]]:
    """What `layer_tokens` gives of pictures in [0, 1], by the engine that the settings ask for.

    Raises:
        BadInputError: onnxruntime was asked for and is not there, or for another trunk.
        MissingAssetError: the weights are not fetched.
    """
    fits = settings.trunk == DINOV2 and settings.depth is None
    there = importlib.util.find_spec("onnxruntime") is not None
    if settings.kind == "onnxruntime" and not (fits and there):
        raise BadInputError(
            f"{settings.trunk} cannot be computed by onnxruntime here",
            hint="pip install 'facewarden[onnx]'" if fits else "kind: torch",
        )
    if settings.kind != "torch" and fits and there:
        from facewarden.nn.dinov2_onnx import OnnxTokens

        return OnnxTokens(locate(DINOV2, FILE), size=settings.size)
    trunk = load_trunk(settings.trunk, size=settings.size, seed=0, depth=settings.depth).eval().requires_grad_(False)
    return lambda pixels: layer_tokens(trunk, normalized(pixels))


def _half(values: Tensor) -> NDArray[np.float16]:
    limit = float(np.finfo(np.float16).max)
    half: NDArray[np.float16] = values.clamp(-limit, limit).to(torch.float16).numpy()
    return half
