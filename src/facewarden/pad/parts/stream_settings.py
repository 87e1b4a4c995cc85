"""Settings of detectors of three registered sensors: the view of the face, and the transformer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import nn

from facewarden.core.compute.precision import Precision
from facewarden.core.errors import BadInputError
from facewarden.core.settings import Count, Positive, Whole, check_fields
from facewarden.nn.trunk import is_random, load_trunk

MissingFill = Literal["pixel0", "norm0", "masked_tokens"]
InfraredInput = Literal["gray", "gray_hog_plgf"]
Tiling = Literal["auto", "sample", "batch"]
Fit = Literal["letterbox", "squash"]
Trained = Literal["paper", "released", "full"]


@dataclass(frozen=True)
class ViewSettings:
    """The view of the face in three sensors; it is recorded in the card.

    Attributes:
        size: side of the input in pixels.
        scale: factor on the face box.
        fit: how the face box, or a frame without one, becomes a square: `letterbox` keeps its shape, `squash` does not
            and does not widen the sampling either, as MMDG's lineage has it; then sensors of a capture without a box
            need not be of one size.
        missing_fill: what stands for an absent modality: pixels 0 (-0.996 after normalization), 0 after normalization,
            or masked tokens, which neither help, nor are helped, nor reach the classifier.
        infrared_input: three copies of the gray image, or [gray, HOG, PLGF].
        precision: of the matrix products; `bfloat16` is for training and for scores that need not be exact,
            `auto` takes it where the device has it natively.
        tiling: once it is trained, `sample` sends one sample at a time through kernels of one shape, so that its score
            cannot depend on its company; `batch` is faster; `auto` is `sample` on a CPU and `batch` elsewhere.
        seed: of the fresh layers.
    """

    size: Count = 224
    scale: Positive = 1.3
    fit: Fit = "letterbox"
    missing_fill: MissingFill = "pixel0"
    infrared_input: InfraredInput = "gray"
    precision: Precision = "float32"
    tiling: Tiling = "auto"
    seed: Whole = 0

    def __post_init__(self) -> None:
        check_fields(self, source="settings")


@dataclass(frozen=True)
class TransformerSettings(ViewSettings):
    """The view, and the transformer that all three sensors go through.

    Attributes:
        trunk: a vision transformer with one class token, as `facewarden.nn.trunk.load_trunk` takes it.
        depth: blocks of the trunk, all of them when None.
        preset: what is trained: `paper` what was added to the trunk (adapters and heads), `released` also class tokens,
            position embeddings, last block and final norm, `full` everything.
        pretrained: take timm's published weights of the trunk from a model hub, which must then answer. Only a
            detector that starts to learn asks for them; a trained one has its own.
    """

    trunk: str = "vit_base_patch16_224"
    depth: Count | None = None
    preset: Trained = "full"
    pretrained: bool = False


@dataclass(frozen=True)
class AdapterSettings(TransformerSettings):
    """The transformer, of whose first blocks nothing is changed.

    Attributes:
        first_block: block at which begins what the method adds, counted from 0; published methods begin at 0. With the
            preset `paper` nothing below is trained either, and plans can keep what comes out there.
    """

    first_block: Whole = 0


@dataclass(frozen=True)
class PlainAdapterSettings(AdapterSettings):
    """Settings of the transformer, and of adapters that give it something to train where its own weights are frozen.

    Attributes:
        hidden: channels of plain adapters beside attention and MLP, one set for each sensor; 0 for none.
    """

    hidden: Whole = 0


def make_trunk(settings: TransformerSettings) -> nn.Module:
    """Make the transformer that a detector is built on; fresh weights come from the settings' seed."""
    return load_trunk(
        settings.trunk, size=settings.size, seed=settings.seed, depth=settings.depth, pretrained=settings.pretrained
    )


def check_start(settings: TransformerSettings, *, source: str) -> None:
    """Refuse to freeze a trunk with random weights.

    Raises:
        BadInputError: the preset leaves the trunk frozen, and the trunk would have random weights unasked.
    """
    if settings.preset != "full" and is_random(settings.trunk, pretrained=settings.pretrained):
        raise BadInputError(
            f"{source}: preset {settings.preset} freezes {settings.trunk}, which would have random weights",
            hint=f"pretrained: true, trunk: face_vit or a folder, preset: full, or trunk: {settings.trunk}:fresh",
        )
