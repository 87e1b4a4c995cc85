"""MMDG: RGB, depth and infrared in one vision transformer, coupled by uncertainty-gated adapters (CVPR 2024)."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor, nn

from facewarden.core.artifact import load_artifact
from facewarden.core.batch import FaceBatch
from facewarden.core.card import Card
from facewarden.core.compat import ensure_torchvision
from facewarden.core.errors import BadInputError
from facewarden.core.labels import CHANNELS, MODALITIES
from facewarden.core.roles import Detector, PadOutput
from facewarden.core.seeding import derive
from facewarden.nn.crop import crop_resize
from facewarden.nn.infrared_channels import stack_infrared
from facewarden.nn.mmdg_vit import MmdgVit, Preset, StreamOutput
from facewarden.nn.precision import at_least_single
from facewarden.nn.uem import UncertaintyMode

MissingFill = Literal["pixel0", "norm0", "masked_tokens"]
InfraredInput = Literal["gray", "gray_hog_plgf"]
Precision = Literal["float32", "bfloat16"]
Tiling = Literal["auto", "sample", "batch"]

_CHOICES: Mapping[str, tuple[str, ...]] = {
    "preset": get_args(Preset),
    "uncertainty": get_args(UncertaintyMode),
    "missing_fill": get_args(MissingFill),
    "infrared_input": get_args(InfraredInput),
    "precision": get_args(Precision),
    "tiling": get_args(Tiling),
}


@dataclass(frozen=True)
class MmdgSettings:
    """Everything that decides what an MMDG detector computes; it is recorded in the card.

    Attributes:
        trunk: name of a timm vision transformer with one class token.
        size: side of the input in pixels.
        depth: blocks of the trunk, all of them when None.
        preset: what is trained: `paper` the adapters and the head, `released` also class tokens, position embeddings
            (which it draws anew), last block and final norm.
        uncertainty: `closed_form`, or `mc` with 20 samples.
        missing_fill: what stands for an absent modality: pixels 0 (-0.996 after normalization), 0 after normalization,
            or masked tokens, which neither help, nor are helped, nor reach the classifier.
        infrared_input: three copies of the gray image, or [gray, HOG, PLGF].
        precision: of the matrix products; `bfloat16` is for training and for scores that need not be exact.
        tiling: in evaluation, `sample` sends one sample at a time through kernels of one shape, so that its score
            cannot depend on its company; `batch` is faster on a GPU; `auto` is `sample` on a CPU and `batch` elsewhere.
        hidden: width of the adapters.
        scale: factor on the face box.
        seed: of the fresh layers.
    """

    trunk: str = "vit_base_patch16_224"
    size: int = 224
    depth: int | None = None
    preset: Preset = "paper"
    uncertainty: UncertaintyMode = "closed_form"
    missing_fill: MissingFill = "pixel0"
    infrared_input: InfraredInput = "gray"
    precision: Precision = "float32"
    tiling: Tiling = "auto"
    hidden: int = 8
    scale: float = 1.3
    seed: int = 0

    def __post_init__(self) -> None:
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise BadInputError(
                    f"mmdg: unknown {name} {getattr(self, name)!r}", hint=f"one of {', '.join(choices)}"
                )


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
        self.settings = MmdgSettings() if settings is None else settings
        self.network = MmdgVit(
            make_trunk(self.settings, pretrained=pretrained) if trunk is None else trunk,
            hidden=self.settings.hidden,
            uncertainty=self.settings.uncertainty,
            seed=self.settings.seed,
        )
        if self.settings.preset == "released":
            self.network.forget_positions()
        self.frame_size = self.settings.size
        self.card = _card(self.settings, pretrained=pretrained)
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
        alone = self.settings.tiling == "sample" or (self.settings.tiling == "auto" and batch.device.type == "cpu")
        if self.training or not alone or len(batch) <= 1:
            return self._run(batch, maps=maps)
        parts = [self._run(_row(batch, index), maps=maps) for index in range(len(batch))]
        return StreamOutput(
            logits=torch.cat([part.logits for part in parts]),
            tokens=torch.cat([part.tokens for part in parts], dim=1),
            certainty=torch.cat([part.certainty for part in parts], dim=1),
            maps=torch.cat([part.maps for part in parts if part.maps is not None], dim=1) if maps else None,
        )

    def train_preset(self) -> Mmdg:
        """Make ready for training: gradients reach exactly what the preset trains, dropout is on."""
        self.network.choose_trainable(self.settings.preset)
        return self.train()

    @classmethod
    def untrained(cls, settings: Mapping[str, Any] | None = None, *, seed: int) -> Mmdg:
        """Return one with fresh adapters, ready to learn; its trunk is random unless weights are loaded into it.

        Args:
            settings: overrides of `MmdgSettings`.
            seed: of the fresh layers.
        """
        return cls(_settings({"seed": seed, **(settings or {})}, source="mmdg")).train_preset()

    def _run(self, batch: FaceBatch, *, maps: bool) -> StreamOutput:
        images, present = self.prepare(batch)
        weight = present.to(images.dtype) if self.settings.missing_fill == "masked_tokens" else None
        with self._autocast(images.device.type):
            output: StreamOutput = self.network(images, weight=weight, maps=maps)
        return replace(output, logits=at_least_single(output.logits), tokens=at_least_single(output.tokens))

    def _autocast(self, device: str) -> AbstractContextManager[None]:
        return torch.autocast(device, torch.bfloat16) if self.settings.precision == "bfloat16" else nullcontext()

    def prepare(self, batch: FaceBatch) -> tuple[Float[Tensor, "3 b 3 s s"], Tensor]:
        """Cropped, resized, filled and normalized images of the three streams, and `(3, b)` where they are present."""
        views, masks = [], []
        for modality in MODALITIES:
            masks.append(_present(batch, modality))
            absent = ~masks[-1][:, None, None, None]
            image = batch.images.get(modality)
            if image is None:
                image = batch.images["rgb"].new_zeros(len(batch), CHANNELS[modality], 1, 1)
                view = image.expand(-1, -1, self.settings.size, self.settings.size)
            else:
                box = _frame(image) if batch.box is None else batch.box
                scale = 1.0 if batch.box is None else self.settings.scale
                view = crop_resize(image, box, scale=scale, size=self.settings.size, antialias=modality != "depth")
            view = view.masked_fill(absent, 0.0)
            if modality == "infrared" and self.settings.infrared_input == "gray_hog_plgf":
                view = stack_infrared(view)
            view = (view.expand(-1, 3, -1, -1) * 255 - 127.5) / 128
            fill = -127.5 / 128 if self.settings.missing_fill == "pixel0" else 0.0
            views.append(view.masked_fill(absent, fill))
        return torch.stack(views), torch.stack(masks)

    @classmethod
    def from_artifact(cls, folder: Path) -> Mmdg:
        """Load a trained detector.

        Raises:
            BadInputError: not an artifact, or weights that do not fit the settings of its card.
        """
        artifact = load_artifact(folder)
        detector = cls(_settings(artifact.card.settings, source=str(folder)))
        try:
            detector.network.load_state_dict(dict(artifact.weights))
        except RuntimeError as error:
            raise BadInputError(
                f"{folder}: the weights do not fit the card's settings ({detector.settings.trunk}, "
                f"{detector.settings.size} px): {str(error).splitlines()[-1].strip()}",
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


def make_trunk(settings: MmdgSettings, *, pretrained: bool = False) -> nn.Module:
    """Make the timm network that a detector is built on; fresh weights come from the settings' seed.

    Raises:
        BadInputError: timm does not know the name, the size does not fit, or its weights cannot be had.
    """
    ensure_torchvision()
    import timm

    if not timm.is_model(settings.trunk):
        close = timm.list_models(f"{settings.trunk.split('_')[0]}*")[:5]
        raise BadInputError(
            f"timm has no model {settings.trunk!r}", hint=f"for example {', '.join(close)}" if close else ""
        )
    shape: dict[str, Any] = {"img_size": settings.size, "num_classes": 0, "pretrained": pretrained}
    if settings.depth is not None:
        shape["depth"] = settings.depth
    with torch.random.fork_rng(devices=[]):  # torch draws initial values from its global generator
        torch.manual_seed(derive(settings.seed, "mmdg", "trunk"))
        try:
            trunk: nn.Module = timm.create_model(settings.trunk, **shape)
        except (TypeError, ValueError, AssertionError) as error:
            raise BadInputError(f"{settings.trunk}: {error}", hint="a plain vit_* model and a fitting size") from error
        except Exception as error:  # every hub client has errors of its own
            raise BadInputError(
                f"{settings.trunk}: its weights cannot be had: {error}", hint="pretrained=False, or give a trunk"
            ) from error
    return trunk


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


def _settings(values: Mapping[str, Any], *, source: str) -> MmdgSettings:
    known = [item.name for item in fields(MmdgSettings)]
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise BadInputError(f"{source}: unknown settings {unknown}", hint=f"settings are {', '.join(known)}")
    return MmdgSettings(**values)


def _present(batch: FaceBatch, modality: str) -> Tensor:
    mask = batch.present.get(modality)  # type: ignore[call-overload]
    return torch.zeros(len(batch), dtype=torch.bool, device=batch.device) if mask is None else mask


def _frame(image: Tensor) -> Tensor:
    height, width = image.shape[-2:]
    return image.new_tensor([[0.0, 0.0, width, height]]).expand(len(image), -1)


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
