"""Changes that a capture survives with its label: pose of the crop, exposure, color, noise, holes, lost sensors.

What is drawn for a sample is drawn on the CPU, by an address; what is drawn is applied to a whole batch where it lies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from facewarden.core.batch import FaceBatch
from facewarden.core.errors import BadInputError
from facewarden.core.labels import CHANNELS, MODALITIES, Modality
from facewarden.core.seeding import derive
from facewarden.nn.photometry import PHOTOMETRY
from facewarden.training.parts.augment_settings import Augmentation
from facewarden.training.parts.tensors import with_tensors


@dataclass(frozen=True, eq=False)
class ColorDraws:
    """What is drawn for the pixels of one sensor, first axis the samples.

    Attributes:
        factor: `(b, c, 1, 1)` of brightness and color; of depth the stretch.
        offset: `(b, 1, 1, 1)` added to depth.
        gamma: `(b, 1, 1, 1)` exponents, and
        blur: `(b, 1, 1, 1)` weights of a 3x3 mean; of color and infrared.
        noise: `(b, c, s, s)` added.
        kept: `(b, 1, s, s)` bool, where no hole was drawn; of depth.
        shift, exponent: `(b, c, 1, 1)` and `(b, 1, 1, 1)`, the offsets and gamma of MMDG's lineage; None without.
    """

    factor: Tensor
    noise: Tensor
    offset: Tensor | None = None
    gamma: Tensor | None = None
    blur: Tensor | None = None
    kept: Tensor | None = None
    shift: Tensor | None = None
    exponent: Tensor | None = None


@dataclass(frozen=True, eq=False)
class Draws:
    """What is drawn for a batch.

    Attributes:
        place: `(b, 2, 3)` where each view lies in its crop.
        colors: sensor -> what changes its pixels.
        present: sensor -> `(b,)` bool, after sensors were taken away.
        copies: further targets of the batch, see `Augmentation.copies`.
        size: side of the view.
    """

    place: Tensor
    colors: Mapping[Modality, ColorDraws]
    present: Mapping[Modality, Tensor]
    size: int
    copies: Mapping[str, Tensor] = field(default_factory=dict)


def augment(batch: FaceBatch, *, size: int, settings: Augmentation, seed: int, epoch: int) -> FaceBatch:
    """Change every sample as its key, the epoch and the seed say, and cut the central `size` pixels.

    All sensors of a sample move together, as they are registered. What is drawn for a sample does not depend on the
    batch that it is in.

    Args:
        batch: crops taken with a margin around the view.
        size: side of the view.
        settings: how strong.
        seed, epoch: decide the draws. Those of `offset` and `gamma` have an address of their own for every sensor, so
            that they are the same whichever other sensors are there.

    Raises:
        BadInputError: an offset, gamma or mirror outside its range.
    """
    side = next(iter(batch.images.values())).shape[-1]
    drawn = draw_changes(
        batch.key, batch.modalities, present={name: here.cpu() for name, here in batch.present.items()}, side=side,
        size=size, settings=settings, seed=seed, epoch=epoch,
    )  # fmt: skip
    return apply_changes(batch, with_tensors(drawn, lambda tensor: tensor.to(batch.device)))


def draw_changes(
    keys: Sequence[str],
    modalities: Sequence[Modality],
    *,
    present: Mapping[Modality, Tensor],
    side: int,
    size: int,
    settings: Augmentation,
    seed: int,
    epoch: int,
) -> Draws:
    """Draw what `augment` applies, without looking at pixels; arguments as there.

    Args:
        keys: of the samples.
        modalities: in the order rgb, depth, infrared.
        present: sensor -> `(b,)` bool.
        side: of the crops.
    """
    if settings.offset < 0 or not 0 <= settings.gamma < 1 or not 0 <= settings.mirror <= 1:
        raise BadInputError(
            f"augmentation with offset {settings.offset}, gamma {settings.gamma} and mirror {settings.mirror}",
            hint="offset from 0, gamma from 0 to below 1, mirror from 0 to 1",
        )
    draws = [np.random.default_rng(derive(seed, "augment", epoch, key)) for key in keys]
    place = torch.stack([_place(rng, settings, side, size) for rng in draws])
    colors: dict[Modality, ColorDraws] = {}
    copies: dict[str, Tensor] = {}
    for name in modalities:
        channels = CHANNELS[name]
        draw = _depth_draws if name == "depth" else _color_draws
        found = _stacked([draw(rng, settings, channels, size) for rng in draws])
        if settings.offset or settings.gamma:
            own = [np.random.default_rng(derive(seed, "photometry", epoch, key, name)) for key in keys]
            if settings.copies and channels == 1:
                copies[f"{PHOTOMETRY}{name}"] = torch.stack([_of_copies(rng, settings) for rng in own])
            else:
                recolored = [_recolor_draws(rng, settings, channels) for rng in own]
                found = replace(
                    found, shift=torch.stack([shift for shift, _ in recolored]),
                    exponent=torch.tensor([[[[gamma]]] for _, gamma in recolored]),
                )  # fmt: skip
        colors[name] = found
    left = {name: here.clone() for name, here in present.items()}
    for row, rng in enumerate(draws):
        _drop(left, row, rng, settings.drop)
    return Draws(place, colors, left, size, copies)


def apply_changes(batch: FaceBatch, drawn: Draws) -> FaceBatch:
    """Change a batch as it was drawn; both are on one device."""
    grid = functional.affine_grid(drawn.place, [len(batch), 1, drawn.size, drawn.size], align_corners=False)
    images: dict[Modality, Tensor] = {}
    for name in batch.modalities:
        # holes and edges of depth are not averaged: a mean of face and wall is a distance at which there is nothing
        mode = "nearest" if name == "depth" else "bilinear"
        image = batch.images[name]
        moved = functional.grid_sample(image, grid.to(image), mode=mode, padding_mode="border", align_corners=False)
        draws = drawn.colors[name]
        changed = _distanced(moved, draws) if name == "depth" else _exposed(moved, draws)
        if draws.shift is not None and draws.exponent is not None:
            changed = _power((changed.clamp(0, 1) + draws.shift).clamp(0, 1), draws.exponent)
            if name == "depth":  # what was a hole stays one, and nothing else becomes one
                changed = torch.where(moved > 0, changed.clamp(min=1 / 255), torch.zeros_like(changed))
        images[name] = changed.clamp(0, 1)
    # maps move with the face that they describe; an unknown one is NaN and stays so
    tasks = {head: _move(value, grid) if value.ndim == 4 else value for head, value in batch.tasks.items()}
    return FaceBatch(
        images=images, present=drawn.present, key=batch.key, label=batch.label, species=batch.species,
        subject=batch.subject, domain=batch.domain, tasks={**tasks, **drawn.copies},
    )  # fmt: skip


def dropped(batch: FaceBatch, *, chance: float, seed: int, epoch: int) -> FaceBatch:
    """The batch with one or two of several sensors taken away, by chance.

    Args:
        batch: of any size.
        chance: that a sample loses sensors.
        seed, epoch: decide the draws, with each sample's key.
    """
    present = {name: here.clone() for name, here in batch.present.items()}
    for row, key in enumerate(batch.key):
        _drop(present, row, np.random.default_rng(derive(seed, "drop", epoch, key)), chance)
    return replace(batch, present=present)


def _exposed(image: Tensor, draws: ColorDraws) -> Tensor:
    assert draws.gamma is not None
    assert draws.blur is not None
    bright = _power((image * draws.factor).clamp(0, 1), draws.gamma)
    soft = functional.avg_pool2d(bright, 3, stride=1, padding=1, count_include_pad=False)
    return torch.lerp(bright, soft, draws.blur) + draws.noise


def _distanced(image: Tensor, draws: ColorDraws) -> Tensor:
    """Depth: errors of offset and scale, noise, and round holes; what was a hole stays one."""
    assert draws.kept is not None
    assert draws.offset is not None
    found = 0.5 + (image - 0.5) * draws.factor + draws.offset + draws.noise
    valid = (image > 0) & draws.kept
    return torch.where(valid, found.clamp(min=1 / 255), torch.zeros_like(found))


def _power(image: Tensor, exponent: Tensor) -> Tensor:
    """`image ** exponent`, exactly the image where the exponent is 1."""
    return torch.where(exponent == 1, image, image**exponent)


def _move(maps: Tensor, grid: Tensor) -> Tensor:
    return functional.grid_sample(maps, grid.to(maps), mode="bilinear", padding_mode="border", align_corners=False)


def _stacked(draws: Sequence[Mapping[str, Tensor]]) -> ColorDraws:
    return ColorDraws(**{name: torch.stack([one[name] for one in draws]) for name in draws[0]})


def _place(rng: np.random.Generator, settings: Augmentation, side: int, size: int) -> Float[Tensor, "2 3"]:
    angle = np.deg2rad(rng.normal() * settings.rotation)
    factor = size / side * np.exp(rng.uniform(-settings.zoom, settings.zoom))
    mirror = -1.0 if rng.random() < (0.5 if settings.rotation > 0 else settings.mirror) else 1.0
    cos, sin = np.cos(angle) * factor, np.sin(angle) * factor
    x, y = rng.uniform(-settings.shift, settings.shift, 2) * 2 * size / side
    return torch.tensor([[cos * mirror, -sin, x], [sin * mirror, cos, y]], dtype=torch.float32)


def _color_draws(rng: np.random.Generator, settings: Augmentation, channels: int, size: int) -> dict[str, Tensor]:
    gain, gamma = np.exp(rng.normal(size=2) * settings.exposure)
    tint = np.exp(rng.normal(size=channels) * settings.exposure / 3) if channels == 3 else np.ones(1)
    weight = float(rng.uniform(0, settings.blur)) if rng.random() < 0.5 else 0.0
    return {
        "factor": torch.tensor(gain * tint, dtype=torch.float32).reshape(-1, 1, 1),
        "gamma": torch.tensor([[[gamma]]], dtype=torch.float32),
        "blur": torch.tensor([[[weight]]], dtype=torch.float32),
        "noise": _noise(rng, settings, channels, size),
    }


def _depth_draws(rng: np.random.Generator, settings: Augmentation, channels: int, size: int) -> dict[str, Tensor]:
    offset, stretch = rng.normal() * settings.exposure / 8, np.exp(rng.normal() * settings.exposure / 2)
    noise = _noise(rng, settings, channels, size)
    holes = int(rng.integers(0, 6)) if settings.noise > 0 else 0
    kept = torch.ones(1, size, size, dtype=torch.bool)
    places = torch.arange(size)
    for _ in range(holes):
        y, x = rng.uniform(0, size, 2)
        radius = rng.uniform(1, 8)
        kept &= (places[:, None] - y) ** 2 + (places[None] - x) ** 2 > radius**2
    return {
        "factor": torch.tensor([[[stretch]]], dtype=torch.float32),
        "offset": torch.tensor([[[offset]]], dtype=torch.float32),
        "noise": noise,
        "kept": kept,
    }


def _recolor_draws(rng: np.random.Generator, settings: Augmentation, channels: int) -> tuple[Tensor, float]:
    """Per-channel offset, then gamma, as in the data pipeline of MMDG's lineage."""
    shift = torch.from_numpy(rng.uniform(-settings.offset, settings.offset, (channels, 1, 1)).astype(np.float32))
    return shift, float(rng.uniform(1 - settings.gamma, 1 + settings.gamma))


def _of_copies(rng: np.random.Generator, settings: Augmentation) -> Float[Tensor, " 4"]:
    """Three offsets and an exponent, drawn as those of a color image."""
    offset = rng.uniform(-settings.offset, settings.offset, 3)
    gamma = rng.uniform(1 - settings.gamma, 1 + settings.gamma)
    return torch.tensor([*offset, gamma], dtype=torch.float32)


def _noise(rng: np.random.Generator, settings: Augmentation, channels: int, size: int) -> Tensor:
    amount = float(rng.uniform(0, settings.noise))
    return torch.from_numpy(rng.standard_normal((channels, size, size), dtype=np.float32)) * amount


def _drop(present: dict[Modality, Tensor], row: int, rng: np.random.Generator, chance: float) -> None:
    held = [name for name in MODALITIES if name in present and bool(present[name][row])]
    if len(held) < 2 or rng.random() >= chance:
        return
    for name in rng.permutation(held)[: int(rng.integers(1, len(held)))]:
        present[name][row] = False
