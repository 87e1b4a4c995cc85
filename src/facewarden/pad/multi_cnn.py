"""Small three-sensor baseline trained here on simulated captures: late fusion, works with any sensor missing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from facewarden.core.artifact import Artifact, load_artifact
from facewarden.core.batch import FaceBatch
from facewarden.core.card import Card
from facewarden.core.decision import DecisionRule
from facewarden.core.errors import BadInputError, ContractError, MissingAssetError
from facewarden.core.labels import MODALITIES
from facewarden.core.roles import PadOutput
from facewarden.core.seeding import derive
from facewarden.nn.crop import crop_resize
from facewarden.nn.exported.graph import DetectorGraph
from facewarden.nn.exported.settings import CropView
from facewarden.nn.multimodal.late_fusion import LateFusion
from facewarden.nn.trainable import Trainable

SHIPPED = Path(__file__).parent.parent / "weights" / "multi_cnn"
"""The weights that come with the package."""

SETTINGS: Mapping[str, Any] = {"backbone": "mobilenetv3_small_050", "width": 64, "size": 112, "scale": 1.8}
"""Backbone (timm name), feature width, side of the crop in pixels, factor on the face box."""


class MultiCnn(Trainable):
    """Three small convolutional trunks (color, depth, infrared) whose features are merged by gates.

    Any nonempty subset of the sensors is scored: what is absent is masked and the gates of the others renormalized. The
    heads "rgb", "depth" and "infrared" are the logits `(b, 1)` of each sensor alone, 0 where it is absent. Batches
    without boxes hold crops of the face already.

    Args:
        weights: an artifact folder as `facewarden train` writes it; by default the weights that come with the package.

    Raises:
        MissingAssetError: the package came without its weights.
        BadInputError: the folder is no artifact, or one of another network.
    """

    modalities = MODALITIES
    optional = MODALITIES
    heads = MODALITIES
    network: LateFusion

    def __init__(self, weights: Path | None = None) -> None:
        super().__init__()
        if weights is None and not SHIPPED.is_dir():
            raise MissingAssetError("multi_cnn came without its weights", hint="facewarden train --out DIR")
        artifact = load_artifact(weights or SHIPPED)
        self._build(artifact.card.settings)
        self._fill(artifact)
        self.card: Card = artifact.card
        self.rule: DecisionRule | None = artifact.rule
        self.requires_grad_(False).eval()

    @classmethod
    def untrained(cls, settings: Mapping[str, Any] | None = None, *, seed: int) -> MultiCnn:
        """Return a detector with random weights, ready for training.

        Args:
            settings: overrides of `SETTINGS`.
            seed: decides the weights.
        """
        made = cls.__new__(cls)
        Trainable.__init__(made)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive(seed, "initial weights"))
            made._build({**SETTINGS, **(settings or {})})
        made.rule = None
        made.card = Card("multi_cnn", "Three-sensor baseline with random weights", "pad", settings=dict(made.settings))
        return made

    @classmethod
    def from_artifact(cls, folder: Path) -> MultiCnn:
        """Read a trained detector from its folder."""
        return cls(folder)

    def predict(self, batch: FaceBatch) -> PadOutput:
        """Score a batch of frames by their face boxes, or of crops.

        Raises:
            ContractError: a sample has no modality at all.
        """
        given = [name for name in MODALITIES if name in batch.images]
        if not bool(torch.stack([batch.present[name] for name in given]).any(dim=0).all()):
            raise ContractError("a sample has none of rgb, depth and infrared", hint="drop it, it cannot be scored")
        crops = self.crop(batch, size=self.settings["size"], scale=self.settings["scale"])
        output = self.network(crops.images, present=crops.present)
        return PadOutput(score=output.score, features=output.features, tasks=output.by_modality)

    def crop(self, batch: FaceBatch, *, size: int, scale: float) -> FaceBatch:
        """The detector's view of a batch; crops without boxes are only brought to the size.

        Args:
            batch: frames with boxes, or crops.
            size: side of the view in pixels.
            scale: factor on the box.
        """
        frame = next(iter(batch.images.values()))
        box = batch.box
        if box is None:
            if frame.shape[-2:] == (size, size):
                return batch
            box, scale = frame.new_tensor([[0.0, 0.0, frame.shape[-1], frame.shape[-2]]]).repeat(len(batch), 1), 1.0
        images = {
            name: crop_resize(image, box, scale=scale, size=size, antialias=name != "depth").clamp(0, 1)
            for name, image in batch.images.items()
        }
        return FaceBatch(
            images=images, present=batch.present, key=batch.key, label=batch.label, species=batch.species,
            subject=batch.subject, domain=batch.domain,
        )  # fmt: skip

    def graph(self) -> DetectorGraph:
        """The detector behind its crop; the mask is inside."""
        size, scale = int(self.settings["size"]), float(self.settings["scale"])
        views = tuple(
            CropView(input=name, modality=name, size=size, scale=scale, antialias=name != "depth")
            for name in MODALITIES
        )
        return DetectorGraph(_FusionGraph(self.network), views, present=True, heads=MODALITIES)

    def _build(self, settings: Mapping[str, Any]) -> None:
        missing = sorted(set(SETTINGS) - set(settings))
        if missing:
            raise BadInputError(f"multi_cnn: the card lacks settings {missing}", hint="facewarden train writes cards")
        self.settings = {name: settings[name] for name in SETTINGS}
        self.network = LateFusion(MODALITIES, backbone=self.settings["backbone"], width=self.settings["width"])

    def _fill(self, artifact: Artifact) -> None:
        try:
            self.network.load_state_dict(dict(artifact.weights))
        except RuntimeError as error:
            raise BadInputError(
                f"{artifact.folder}: weights of another network: {error}", hint="give a folder of multi_cnn"
            ) from error


class _FusionGraph(nn.Module):
    """Views and a mask in, scores and the logits of each sensor alone out."""

    def __init__(self, network: LateFusion) -> None:
        super().__init__()
        self.network = network

    def forward(self, rgb: Tensor, depth: Tensor, infrared: Tensor, present: Tensor) -> tuple[Tensor, ...]:
        """Scores `(b,)` and logits `(b, 1)`."""
        masks = present > 0.5
        there = {name: masks[:, place] for place, name in enumerate(MODALITIES)}
        output = self.network.dense({"rgb": rgb, "depth": depth, "infrared": infrared}, present=there)
        return output.score, *(output.by_modality[name] for name in MODALITIES)


entry = MultiCnn
