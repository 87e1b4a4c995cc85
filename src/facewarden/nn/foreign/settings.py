"""What the card of a model of another maker says of its input and output: one reader for every role and source."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from typing import Annotated, Any, Literal, TypeVar

import torch
from annotated_types import Ge, Gt, Le
from torch import Tensor

from facewarden.core.card import Card
from facewarden.core.errors import BadInputError
from facewarden.core.labels import CHANNELS, Modality
from facewarden.core.settings import Count, OneOrMore, Positive, SettingError, Whole, read_settings
from facewarden.nn.crop import Border

Layout = Literal["NCHW", "NHWC"]
Output = Literal["logits", "probability", "logit"]
PictureOutput = Literal["unit", "gray", "input"]
Reduce = Literal["mean", "max", "min", "median"]

_LARGEST_MEAN, _LARGEST_STD = 1e4, 2.55e5  # beyond, all pictures look alike to the network
_ELSEWHERE = {
    "swap_rb": "order", "bgr": "order", "rgb": "order", "color_order": "order", "channel_order": "order",
    "channels_last": "layout", "data_format": "layout", "margin": "scale", "crop_scale": "scale", "crop": "scale",
    "input_size": "size", "image_size": "size", "resolution": "size", "width": "size", "height": "size",
    "activation": "output", "softmax": "output", "live": "bona_fide", "live_class": "bona_fide", "real": "bona_fide",
    "pooling": "reduce", "pool": "reduce", "input_range": "range", "rescale": "range", "max_pixel": "range",
}  # fmt: skip
"""Words of other tools -> the setting that means the same here."""


@dataclass(frozen=True)
class InputSettings:
    """How pixels become the input of a network.

    The network sees (range x - mean) / std of pixels x in [0, 1], in its own channel order.

    Attributes:
        size: side of the square input in pixels; None reads it from the ONNX file.
        order: channel order of color, "RGB" or "BGR".
        layout: "NCHW" or "NHWC"; None reads it from the ONNX file, and is NCHW for Python.
        mean, std: one number, or one per channel in the network's order, in the units of `range`.
        range: 255 when mean and std count gray levels, 1 when they are in units of 0..1.
        output_name: which output is read; needed where there are several.
        reduce: how an output with a value per place of the picture becomes one value.
        batch: most pictures at once; None for any number.
    """

    size: Annotated[int, Ge(8), Le(1024)] | None = None
    order: Literal["RGB", "BGR"] = "RGB"
    layout: Layout | None = None
    mean: Annotated[tuple[float, ...], OneOrMore()] = (0.0,)
    std: Annotated[tuple[Positive, ...], OneOrMore()] = (1.0,)
    range: Literal[1, 255] = 255
    output_name: str | None = None
    reduce: Reduce | None = None
    batch: Count | None = None

    @property
    def channels(self) -> int:
        """Number of channels of the input."""
        return 3

    def __post_init__(self) -> None:
        for name, numbers in (("mean", self.mean), ("std", self.std)):
            if len(numbers) not in (1, self.channels):
                words = {1: "one", 3: "three"}
                allowed = "one number" if self.channels == 1 else f"one number or {words[self.channels]}"
                raise SettingError(
                    f"{name} is {list(numbers)}; allowed: {allowed}", hint=f'"{name}": 127.5', at=(name,)
                )
        _check_units(self.mean, self.std, self.range)


@dataclass(frozen=True)
class DetectorSettings(InputSettings):
    """Settings of a presentation attack detector of another maker, as its card states them.

    Attributes:
        scale: factor on the face box; None gives the whole frame.
        border: what happens where the crop leaves the frame, as in `facewarden.nn.crop.crop_resize`.
        modality: what it reads.
        output: "logits" of at least two classes, one "probability" of bona fide (or one per class), or one "logit".
        bona_fide: index of the class that is bona fide; None means 1 of two classes, and must be told for more.
        invert: the single output is that of an attack.
    """

    scale: Annotated[float, Gt(0), Le(10)] | None = None
    border: Border = "inside"
    modality: Modality = "rgb"
    output: Output = "logits"
    bona_fide: Whole | None = None
    invert: bool = False

    @property
    def channels(self) -> int:
        """Number of channels of what it reads."""
        return CHANNELS[self.modality]


@dataclass(frozen=True)
class RecognizerSettings(InputSettings):
    """Settings of a face recognizer of another maker; its input is the aligned crop, resampled to `size`."""


@dataclass(frozen=True)
class PurifierSettings(InputSettings):
    """Settings of a purifier of another maker.

    Attributes:
        size: side of the only size that it takes; None for one that takes any.
        output: units of the picture that it gives: "unit" for 0..1, "gray" for 0..255, "input" for those of its input.
    """

    output: PictureOutput = "unit"


S = TypeVar("S", bound=InputSettings)


def read_card(kind: type[S], card: Card, *, role: str, source: str, needed: Mapping[str, str] | None = None) -> S:
    """Read the settings of a card.

    Args:
        kind: which settings.
        card: of the model.
        role: what the model is to be used as.
        source: file that the card comes from, for errors.
        needed: settings that must be there -> what to type, for models of which no default is safe.

    Raises:
        BadInputError: another role, an unknown setting with the nearest known one, or a value that cannot be.
    """
    card.require_role(role, source=source)
    known = [field.name for field in fields(kind)]
    for word in card.settings:
        meant = _ELSEWHERE.get(str(word).lower())
        if word not in known and meant in known:
            others = sorted(set(card.settings) - set(known) - {word})
            more = f" (unknown too: {', '.join(map(str, others))})" if others else ""
            raise SettingError(
                f"{source}: unknown setting 'settings.{word}'; did you mean {meant!r}?{more}"
                + "".join(f"; {other}: did you mean {near!r}?" for other in others if (near := _near(other, known))),
                hint=f"known: {', '.join(known)}",
                at=("settings", str(word)),
            )
    absent = {name: text for name, text in (needed or {}).items() if name not in card.settings}
    if absent:
        raise SettingError(
            f"{source}: settings does not state {', '.join(absent)}",
            hint="add " + ", ".join(f'"{name}": {text}' for name, text in absent.items()),
            at=("settings", next(iter(absent))),
        )
    return read_settings(kind, card.settings, source=source, at=("settings",), hint=_example(kind))


def network_input(images: Tensor, settings: InputSettings) -> Tensor:
    """What the network sees of images, before its layout and type.

    Args:
        images: `(b, c, h, w)` in [0, 1], RGB order.
        settings: of the card.
    """
    ordered = images.flip(1) if settings.order == "BGR" and images.shape[1] == 3 else images
    mean, std = (
        torch.tensor(numbers, dtype=torch.float32, device=images.device).reshape(1, -1, 1, 1)
        for numbers in (settings.mean, settings.std)
    )
    return (ordered.float() * settings.range - mean) / std


def single_changes(settings: S, more: Mapping[str, Sequence[Any]] | None = None) -> dict[str, S]:
    """Single changes of a card that may explain why a known input has another answer.

    Args:
        settings: of the card.
        more: settings of the role -> values to try, besides the order of channels and the range of pixels.

    Returns:
        What to type -> the settings with it; those that contradict themselves are left out.
    """
    shared: dict[str, Sequence[Any]] = {
        "order": ["RGB" if settings.order == "BGR" else "BGR"],
        "range": [1 if settings.range == 255 else 255],
    }
    found = {}
    for name, values in {**shared, **(more or {})}.items():
        for value in values:
            with suppress(BadInputError):  # a range that mean and std contradict
                found[f'"{name}": {json.dumps(value)}'] = replace(settings, **{name: value})
    return found


def _near(word: Any, known: Sequence[str]) -> str | None:
    parts = str(word).lower().split("_")
    return next((name for name in known if name in parts), None)


def _example(kind: type[InputSettings]) -> str:
    common = '"size": 112, "order": "RGB", "mean": 127.5, "std": 127.5'
    if kind is DetectorSettings:
        return (
            'settings: {"size": 80, "scale": 2.7, "border": "inside", "modality": "rgb", "order": "BGR", "mean": 0, '
            '"std": 1, "output": "logits", "bona_fide": 1}'
        )
    return f"settings: {{{common}}}" if kind is RecognizerSettings else f'settings: {{{common}, "output": "input"}}'


def _check_units(mean: Sequence[float], std: Sequence[float], span: int) -> None:
    """Refuse a mean or std that cannot be in the units that `range` states."""
    if span == 1:
        if any(abs(value) > 2 for value in mean) or any(value > 10 for value in std):
            wrong = "mean" if any(abs(value) > 2 for value in mean) else "std"
            raise SettingError(
                f"{wrong} is {_list(mean if wrong == 'mean' else std)}, which counts gray levels, but range is 1",
                hint='"range": 255, or mean and std divided by 255',
                at=(wrong,),
            )
        return
    small = [value for value in mean if 0 < abs(value) < 1]
    if any(value < 1 for value in std) or small:
        wrong, numbers = ("std", std) if any(value < 1 for value in std) else ("mean", mean)
        raise SettingError(
            f"{wrong} is {_list(numbers)}, which is in units of 0..1, but range is 255: "
            "mean and std count gray levels of 255",
            hint=f'"range": 1, or "mean": {_list([255 * one for one in mean])} and "std": '
            f"{_list([255 * one for one in std])}",
            at=(wrong,),
        )
    if any(abs(value) > _LARGEST_MEAN for value in mean) or any(value > _LARGEST_STD for value in std):
        wrong = "mean" if any(abs(value) > _LARGEST_MEAN for value in mean) else "std"
        raise SettingError(
            f"{wrong} is {_list(mean if wrong == 'mean' else std)}: every picture would look the same to the network",
            hint="gray levels of 255, such as 127.5",
            at=(wrong,),
        )


def _list(numbers: Sequence[float]) -> str:
    shown = [f"{number:.6g}" for number in numbers]
    return shown[0] if len(shown) == 1 else f"[{', '.join(shown)}]"
