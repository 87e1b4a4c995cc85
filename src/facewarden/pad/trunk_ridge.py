"""Ridge regression on frozen features of a transformer for three sensors: what pretraining alone gives."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from torch import nn

from facewarden.nn.floors.describer import Describer
from facewarden.nn.floors.tokens import DepthForm, Layers, TokenSummary
from facewarden.pad.parts.floor import Floor
from facewarden.pad.parts.stream_settings import MissingFill, TransformerSettings


@dataclass(frozen=True)
class TrunkRidgeSettings(TransformerSettings):
    """Settings of the transformer, and of what is read from it.

    Attributes:
        trunk: frozen, as `facewarden.nn.trunk.load_trunk` takes it.
        preset: only the line on the features is fitted.
        depth_form: depth as the `picture` that it is, in `canonical` form, which no scale and sign of a set reaches, or
            `both`.
        layers: class token and mean patch of the last layer (`last`), or class token, mean and deviation of the patches
            at the quarters of the depth (`four`).
    """

    trunk: str = "dinov2_small"
    size: int = 112
    scale: float = 1.25
    missing_fill: MissingFill = "masked_tokens"
    preset: Literal["paper"] = "paper"
    depth_form: DepthForm = "picture"
    layers: Layers = "four"


class TrunkRidge(Floor):
    """A line on the tokens of a frozen transformer, each sensor by itself.

    Source: Oquab et al., "DINOv2: Learning Robust Visual Features without Supervision", TMLR 2024, where linear probes
    on frozen features are the evaluation.
    """

    kind = TrunkRidgeSettings
    name = "trunk_ridge"
    summary = "Ridge regression on frozen features of a transformer for three sensors."
    source = "linear probe as in Oquab et al., TMLR 2024"
    options: TrunkRidgeSettings

    def describer(self, trunk: nn.Module | None) -> Describer:
        """Tokens of the three sensors."""
        assert trunk is not None  # the settings name one
        return TokenSummary(trunk, depth=self.options.depth_form, layers=self.options.layers)

    @classmethod
    def example(cls, folder: Path) -> TrunkRidge:
        """Return a tiny one on a random transformer, for tests."""
        return cls(TrunkRidgeSettings(trunk="vit_tiny_patch16_224:fresh", size=32, depth=2, depth_form="both"))


entry = TrunkRidge
