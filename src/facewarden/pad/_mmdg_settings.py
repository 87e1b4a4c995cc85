"""What an MMDG detector can be told, and the transformer that it is built on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

from torch import nn

from facewarden.core.errors import BadInputError
from facewarden.nn.mmdg_vit import Preset
from facewarden.nn.trunk import load_trunk
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
        trunk: a vision transformer with one class token, as `facewarden.nn.trunk.load_trunk` takes it: `face_vit` of
            this package, timm's name of one, or a folder of `facewarden distill`.
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
        _check_choices(asdict(self), source="mmdg")


def make_trunk(settings: MmdgSettings, *, pretrained: bool = False) -> nn.Module:
    """Make the transformer that a detector is built on; fresh weights come from the settings' seed."""
    return load_trunk(
        settings.trunk, size=settings.size, seed=settings.seed, depth=settings.depth, pretrained=pretrained
    )


def settings_from(values: Mapping[str, Any], *, source: str) -> MmdgSettings:
    """Settings from a card or a recipe.

    Args:
        values: by name; what is left out has its default.
        source: named in the error.

    Raises:
        BadInputError: an unknown setting, or an unknown word for one.
    """
    known = [item.name for item in fields(MmdgSettings)]
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise BadInputError(f"{source}: unknown settings {unknown}", hint=f"settings are {', '.join(known)}")
    _check_choices(values, source=source)
    return MmdgSettings(**values)


def _check_choices(values: Mapping[str, Any], *, source: str) -> None:
    for name, choices in _CHOICES.items():
        if values.get(name, choices[0]) not in choices:
            raise BadInputError(f"{source}: unknown {name} {values[name]!r}", hint=f"one of {', '.join(choices)}")
