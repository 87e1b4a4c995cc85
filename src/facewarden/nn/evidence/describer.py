"""All numbers that terms of evidence read: tokens, relief, edges, fine structure, reflection and places."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from facewarden.nn.evidence.relief import Relief
from facewarden.nn.evidence.spectrum import Spectrum
from facewarden.nn.evidence.terms import Term
from facewarden.nn.floors.depth_geometry import canonical_depth
from facewarden.nn.floors.describer import Describer
from facewarden.nn.floors.plane import PlaneAndRatio
from facewarden.nn.floors.tokens import layer_tokens, layers_of, summarized
from facewarden.nn.multimodal.shared_trunk import check_plain
from facewarden.nn.trunk_input import normalized

GRID = 8
"""Places on a side of the grid of tokens."""
_PLACE_WIDTH, _SUMMARY_WIDTH = 16, 48
_RGB, _DEPTH, _INFRARED = ("rgb",), ("depth",), ("infrared",)


class EvidenceDescriber(Describer):
    """Blocks of numbers for `EvidenceSum`, and the terms that read them.

    Tokens are those of a frozen transformer. The places and the tokens that one sensor lets expect of another are
    projected to fewer numbers by fixed random directions, so that covariances can be known from a few hundred captures.

    Args:
        trunk: a plain transformer of timm.
    """

    def __init__(self, trunk: nn.Module) -> None:
        super().__init__()
        parts: Any = trunk
        check_plain(parts)
        self.trunk, self.relief, self.spectrum, self.reflection = trunk, Relief(), Spectrum(), PlaneAndRatio()
        width = int(parts.embed_dim)
        summary = width * (1 + 2 * len(layers_of(len(parts.blocks))))
        narrow = min(_SUMMARY_WIDTH, width)
        self.register_buffer("place_directions", _directions(width, min(_PLACE_WIDTH, width)))
        self.register_buffer("summary_directions", _directions(width, narrow))
        self.needs = (_RGB, _INFRARED, _DEPTH, *self.relief.needs, *self.spectrum.needs, *self.reflection.needs[1:],
                      _RGB, _INFRARED, _RGB, _INFRARED, _DEPTH)  # fmt: skip
        places = GRID**2 * min(_PLACE_WIDTH, width)
        self.widths = (summary,) * 3 + self.relief.widths + self.spectrum.widths + self.reflection.widths[1:] + (
            places, places, narrow, narrow, narrow,
        )  # fmt: skip
        self.terms = (
            Term("all tokens", "line", (0, 1, 2), ("rgb", "depth", "infrared")),
            Term("color", "line", (0,), _RGB),
            Term("infrared", "line", (1,), _INFRARED),
            Term("depth", "line", (2,), _DEPTH),
            Term("relief", "line", (3,), _DEPTH),
            Term("edges", "line", (4,), ("rgb", "depth")),
            Term("fine structure of color", "line", (5,), _RGB),
            Term("fine structure of infrared", "line", (6,), _INFRARED),
            Term("reflection", "line", (7,), _INFRARED),
            Term("reflection against color", "line", (8,), ("rgb", "infrared")),
            Term("typical places of color", "typical", (9,), _RGB, GRID**2),
            Term("typical places of infrared", "typical", (10,), _INFRARED, GRID**2),
            Term("infrared expected from color", "expected", (11, 12), ("rgb", "infrared")),
            Term("relief expected from color", "expected", (11, 13), ("rgb", "depth")),
        )

    def blocks(self, pixels: Float[Tensor, "m b 3 s s"]) -> Sequence[Tensor]:
        """Every block of the description."""
        canonical = canonical_depth(pixels[1][:, 0])[:, None].expand(-1, 3, -1, -1)
        layers, first = layer_tokens(self.trunk, normalized(torch.cat([pixels[0], pixels[2], canonical])))
        summaries = summarized(layers, first).chunk(3)
        last = layers[-1].chunk(3)
        middle = [tokens.mean(dim=1) @ self.get_buffer("summary_directions") for tokens in layers[-2].chunk(3)]
        reflection = self.reflection.blocks(pixels)[1:]
        return [*summaries, *self.relief.blocks(pixels), *self.spectrum.blocks(pixels), *reflection,
                self._places(last[0]), self._places(last[1]), *middle]  # fmt: skip

    def _places(self, tokens: Float[Tensor, "b n d"]) -> Float[Tensor, "b f"]:
        """Tokens on a grid of `GRID` x `GRID` places, in few directions."""
        side = math.isqrt(tokens.shape[1])
        narrow = tokens @ self.get_buffer("place_directions")
        square = narrow.transpose(1, 2).reshape(tokens.shape[0], -1, side, side)
        grid = functional.interpolate(square, size=(GRID, GRID), mode="bilinear", align_corners=False)
        return grid.flatten(2).transpose(1, 2).flatten(1)


def _directions(width: int, count: int) -> Float[Tensor, "width count"]:
    """Orthonormal directions that never change."""
    drawn = np.random.default_rng([width, count]).standard_normal((width, count))
    return torch.from_numpy(np.linalg.qr(drawn)[0].astype(np.float32))
