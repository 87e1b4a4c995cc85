"""Shared parts of detectors of three registered sensors: view, fill of an absent sensor, tiling, artifacts."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from facewarden.core.artifact import CARD, load_artifact
from facewarden.core.batch import FaceBatch
from facewarden.core.card import Card
from facewarden.core.compute.precision import autocast
from facewarden.core.errors import BadInputError
from facewarden.core.labels import CHANNELS, MODALITIES, Modality
from facewarden.core.roles import PadOutput
from facewarden.core.seeding import derive
from facewarden.core.settings import read_settings
from facewarden.nn.crop import Border, crop_resize
from facewarden.nn.exported.graph import DetectorGraph
from facewarden.nn.exported.settings import CropView
from facewarden.nn.multimodal.infrared_channels import stack_infrared
from facewarden.nn.photometry import PHOTOMETRY, recolor_copies
from facewarden.nn.precision import at_least_single
from facewarden.nn.trainable import Trainable
from facewarden.nn.trunk import trunk_identity, without_weights
from facewarden.nn.trunk_input import normalized
from facewarden.pad.parts.kept import KEPT, Entered, below, filled, nobody
from facewarden.pad.parts.rows import joined_outputs, row_of
from facewarden.pad.parts.stream_settings import (
    TransformerSettings,
    ViewSettings,
    check_start,
    make_trunk,
)

_Output = TypeVar("_Output")
_Made = TypeVar("_Made", bound="ThreeStreams")

__all__ = ["KEPT", "Entered", "ThreeStreams"]


class ThreeStreams(Trainable):
    """A detector of rgb, depth and infrared on one pixel grid; depth and infrared may be absent.

    A subclass gives `kind`, `name`, `summary` and `source`, builds its network and says what it answers.

    Args:
        settings: sizes and options, by default those of `kind`.
        trunk: a network to use instead of making `settings.trunk`, for example with weights of yours.

    Raises:
        BadInputError: an unknown trunk, weights that cannot be had, or a trunk that does not fit.
    """

    modalities = MODALITIES
    optional: tuple[Modality, ...] = ("depth", "infrared")
    kind: ClassVar[type[ViewSettings]] = TransformerSettings
    name: ClassVar[str]
    summary: ClassVar[str]
    source: ClassVar[str]
    options: ViewSettings

    def __init__(self, settings: ViewSettings | None = None, *, trunk: nn.Module | None = None) -> None:
        super().__init__()
        self.options = self.kind() if settings is None else settings
        self.settings: Mapping[str, Any] = MappingProxyType(asdict(self.options))
        if trunk is None and isinstance(self.options, TransformerSettings):
            trunk = make_trunk(self.options)
        with torch.random.fork_rng(devices=[]):  # torch draws initial values from its global generator
            torch.manual_seed(derive(self.options.seed, self.name, "fresh layers"))
            self.network = self.build(trunk)
        self._filled: dict[torch.device, Tensor] = {}
        self.frame_size = self.options.size
        self.squash = self.options.size if self.options.fit == "squash" else None
        self.card = self._card()
        self.requires_grad_(False)
        self.eval()

    @abstractmethod
    def build(self, trunk: nn.Module | None) -> nn.Module:
        """The network, its fresh layers drawn from torch's generator; `trunk` as the settings ask for it."""

    @abstractmethod
    def respond(self, images: Float[Tensor, "3 b 3 s s"], weight: Float[Tensor, "3 b"] | None) -> PadOutput:
        """Score normalized images; `weight` is 0 where a modality is to be masked, None where it is filled instead."""

    def predict(self, batch: FaceBatch) -> PadOutput:
        """Score a batch of faces."""
        return self.tiled(batch, self._respond, joined=joined_outputs)

    def answer(self, batch: FaceBatch, ask: Callable[[Tensor, Tensor | None], _Output]) -> _Output:
        """What `ask` says of the prepared images of a whole batch, in the precision of the products.

        Args:
            batch: frames with boxes, or crops.
            ask: given normalized images `(3, b, 3, s, s)` and a weight `(3, b)`, see `respond`; or, where the batch
                holds them, the streams in front of the first block that the method changes.
        """
        images, present = self.kept(batch) if KEPT in batch.tasks else self.prepare(batch)
        weight = present.to(images.dtype) if self.options.missing_fill == "masked_tokens" else None
        with self.autocast(images.device.type):
            return ask(images, weight)

    def whole(self, batch: FaceBatch) -> Any:
        """The network's own output for a whole batch, which objectives need that train on more than scores."""
        return self.answer(batch, lambda images, weight: self.network(images, weight=weight))

    def _respond(self, batch: FaceBatch) -> PadOutput:
        output = self.answer(batch, self.respond)
        return PadOutput(
            score=at_least_single(output.score),
            features=None if output.features is None else at_least_single(output.features),
            tasks={name: at_least_single(task) for name, task in output.tasks.items()},
        )

    def tiled(
        self, batch: FaceBatch, run: Callable[[FaceBatch], _Output], *, joined: Callable[[Sequence[_Output]], _Output]
    ) -> _Output:
        """Run a batch as the setting `tiling` says, whole or sample by sample; one that still learns runs it whole."""
        alone = self.options.tiling == "sample" or (self.options.tiling == "auto" and batch.device.type == "cpu")
        if self.training or not self.frozen or not alone or len(batch) <= 1:
            return run(batch)
        return joined([run(row_of(batch, index)) for index in range(len(batch))])

    def autocast(self, device: str) -> AbstractContextManager[object]:
        """Matrix products in the precision that was asked for, else in that of the settings."""
        return autocast(self.asked_precision or self.options.precision, device)

    @property
    def own_precision(self) -> str:
        """What the settings say."""
        return self.options.precision

    def crop(self, batch: FaceBatch, *, size: int, scale: float) -> FaceBatch:
        """The detector's view of a batch; crops without boxes are only brought to the size.

        Args:
            batch: frames with boxes, or crops.
            size: side of the view in pixels.
            scale: factor on the box.
        """
        box = batch.box
        if box is None:
            some = next(iter(batch.images.values()))
            height, width = some.shape[-2:]
            if height == width == size:
                return batch
            if self.options.fit == "squash":  # the edge is repeated, as readers do that squash a file
                pressed = {
                    name: functional.interpolate(image, (size, size), mode="bilinear", align_corners=False).clamp(0, 1)
                    for name, image in batch.images.items()
                }
                return replace(batch, images=pressed)
            box, scale = some.new_tensor([[0.0, 0.0, width, height]]).expand(len(batch), -1), 1.0
        squashed = self.options.fit == "squash"
        border: Border = "stretch" if squashed else "zero"
        images = {
            name: crop_resize(
                image, box, scale=scale, size=size, border=border, antialias=name != "depth" and not squashed
            ).clamp(0, 1)
            for name, image in batch.images.items()
        }
        return replace(batch, images=images, box=None)

    def prepare(self, batch: FaceBatch) -> tuple[Float[Tensor, "3 b 3 s s"], Tensor]:
        """Cropped, resized, filled and normalized images of the three streams, and `(3, b)` where they are present."""
        crops = self.crop(batch, size=self.options.size, scale=self.options.scale).images
        some, side = next(iter(crops.values())), self.options.size
        blank = {
            name: some.new_zeros(len(batch), CHANNELS[name], side, side) for name in MODALITIES if name not in crops
        }
        masks = torch.stack([_present(batch, modality) for modality in MODALITIES])
        return self.filled({**crops, **blank}, masks, changes=batch.tasks), masks

    def filled(
        self, crops: Mapping[Modality, Tensor], masks: Tensor, *, changes: Mapping[str, Tensor] = MappingProxyType({})
    ) -> Float[Tensor, "3 b 3 s s"]:
        """Filled and normalized images of the three streams.

        Args:
            crops: view of every sensor in [0, 1].
            masks: `(3, b)`, where a sensor is there.
            changes: offsets and exponents of `facewarden.nn.photometry`.
        """
        views = []
        for place, modality in enumerate(MODALITIES):
            absent = ~masks[place][:, None, None, None]
            view = crops[modality].masked_fill(absent, 0.0)
            if modality == "infrared" and self.options.infrared_input == "gray_hog_plgf":
                view = stack_infrared(view)
            view = view.expand(-1, 3, -1, -1)
            if (change := changes.get(f"{PHOTOMETRY}{modality}")) is not None:
                view = recolor_copies(view, change, holes=modality == "depth")
            view = normalized(view)
            fill = -127.5 / 128 if self.options.missing_fill == "pixel0" else 0.0
            views.append(view.masked_fill(absent, fill))
        return torch.stack(views)

    def graph(self) -> DetectorGraph:
        """The detector behind its crop, in float32; absent sensors are filled inside."""
        squashed = self.options.fit == "squash"
        views = tuple(
            CropView(
                input=name, modality=name, size=self.options.size, scale=self.options.scale,
                border="stretch" if squashed else "zero", antialias=name != "depth" and not squashed,
                whole="press" if squashed else "crop",
            )
            for name in MODALITIES
        )  # fmt: skip
        return DetectorGraph(_StreamGraph(self), views, present=True, heads=self.heads)

    def kept(self, batch: FaceBatch) -> tuple[Float[Tensor, "3 b n d"], Tensor]:
        """The streams that a batch holds under `KEPT`, those of absent sensors filled, and where they are present."""
        present = torch.stack([_present(batch, modality) for modality in MODALITIES])
        return filled(batch.tasks[KEPT].transpose(0, 1), present, fill=self.filled_streams()), present

    def filled_streams(self) -> Float[Tensor, "3 n d"]:
        """The streams of what stands for an absent sensor, in front of the first block that the method changes."""
        device = next(self.network.parameters()).device
        if device not in self._filled:
            images, _ = self.prepare(nobody(self.options.size, device=device))
            self._filled[device] = below(self.network, images)
        return self._filled[device]

    def requires_grad_(self: _Made, requires_grad: bool = True) -> _Made:  # noqa: FBT001, FBT002 - the signature of torch
        """Enable gradients for the parameters that the preset trains, or for none."""
        super().requires_grad_(False)
        self.frozen = not requires_grad
        if requires_grad:
            if isinstance(self.options, TransformerSettings):
                network: Any = self.network
                network.choose_trainable(self.options.preset)
            else:
                super().requires_grad_(True)
        return self

    @classmethod
    def untrained(cls: type[_Made], settings: Mapping[str, Any] | None = None, *, seed: int) -> _Made:
        """Return a detector with fresh layers, ready for training.

        Args:
            settings: overrides of the settings.
            seed: of the fresh layers.

        Raises:
            BadInputError: wrong settings, or a preset that freezes a trunk of random weights.
        """
        options = read_settings(cls.kind, {"seed": seed, **(settings or {})}, source=cls.name)
        made = cls(options)  # an unknown trunk is told first
        if isinstance(options, TransformerSettings):
            check_start(options, source=cls.name)
        return made.requires_grad_().train()

    @classmethod
    def start(cls, settings: Mapping[str, Any]) -> str | None:
        """Return which weights training starts from; None where all layers are fresh by design.

        Raises:
            BadInputError: wrong settings, or weights that are not there.
        """
        options = read_settings(cls.kind, settings, source=cls.name)
        if not isinstance(options, TransformerSettings):
            return None
        return trunk_identity(options.trunk, pretrained=options.pretrained)

    @classmethod
    def from_artifact(cls: type[_Made], folder: Path) -> _Made:
        """Load a trained detector.

        Raises:
            BadInputError: not an artifact, or weights that do not fit the settings of its card.
        """
        artifact = load_artifact(folder)
        settings = read_settings(cls.kind, artifact.card.settings, source=str(folder / CARD), at=("settings",))
        trunk = None
        if isinstance(settings, TransformerSettings):
            # the artifact has every weight
            trunk = make_trunk(replace(settings, trunk=without_weights(settings.trunk), pretrained=False))
        detector = cls(settings, trunk=trunk)
        try:
            detector.network.load_state_dict(dict(artifact.weights))
        except RuntimeError as error:
            named = f"{detector.options.trunk}, " if isinstance(detector.options, TransformerSettings) else ""
            raise BadInputError(
                f"{folder}: the weights do not fit the card's settings ({named}{detector.options.size} px): "
                f"{str(error).splitlines()[-1].strip()}",
                hint="use the folder that facewarden train wrote",
            ) from error
        detector.card = artifact.card
        return detector

    def _card(self) -> Card:
        pretrained = isinstance(self.options, TransformerSettings) and self.options.pretrained
        weights = "published weights of the trunk" if pretrained else "weights drawn from a seed, or of the named trunk"
        return Card(
            name=self.name,
            summary=self.summary,
            role="pad",
            licence="Apache-2.0 (adapters and head); the trunk's own where its weights are taken",
            source=f"{self.source}; {weights}",
            training_data="none: its fresh layers are untrained",
            intended_use="training; an untrained detector decides nothing",
            limits="needs RGB; the score means nothing before training",
            settings=asdict(self.options),
        )


class _StreamGraph(nn.Module):
    """Views and a mask in, scores and heads out."""

    def __init__(self, detector: ThreeStreams) -> None:
        super().__init__()
        self.detector = detector

    def forward(self, rgb: Tensor, depth: Tensor, infrared: Tensor, present: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Scores `(b,)`, and the outputs of each head where there are some."""
        masks, options = present.t() > 0.5, self.detector.options
        images = self.detector.filled({"rgb": rgb, "depth": depth, "infrared": infrared}, masks)
        weight = masks.to(images.dtype) if options.missing_fill == "masked_tokens" else None
        output = self.detector.respond(images, weight)
        heads = tuple(output.tasks[head] for head in self.detector.heads)
        return (output.score, *heads) if heads else output.score


def _present(batch: FaceBatch, modality: str) -> Tensor:
    mask = batch.present.get(modality)  # type: ignore[call-overload]
    return torch.zeros(len(batch), dtype=torch.bool, device=batch.device) if mask is None else mask
