"""Tokens of a frozen transformer as a vector: class token, mean and deviation of the patches of four layers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from facewarden.core.labels import MODALITIES
from facewarden.nn.floors.depth_geometry import canonical_depth
from facewarden.nn.floors.describer import Describer
from facewarden.nn.multimodal.shared_trunk import check_plain
from facewarden.nn.trunk_input import normalized

DepthForm = Literal["picture", "canonical", "both"]
Layers = Literal["last", "four"]
_QUARTERS = 4


def layers_of(depth: int) -> tuple[int, ...]:
    """Positions of the blocks at the quarters of a transformer: of 12 blocks the third, sixth, ninth and twelfth."""
    return tuple(sorted({math.ceil(depth * quarter / _QUARTERS) - 1 for quarter in range(1, _QUARTERS + 1)}))


def layer_tokens(trunk: nn.Module, images: Float[Tensor, "b 3 s s"]) -> tuple[list[Tensor], Tensor]:
    """Tokens behind the blocks of `layers_of`, the last ones behind the final norm.

    Args:
        trunk: a plain transformer of timm.
        images: normalized.

    Returns:
        Of each layer `(b, n, d)` patch tokens, and the class token `(b, d)` behind the final norm.
    """
    parts: Any = trunk
    x = parts.patch_embed(images)
    first = parts.cls_token.expand(x.shape[0], -1, -1)
    stream = parts.norm_pre(torch.cat([first, x], dim=1) + parts.pos_embed)
    wanted, found = layers_of(len(parts.blocks)), []
    for index, block in enumerate(parts.blocks):
        stream = block(stream)
        if index in wanted[:-1]:
            found.append(stream[:, 1:])
    stream = parts.norm(stream)
    return [*found, stream[:, 1:]], stream[:, 0]


def summarized(layers: Sequence[Float[Tensor, "b n d"]], first: Float[Tensor, "b d"]) -> Float[Tensor, "b f"]:
    """Class token, then mean and deviation over the patches of each layer, in the order of the layers."""
    parts = [first]
    for tokens in layers:
        spread = tokens.var(dim=1, unbiased=False).clamp(min=1e-12).sqrt()  # no infinite gradient where all are equal
        parts += [tokens.mean(dim=1), spread]
    return torch.cat(parts, dim=1)


class TokenSummary(Describer):
    """A frozen transformer's view of each sensor, depth as a picture, in canonical form, or both.

    Args:
        trunk: a plain transformer of timm.
        depth: form of depth.
        layers: `last` for the class token and the mean of the last patches, `four` for what `summarized` gives.
    """

    def __init__(self, trunk: nn.Module, *, depth: DepthForm = "picture", layers: Layers = "four") -> None:
        super().__init__()
        parts: Any = trunk
        check_plain(parts)
        self.trunk, self.depth, self.layers = trunk, depth, layers
        width = int(parts.embed_dim)
        each = 2 * width if layers == "last" else width * (1 + 2 * len(layers_of(len(parts.blocks))))
        self.needs = (*((name,) for name in MODALITIES), *((("depth",),) if depth == "both" else ()))
        self.widths = (each,) * len(self.needs)

    def blocks(self, pixels: Float[Tensor, "m b 3 s s"]) -> Sequence[Tensor]:
        """What the transformer makes of each sensor."""
        color, depth, infrared = pixels
        canonical = canonical_depth(depth[:, 0])[:, None].expand(-1, 3, -1, -1) if self.depth != "picture" else depth
        views = [color, depth if self.depth == "both" else canonical, infrared]
        views += [canonical] if self.depth == "both" else []
        whole = self._describe(torch.cat(views))
        return list(whole.view(len(views), pixels.shape[1], -1))

    def _describe(self, images: Tensor) -> Tensor:
        layers, first = layer_tokens(self.trunk, normalized(images))
        return summarized(layers, first) if self.layers == "four" else torch.cat([first, layers[-1].mean(dim=1)], dim=1)
