"""MMDG: RGB, depth and infrared in one vision transformer, coupled by uncertainty-gated adapters (CVPR 2024)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from facewarden.core.batch import FaceBatch
from facewarden.core.roles import PadOutput
from facewarden.nn.multimodal.mmdg_vit import MmdgVit, StreamOutput
from facewarden.nn.precision import at_least_single
from facewarden.pad.parts.active_adapters import with_active_adapters
from facewarden.pad.parts.mmdg_settings import MmdgSettings
from facewarden.pad.parts.streams import Entered, ThreeStreams


class Mmdg(ThreeStreams):
    """The MMDG detector; fresh adapters on a trunk until it is trained or loaded.

    Source: Lin et al., "Suppress and Rebalance: Towards Generalized Multi-Modal Face Anti-Spoofing", CVPR 2024.

    Args:
        settings: sizes and options.
        trunk: a network to use instead of making `settings.trunk`, for example with weights of yours.

    Raises:
        BadInputError: an unknown trunk, weights that cannot be had, or a trunk that does not fit.
    """

    kind = MmdgSettings
    name = "mmdg"
    summary = "Multi-modal face anti-spoofing with uncertainty-gated cross-modal adapters."
    source = "Lin et al., CVPR 2024"
    options: MmdgSettings
    network: MmdgVit

    def __init__(self, settings: MmdgSettings | None = None, *, trunk: nn.Module | None = None) -> None:
        super().__init__(settings, trunk=trunk)

    def build(self, trunk: nn.Module | None) -> MmdgVit:
        """The network, its fresh layers drawn from the settings' seed."""
        assert trunk is not None  # the settings name one
        options = self.options
        network = MmdgVit(
            trunk, hidden=options.hidden, uncertainty=options.uncertainty, gated=options.gated, seed=options.seed,
            first=options.first_block,
        )  # fmt: skip
        if options.preset == "released":
            network.forget_positions()
        return network

    def predict(self, batch: FaceBatch) -> PadOutput:
        """Score faces; features are the three class tokens side by side."""
        return _scored(self.streams(batch))

    def respond(self, images: Entered, weight: Float[Tensor, "3 b"] | None) -> PadOutput:
        """Score normalized images."""
        return _scored(self.network(images, weight=weight))

    def streams(self, batch: FaceBatch, *, maps: bool = False) -> StreamOutput:
        """Logits, class tokens and certainties of a batch, which is what the objectives train on.

        Args:
            batch: frames with a face box, or face crops without one.
            maps: also give the certainty of every token in every block.
        """
        return self.tiled(batch, partial(self._run, maps=maps), joined=_joined)

    def _run(self, batch: FaceBatch, *, maps: bool) -> StreamOutput:
        output: StreamOutput = self.answer(batch, lambda images, weight: self.network(images, weight=weight, maps=maps))
        return replace(output, logits=at_least_single(output.logits), tokens=at_least_single(output.tokens))

    @classmethod
    def example(cls, folder: Path) -> Mmdg:
        """Return a tiny untrained detector whose adapters and head are active, for tests."""
        return with_active_adapters(cls(MmdgSettings(trunk="vit_tiny_patch16_224", size=32, depth=2)))


def _scored(output: StreamOutput) -> PadOutput:
    features = output.tokens.transpose(0, 1).flatten(1)
    return PadOutput(score=output.logits[:, 1] - output.logits[:, 0], features=features)


def _joined(parts: Sequence[StreamOutput]) -> StreamOutput:
    maps = [part.maps for part in parts if part.maps is not None]
    return StreamOutput(
        logits=torch.cat([part.logits for part in parts]),
        tokens=torch.cat([part.tokens for part in parts], dim=1),
        certainty=torch.cat([part.certainty for part in parts], dim=1),
        maps=torch.cat(maps, dim=1) if maps else None,
    )


entry = Mmdg
