"""Which view of a capture a training step sees, and the pixels of it: the same draw whether tokens are kept or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from facewarden.core.batch import FaceBatch
from facewarden.core.labels import MODALITIES, Modality
from facewarden.core.seeding import derive
from facewarden.training.tokens.sensor_views import VIEWS, Pixels, sensor_view

Views = Literal["pixels", "sensor"]
"""What a training step sees: the crop with the changes of `augmentation`, or one of the capture's sensor views."""


def drawn_view(key: str, *, seed: int, epoch: int) -> int:
    """The number of a view, 0 for the clean one, each with the same chance.

    Args:
        key: of the sample.
        seed, epoch: of the training.
    """
    return derive(seed, "sensor view", epoch, key) % VIEWS


def seen_by_sensors(batch: FaceBatch, numbers: Sequence[int]) -> FaceBatch:
    """Each sample in one of its views; sensors that it lacks stay as they are.

    Args:
        batch: crops in the model's view.
        numbers: of the views, one a sample.
    """
    rows: dict[Modality, list[Tensor]] = {name: [] for name in batch.images}
    for row, (capture, number) in enumerate(zip(pixels_of(batch), numbers, strict=True)):
        seen = sensor_view(capture, number)
        for name, images in batch.images.items():
            image = seen.get(name)
            rows[name].append(images[row] if image is None else _unit(image).to(images))
    return replace(batch, images={name: torch.stack(images) for name, images in rows.items()})


def pixels_of(batch: FaceBatch) -> list[dict[Modality, Pixels]]:
    """The 8-bit pixels of every crop of a batch, `(h, w, c)` by modality, without the sensors that it lacks."""
    found: list[dict[Modality, Pixels]] = [{} for _ in batch.key]
    for name in MODALITIES:
        if name not in batch.images:
            continue
        whole = (batch.images[name] * 255 + 0.5).to(torch.uint8).permute(0, 2, 3, 1).numpy()
        for row, there in enumerate(batch.present[name].tolist()):
            if there:
                found[row][name] = np.ascontiguousarray(whole[row])
    return found


def _unit(image: Pixels) -> Tensor:
    return torch.from_numpy(image.astype(np.float32) / 255).permute(2, 0, 1)
