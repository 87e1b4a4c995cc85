"""Changes that a capture survives with its label: pose of the crop, exposure, color, noise, holes, lost sensors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from facewarden.core.batch import FaceBatch
from facewarden.core.errors import BadInputError
from facewarden.core.labels import MODALITIES, Modality
from facewarden.core.seeding import derive
from facewarden.core.settings import NotNegative, Share, ShareBelowOne
from facewarden.nn.photometry import PHOTOMETRY


@dataclass(frozen=True)
class Augmentation:
    """Strength of the changes; all zero leaves nothing but the central crop.

    Attributes:
        rotation: standard deviation in degrees.
        zoom: largest change of size, as a logarithm.
        shift: largest shift as a share of the side.
        exposure: standard deviation of the logarithm of brightness, gamma and, a third of it, of each color.
        blur: largest weight of a 3x3 mean.
        noise: largest standard deviation of pixel noise.
        drop: chance that one or two of several sensors are taken away.
        offset: largest value added to a channel, drawn uniformly for every channel of every sensor by itself.
        gamma: largest distance of an exponent from 1, drawn uniformly for every sensor by itself.
        mirror: chance that a sample is mirrored where nothing rotates; what rotates is mirrored half of the time.
        copies: depth and infrared, which models of three streams take as three equal channels, have an offset for each
            of the three. The batch then says which, and the model applies it.
    """

    rotation: NotNegative = 6.0
    zoom: NotNegative = 0.12
    shift: NotNegative = 0.06
    exposure: NotNegative = 0.2
    blur: Share = 1.0
    noise: NotNegative = 0.03
    drop: Share = 0.4
    offset: NotNegative = 0.0
    gamma: ShareBelowOne = 0.0
    mirror: Share = 0.0
    copies: bool = False


PUBLISHED = Augmentation(
    rotation=0.0, zoom=0.0, shift=0.0, exposure=0.0, blur=0.0, noise=0.0, drop=0.0,
    offset=40 / 255, gamma=0.5, mirror=0.5, copies=True,
)  # fmt: skip
"""What MMDG's lineage does: color of every sensor changed by itself, one mirroring shared by all."""


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
    if settings.offset < 0 or not 0 <= settings.gamma < 1 or not 0 <= settings.mirror <= 1:
        raise BadInputError(
            f"augmentation with offset {settings.offset}, gamma {settings.gamma} and mirror {settings.mirror}",
            hint="offset from 0, gamma from 0 to below 1, mirror from 0 to 1",
        )
    draws = [np.random.default_rng(derive(seed, "augment", epoch, key)) for key in batch.key]
    side = next(iter(batch.images.values())).shape[-1]
    place = torch.stack([_place(rng, settings, side, size) for rng in draws])
    grid = functional.affine_grid(place, [len(batch), 1, size, size], align_corners=False)
    images: dict[Modality, Tensor] = {}
    later: dict[str, Tensor] = {}
    for name in batch.modalities:
        image = batch.images[name]
        # holes and edges of depth are not averaged: a mean of face and wall is a distance at which there is nothing
        mode = "nearest" if name == "depth" else "bilinear"
        moved = functional.grid_sample(image, grid.to(image), mode=mode, padding_mode="border", align_corners=False)
        changed = [_CHANGES[name](one, rng, settings) for one, rng in zip(moved, draws, strict=True)]
        if settings.offset or settings.gamma:
            own = [np.random.default_rng(derive(seed, "photometry", epoch, key, name)) for key in batch.key]
            if settings.copies and image.shape[1] == 1:
                later[f"{PHOTOMETRY}{name}"] = torch.stack([_of_copies(rng, settings) for rng in own])
                images[name] = torch.stack(changed).clamp(0, 1)
                continue
            changed = [_recolor(one.clamp(0, 1), rng, settings) for one, rng in zip(changed, own, strict=True)]
            if name == "depth":  # what was a hole stays one, and nothing else becomes one
                changed = [
                    torch.where(before > 0, after.clamp(min=1 / 255), torch.zeros(()))
                    for after, before in zip(changed, moved, strict=True)
                ]
        images[name] = torch.stack(changed).clamp(0, 1)
    # maps move with the face that they describe; an unknown one is NaN and stays so
    tasks = {head: _move(value, grid) if value.ndim == 4 else value for head, value in batch.tasks.items()}
    present = {name: here.clone() for name, here in batch.present.items()}
    for row, rng in enumerate(draws):
        _drop(present, row, rng, settings.drop)
    return FaceBatch(
        images=images, present=present, key=batch.key, label=batch.label, species=batch.species,
        subject=batch.subject, domain=batch.domain, tasks={**tasks, **later},
    )  # fmt: skip


def _of_copies(rng: np.random.Generator, settings: Augmentation) -> Float[Tensor, " 4"]:
    """Three offsets and an exponent, drawn as `_recolor` draws those of a color image."""
    offset = rng.uniform(-settings.offset, settings.offset, 3)
    gamma = rng.uniform(1 - settings.gamma, 1 + settings.gamma)
    return torch.tensor([*offset, gamma], dtype=torch.float32)


def _move(maps: Tensor, grid: Tensor) -> Tensor:
    return functional.grid_sample(maps, grid.to(maps), mode="bilinear", padding_mode="border", align_corners=False)


def _place(rng: np.random.Generator, settings: Augmentation, side: int, size: int) -> Float[Tensor, "2 3"]:
    angle = np.deg2rad(rng.normal() * settings.rotation)
    factor = size / side * np.exp(rng.uniform(-settings.zoom, settings.zoom))
    mirror = -1.0 if rng.random() < (0.5 if settings.rotation > 0 else settings.mirror) else 1.0
    cos, sin = np.cos(angle) * factor, np.sin(angle) * factor
    x, y = rng.uniform(-settings.shift, settings.shift, 2) * 2 * size / side
    return torch.tensor([[cos * mirror, -sin, x], [sin * mirror, cos, y]], dtype=torch.float32)


def _expose(image: Tensor, rng: np.random.Generator, settings: Augmentation) -> Tensor:
    gain, gamma = np.exp(rng.normal(size=2) * settings.exposure)
    tint = np.exp(rng.normal(size=image.shape[0]) * settings.exposure / 3) if image.shape[0] == 3 else np.ones(1)
    factor = torch.tensor(gain * tint, dtype=image.dtype).reshape(-1, 1, 1)
    bright = (image * factor).clamp(0, 1) ** float(gamma)
    weight = float(rng.uniform(0, settings.blur)) if rng.random() < 0.5 else 0.0
    soft = functional.avg_pool2d(bright[None], 3, stride=1, padding=1, count_include_pad=False)[0]
    return torch.lerp(bright, soft, weight) + _noise(image, rng, settings)


def _recolor(image: Tensor, rng: np.random.Generator, settings: Augmentation) -> Tensor:
    """Per-channel offset, then gamma, as in the data pipeline of MMDG's lineage."""
    offset = torch.from_numpy(rng.uniform(-settings.offset, settings.offset, (image.shape[0], 1, 1)).astype(np.float32))
    gamma = float(rng.uniform(1 - settings.gamma, 1 + settings.gamma))
    return (image + offset.to(image)).clamp(0, 1) ** gamma


def _distance(image: Tensor, rng: np.random.Generator, settings: Augmentation) -> Tensor:
    """Depth: errors of offset and scale, noise, and round holes; what was a hole stays one."""
    valid = image > 0
    offset, stretch = rng.normal() * settings.exposure / 8, np.exp(rng.normal() * settings.exposure / 2)
    found = 0.5 + (image - 0.5) * float(stretch) + float(offset) + _noise(image, rng, settings)
    holes = int(rng.integers(0, 6)) if settings.noise > 0 else 0
    rows, columns = (torch.arange(extent) for extent in image.shape[1:])
    for _ in range(holes):
        y, x = rng.uniform(0, image.shape[1], 2)
        radius = rng.uniform(1, 8)
        valid = valid & ((rows[:, None] - y) ** 2 + (columns[None] - x) ** 2 > radius**2)
    return torch.where(valid, found.clamp(min=1 / 255), torch.zeros(()))


def _noise(image: Tensor, rng: np.random.Generator, settings: Augmentation) -> Tensor:
    amount = float(rng.uniform(0, settings.noise))
    return torch.from_numpy(rng.standard_normal(image.shape, dtype=np.float32)) * amount


_CHANGES = {"rgb": _expose, "depth": _distance, "infrared": _expose}


def _drop(present: dict[Modality, Tensor], row: int, rng: np.random.Generator, chance: float) -> None:
    held = [name for name in MODALITIES if name in present and bool(present[name][row])]
    if len(held) < 2 or rng.random() >= chance:
        return
    for name in rng.permutation(held)[: int(rng.integers(1, len(held)))]:
        present[name][row] = False
