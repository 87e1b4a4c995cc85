"""MMDG: RGB, depth and infrared in one vision transformer, coupled by uncertainty-gated adapters (CVPR 2024)."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from facewarden.core.artifact import load_artifact
from facewarden.core.batch import FaceBatch
from facewarden.core.card import Card
from facewarden.core.errors import BadInputError
from facewarden.core.labels import CHANNELS, MODALITIES
from facewarden.core.roles import Detector, PadOutput
from facewarden.nn.crop import crop_resize
from facewarden.nn.infrared_channels import stack_infrared
from facewarden.nn.mmdg_vit import MmdgVit, StreamOutput
from facewarden.nn.precision import at_least_single
from facewarden.pad._mmdg_settings import MmdgSettings, make_trunk, settings_from


class Mmdg(Detector):
    """The MMDG detector; fresh adapters on a trunk until it is trained or loaded.

    Source: Lin et al., "Suppress and Rebalance: Towards Generalized Multi-Modal Face Anti-Spoofing", CVPR 2024.

    Args:
        settings: sizes and options.
        pretrained: take the trunk's published weights from a model hub, which must then answer.
        trunk: a network to use instead of making `settings.trunk`, for example with weights of yours.

    Raises:
        BadInputError: an unknown trunk, weights that cannot be had, or a trunk that does not fit.
    """

    modalities = MODALITIES
    optional = ("depth", "infrared")

    def __init__(
        self, settings: MmdgSettings | None = None, *, pretrained: bool = False, trunk: nn.Module | None = None
    ) -> None:
        super().__init__()
        self.options = MmdgSettings() if settings is None else settings
        self.settings: Mapping[str, Any] = MappingProxyType(asdict(self.options))
        self.network = MmdgVit(
            make_trunk(self.options, pretrained=pretrained) if trunk is None else trunk,
            hidden=self.options.hidden,
            uncertainty=self.options.uncertainty,
            seed=self.options.seed,
        )
        if self.options.preset == "released":
            self.network.forget_positions()
        self.frame_size = self.options.size
        self.card = _card(self.options, pretrained=pretrained)
        self.requires_grad_(False)
        self.eval()

    def predict(self, batch: FaceBatch) -> PadOutput:
        """Score faces; features are the three class tokens side by side."""
        output = self.streams(batch)
        features = output.tokens.transpose(0, 1).flatten(1)
        return PadOutput(score=output.logits[:, 1] - output.logits[:, 0], features=features)

    def streams(self, batch: FaceBatch, *, maps: bool = False) -> StreamOutput:
        """Logits, class tokens and certainties of a batch, which is what the objectives train on.

        Args:
            batch: frames with a face box, or face crops without one.
            maps: also give the certainty of every token in every block.
        """
        alone = self.options.tiling == "sample" or (self.options.tiling == "auto" and batch.device.type == "cpu")
        if self.training or not alone or len(batch) <= 1:
            return self._run(batch, maps=maps)
        parts = [self._run(_row(batch, index), maps=maps) for index in range(len(batch))]
        return StreamOutput(
            logits=torch.cat([part.logits for part in parts]),
            tokens=torch.cat([part.tokens for part in parts], dim=1),
            certainty=torch.cat([part.certainty for part in parts], dim=1),
            maps=torch.cat([part.maps for part in parts if part.maps is not None], dim=1) if maps else None,
        )

    def crop(self, batch: FaceBatch, *, size: int, scale: float) -> FaceBatch:
        """The detector's view of a batch; crops without boxes are only brought to the size.

        Args:
            batch: frames with boxes, or crops.
            size: side of the view in pixels.
            scale: factor on the box.
        """
        box = batch.box
        if box is None:
            height, width = next(iter(batch.images.values())).shape[-2:]
            if height == width == size:
                return batch
            box, scale = batch.images["rgb"].new_tensor([[0.0, 0.0, width, height]]).expand(len(batch), -1), 1.0
        images = {
            name: crop_resize(image, box, scale=scale, size=size, antialias=name != "depth").clamp(0, 1)
            for name, image in batch.images.items()
        }
        return replace(batch, images=images, box=None)

    def requires_grad_(self, requires_grad: bool = True) -> Mmdg:  # noqa: FBT001, FBT002 - the signature of torch
        """Let gradients reach what the preset trains, or nothing."""
        super().requires_grad_(False)
        if requires_grad:
            self.network.choose_trainable(self.options.preset)
        return self

    @classmethod
    def untrained(cls, settings: Mapping[str, Any] | None = None, *, seed: int) -> Mmdg:
        """Return one with fresh adapters, ready to learn; its trunk is random unless weights are loaded into it.

        Args:
            settings: overrides of `MmdgSettings`.
            seed: of the fresh layers.
        """
        return cls(settings_from({"seed": seed, **(settings or {})}, source="mmdg")).requires_grad_(True).train()

    def _run(self, batch: FaceBatch, *, maps: bool) -> StreamOutput:
        images, present = self.prepare(batch)
        weight = present.to(images.dtype) if self.options.missing_fill == "masked_tokens" else None
        with self._autocast(images.device.type):
            output: StreamOutput = self.network(images, weight=weight, maps=maps)
        return replace(output, logits=at_least_single(output.logits), tokens=at_least_single(output.tokens))

    def _autocast(self, device: str) -> AbstractContextManager[None]:
        return torch.autocast(device, torch.bfloat16) if self.options.precision == "bfloat16" else nullcontext()

    def prepare(self, batch: FaceBatch) -> tuple[Float[Tensor, "3 b 3 s s"], Tensor]:
        """Cropped, resized, filled and normalized images of the three streams, and `(3, b)` where they are present."""
        crops = self.crop(batch, size=self.options.size, scale=self.options.scale).images
        views, masks = [], []
        for modality in MODALITIES:
            masks.append(_present(batch, modality))
            absent = ~masks[-1][:, None, None, None]
            view = crops.get(modality)
            if view is None:
                side = self.options.size
                view = crops["rgb"].new_zeros(len(batch), CHANNELS[modality], side, side)
            view = view.masked_fill(absent, 0.0)
            if modality == "infrared" and self.options.infrared_input == "gray_hog_plgf":
                view = stack_infrared(view)
            view = (view.expand(-1, 3, -1, -1) * 255 - 127.5) / 128
            fill = -127.5 / 128 if self.options.missing_fill == "pixel0" else 0.0
            views.append(view.masked_fill(absent, fill))
        return torch.stack(views), torch.stack(masks)

    @classmethod
    def from_artifact(cls, folder: Path) -> Mmdg:
        """Load a trained detector.

        Raises:
            BadInputError: not an artifact, or weights that do not fit the settings of its card.
        """
        artifact = load_artifact(folder)
        detector = cls(settings_from(artifact.card.settings, source=str(folder)))
        try:
            detector.network.load_state_dict(dict(artifact.weights))
        except RuntimeError as error:
            raise BadInputError(
                f"{folder}: the weights do not fit the card's settings ({detector.options.trunk}, "
                f"{detector.options.size} px): {str(error).splitlines()[-1].strip()}",
                hint="use the folder that facewarden train wrote",
            ) from error
        detector.card = artifact.card
        return detector

    @classmethod
    def example(cls, folder: Path) -> Mmdg:
        """A tiny untrained detector whose adapters and head act, for tests."""
        detector = cls(MmdgSettings(trunk="vit_tiny_patch16_224", size=32, depth=2))
        generator = torch.Generator().manual_seed(7)
        for name, parameter in detector.network.named_parameters():
            if ".up." in name:
                parameter.data = torch.randn(parameter.shape, generator=generator) * 0.1
        return detector


def _card(settings: MmdgSettings, *, pretrained: bool) -> Card:
    weights = "published weights of the trunk" if pretrained else "weights drawn from a seed"
    return Card(
        name="mmdg",
        summary="Multi-modal face anti-spoofing with uncertainty-gated cross-modal adapters.",
        role="pad",
        licence="Apache-2.0" if not pretrained else "that of the trunk's weights",
        source=f"{settings.trunk} of timm, {weights}, adapters untrained",
        training_data="none",
        intended_use="training; an untrained detector decides nothing",
        limits="needs RGB; the score means nothing before training",
        settings=asdict(settings),
    )


def _present(batch: FaceBatch, modality: str) -> Tensor:
    mask = batch.present.get(modality)  # type: ignore[call-overload]
    return torch.zeros(len(batch), dtype=torch.bool, device=batch.device) if mask is None else mask


def _row(batch: FaceBatch, index: int) -> FaceBatch:
    """One sample as views of the batch, without labels."""
    rows = slice(index, index + 1)
    return FaceBatch(
        images={name: image[rows] for name, image in batch.images.items()},
        key=batch.key[rows],
        present={name: mask[rows] for name, mask in batch.present.items()},
        box=None if batch.box is None else batch.box[rows],
    )


entry = Mmdg
