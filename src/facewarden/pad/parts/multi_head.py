"""AENet's heads on a chosen backbone: what the detectors `multitask` and `color_cnn` share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from facewarden.core.artifact import Artifact, load_artifact, save_artifact
from facewarden.core.batch import FaceBatch
from facewarden.core.card import Card
from facewarden.core.decision import DecisionRule
from facewarden.core.errors import BadInputError, MissingAssetError
from facewarden.core.labels import Modality
from facewarden.core.roles import PadOutput
from facewarden.core.seeding import derive
from facewarden.core.tasks import HEADS, MAPS
from facewarden.nn.crop import crop_resize
from facewarden.nn.exported.graph import DetectorGraph
from facewarden.nn.exported.settings import CropView
from facewarden.nn.multitask_net import MAP_SIDE, MultitaskNet
from facewarden.nn.trainable import Trainable
from facewarden.pad.parts.imagenet import load_imagenet

HEAD_SETS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "all": HEADS,
        "semantic": ("live", "attributes", "spoof_type", "illumination"),
        "geometric": ("live", "depth_map", "reflection_map"),
        "live_only": ("live",),
        **{f"live_{head}": ("live", head) for head in HEADS if head != "live"},
    }
)
"""Named sets of heads: AENet's two branches, everything, nothing but the decision, and the decision with one other."""

EQUALIZED: Mapping[str, Any] = MappingProxyType(
    {"backbone": "efficientnet_lite0_5", "heads": "all", "size": 112, "scale": 1.4, "pretrained": True, "equal": True}
)
"""Settings of `color_cnn` and `color_cnn_robust`, which see equalized pictures; as those of `multitask`."""

_SHIPPED = Path(__file__).parent.parent.parent / "weights"
_LATER = MappingProxyType({"equal": False})
"""Settings that older cards lack -> what they had."""

_Made = TypeVar("_Made", bound="HeadsOnBackbone")


class HeadsOnBackbone(Trainable):
    """AENet's heads on a chosen backbone; every head can be read, trained and attacked by its name.

    `PadOutput.tasks` holds each head's raw output: logits of `live` (attack, bona fide), `attributes`, `spoof_type` and
    `illumination`, and the maps in [0, 1]. The score is the difference of the two live logits. Batches without boxes
    hold crops of the face already.

    Args:
        weights: an artifact folder as `facewarden train` writes it; by default that of the package.

    Raises:
        MissingAssetError: the package came without its weights.
        BadInputError: no artifact, or one of another network.
    """

    name: ClassVar[str]
    defaults: ClassVar[Mapping[str, Any]]
    modalities: tuple[Modality, ...] = ("rgb",)
    heads: tuple[str, ...] = HEADS
    network: MultitaskNet

    def __init__(self, weights: Path | None = None) -> None:
        super().__init__()
        shipped = self.shipped()
        if weights is None and not shipped.is_dir():
            own = self.name
            raise MissingAssetError(
                f"{own} came without its weights", hint=f"facewarden train {own} --out DIR, then {own}:DIR"
            )
        artifact = load_artifact(weights or shipped)
        self._build(artifact.card.settings)
        self._fill(artifact)
        self.card: Card = artifact.card
        self.rule: DecisionRule | None = artifact.rule
        self.requires_grad_(False).eval()

    @classmethod
    def shipped(cls) -> Path:
        """The folder of the package's own weights, of the name of the entry."""
        return _SHIPPED / cls.name

    @classmethod
    def untrained(cls: type[_Made], settings: Mapping[str, Any] | None = None, *, seed: int) -> _Made:
        """Return one with random weights (the backbone's from ImageNet where the settings say so), ready for training.

        Args:
            settings: overrides of `defaults`.
            seed: decides the random weights.

        Raises:
            BadInputError: an unknown setting, backbone or head set.
            MissingAssetError: the ImageNet weights are not fetched.
        """
        unknown = sorted(set(settings or {}) - set(cls.defaults))
        if unknown:
            known = ", ".join(cls.defaults)
            raise BadInputError(f"{cls.name} has no setting {', '.join(unknown)}", hint=f"one of: {known}")
        made = cls.__new__(cls)
        Trainable.__init__(made)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive(seed, "initial weights"))
            made._build({**cls.defaults, **(settings or {})})
        start = f"random weights, seed {seed}"
        if made.settings["pretrained"]:
            start = load_imagenet(made.network.trunk.network, made.settings["backbone"])
        made.rule = None
        made.card = Card(
            cls.name,
            "Multitask detector, not trained",
            "pad",
            licence="Apache-2.0",
            source=start,
            training_data="none",
            intended_use=f"to be trained: facewarden train {cls.name}",
            limits="its scores mean nothing yet",
            settings=dict(made.settings),
        )
        return made

    @classmethod
    def from_artifact(cls: type[_Made], folder: Path) -> _Made:
        """Read a trained detector from its folder."""
        return cls(folder)

    @classmethod
    def example(cls: type[_Made], folder: Path) -> _Made:
        """Return one with random weights that were written into a folder."""
        made = cls.untrained({"size": 64, "pretrained": False}, seed=0)
        save_artifact(folder, made.network.state_dict(), card=made.card, recipe={"entry": cls.name})
        return cls(folder)

    def predict(self, batch: FaceBatch) -> PadOutput:
        """Score a batch of frames by their face boxes, or of crops."""
        size, scale = int(self.settings["size"]), float(self.settings["scale"])
        tasks, features = self.network(self._view(batch, batch.images["rgb"], size=size, scale=scale))
        return PadOutput(score=tasks["live"][:, 1] - tasks["live"][:, 0], features=features, tasks=tasks)

    def crop(self, batch: FaceBatch, *, size: int, scale: float) -> FaceBatch:
        """The detector's view of a batch and of its maps; crops without boxes are only brought to the size.

        Args:
            batch: frames with boxes, or crops.
            size: side of the view in pixels.
            scale: factor on the box.
        """
        tasks = {
            name: self._view(batch, value, size=size, scale=scale) if name in MAPS else value
            for name, value in batch.tasks.items()
        }
        image = self._view(batch, batch.images["rgb"], size=size, scale=scale).clamp(0, 1)
        return replace(batch, images={"rgb": image}, present={"rgb": batch.present["rgb"]}, box=None, tasks=tasks)

    def targets(self, batch: FaceBatch) -> Mapping[str, Tensor]:
        """Return the targets of the heads for a batch: the label for `live`, maps of this detector's view at 14x14."""
        size, scale = int(self.settings["size"]), float(self.settings["scale"])
        by_head = {"live": batch.label} if batch.label is not None else {}
        for name, value in batch.tasks.items():
            if name in MAPS:
                view = self._view(batch, value, size=size, scale=scale)
                by_head[name] = functional.adaptive_avg_pool2d(view, MAP_SIDE)
            else:
                by_head[name] = value
        return {name: value for name, value in by_head.items() if name in self.heads}

    def graph(self) -> DetectorGraph:
        """The detector behind its crop."""
        size, scale = int(self.settings["size"]), float(self.settings["scale"])
        view = CropView(input="rgb", modality="rgb", size=size, scale=scale, antialias=True)
        return DetectorGraph(_HeadsGraph(self.network, self.heads), (view,), heads=self.heads)

    def _view(self, batch: FaceBatch, images: Tensor, *, size: int, scale: float) -> Tensor:
        box = batch.box
        if box is None:
            if images.shape[-2:] == (size, size):
                return images
            whole = images.new_tensor([[0.0, 0.0, images.shape[-1], images.shape[-2]]])
            box, scale = whole.repeat(len(batch), 1), 1.0
        return crop_resize(images, box, scale=scale, size=size, antialias=True)

    def _build(self, settings: Mapping[str, Any]) -> None:
        settings = {**_LATER, **settings}
        missing = sorted(set(self.defaults) - set(settings))
        if missing:
            raise BadInputError(f"{self.name}: the card lacks settings {missing}", hint="facewarden train writes cards")
        self.settings = {name: settings[name] for name in self.defaults}
        chosen = self.settings["heads"]
        if chosen not in HEAD_SETS:
            raise BadInputError(f"unknown head set {chosen!r}", hint=f"one of: {', '.join(HEAD_SETS)}")
        self.heads = HEAD_SETS[chosen]
        self.network = MultitaskNet(
            self.settings["backbone"], heads=self.heads, size=int(self.settings["size"]),
            equal=bool(self.settings["equal"]),
        )  # fmt: skip

    def _fill(self, artifact: Artifact) -> None:
        try:
            self.network.load_state_dict(dict(artifact.weights))
        except RuntimeError as error:
            raise BadInputError(
                f"{artifact.folder}: weights of another network: {error}", hint=f"give a folder of {self.name}"
            ) from error


class _HeadsGraph(nn.Module):
    """A view in, the difference of the two live logits and the output of every head out."""

    def __init__(self, network: MultitaskNet, heads: tuple[str, ...]) -> None:
        super().__init__()
        self.network, self.heads = network, heads

    def forward(self, rgb: Tensor) -> tuple[Tensor, ...]:
        """Scores `(b,)` and the outputs of the heads."""
        tasks, _ = self.network(rgb)
        return tasks["live"][:, 1] - tasks["live"][:, 0], *(tasks[head] for head in self.heads)
