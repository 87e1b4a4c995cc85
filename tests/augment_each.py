"""Augmentation sample by sample, as it was before batches were changed at once: the oracle of the batched one."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from facewarden.core.batch import FaceBatch
from facewarden.core.labels import MODALITIES, Modality
from facewarden.core.seeding import derive
from facewarden.nn.photometry import PHOTOMETRY
from facewarden.training.parts.augment_settings import Augmentation


def augment_each(batch: FaceBatch, *, size: int, settings: Augmentation, seed: int, epoch: int) -> FaceBatch:
    """Change every sample by itself."""
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
