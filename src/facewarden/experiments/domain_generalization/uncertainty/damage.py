"""One region of one sensor is damaged: does U find it, do the other sensors' tokens move, does the decision flip?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facewarden.core.batch import FaceBatch
from facewarden.core.labels import MODALITIES, Modality
from facewarden.core.seeding import derive
from facewarden.experiments.domain_generalization.uncertainty.settings import Damage
from facewarden.experiments.domain_generalization.uncertainty.signals import over_captures, uncertainty_signals
from facewarden.nn.multimodal.mmdg_vit import StreamOutput
from facewarden.pad.mmdg import Mmdg


def region_of(key: str, *, size: int, side: int) -> tuple[int, int]:
    """Top and left of a square of `side` pixels in a view, decided by the capture's key."""
    rng = np.random.default_rng(derive(0, "damaged region", key))
    top, left = rng.integers(0, size - side + 1, 2)
    return int(top), int(left)


def damaged(batch: FaceBatch, *, sensor: Modality, kind: Damage, share: float) -> tuple[FaceBatch, Tensor]:
    """Damage a square of one sensor's pictures.

    Args:
        batch: views; the one before each gives what a frozen region shows.
        sensor: whose picture.
        kind: what is done.
        share: side of the square as a share of the view's.

    Returns:
        The batch, and `(b, 1, s, s)` bool where it was damaged.
    """
    images = batch.images[sensor].clone()
    size = images.shape[-1]
    side = max(1, round(share * size))
    mask = torch.zeros(len(batch), 1, size, size, dtype=torch.bool)
    other = batch.images[sensor].roll(1, dims=0)
    for row, key in enumerate(batch.key):
        top, left = region_of(key, size=size, side=side)
        inside = (slice(None), slice(top, top + side), slice(left, left + side))
        if kind == "saturated":
            images[row][inside] = 0.0 if sensor == "depth" else 1.0  # depth loses what returns too much light
        elif kind == "noise":
            draw = np.random.default_rng(derive(0, "damaged region", "noise", key)).random(images[row][inside].shape)
            images[row][inside] = torch.from_numpy(draw).to(images)
        else:
            images[row][inside] = other[row][inside]
        mask[row, 0, top : top + side, left : left + side] = True
    return replace(batch, images={**batch.images, sensor: images}), mask


def measure_damage(
    model: Mmdg, batch: FaceBatch, *, sensor: Modality, kind: Damage, share: float, threshold: float
) -> dict[str, Any]:
    """What damage does to one batch, with the gate as it was trained and with certainties of 1.

    Args:
        model: trained.
        batch: views of all three sensors.
        sensor, kind, share: as of `damaged`.
        threshold: of the decision.

    Returns:
        By sample: `detected`, area of U for the damaged patches; `moved`, how far the class tokens of the *other*
        sensors move, as a share of their length; `flipped`; and the same two with the gate off, `..._off`.
    """
    changed, mask = damaged(batch, sensor=sensor, kind=kind, share=share)
    place = MODALITIES.index(sensor)
    before, after = (_answer(model, one) for one in (batch, changed))
    assert after.maps is not None  # asked for
    side = round((after.maps.shape[-1] - 1) ** 0.5)
    hit = torch.nn.functional.adaptive_avg_pool2d(mask.float(), side).flatten(1).numpy()
    signal = uncertainty_signals(after, place)["u_mean"]
    known: NDArray[np.bool_] = (hit >= 0.9) | (hit <= 0.1)
    found: dict[str, Any] = {
        "detected": over_captures(signal, hit >= 0.9, known=known),
        **_moved(before, after, place=place, threshold=threshold),
    }
    gated = model.network.gated
    try:
        model.network.gated = False
        off = _moved(_answer(model, batch), _answer(model, changed), place=place, threshold=threshold)
    finally:
        model.network.gated = gated
    return {**found, **{f"{name}_off": values for name, values in off.items()}}


def _answer(model: Mmdg, batch: FaceBatch) -> StreamOutput:
    with torch.no_grad():
        return model.streams(batch, maps=True)


def _moved(before: StreamOutput, after: StreamOutput, *, place: int, threshold: float) -> dict[str, list[float]]:
    others = [m for m in range(len(MODALITIES)) if m != place]
    away = (after.tokens[others] - before.tokens[others]).norm(dim=2) / before.tokens[others].norm(dim=2)
    one, other = (output.logits[:, 1] - output.logits[:, 0] for output in (before, after))
    return {
        "moved": away.mean(dim=0).double().tolist(),
        "flipped": ((one >= threshold) != (other >= threshold)).double().tolist(),
    }


def joined(parts: Sequence[Mapping[str, Sequence[Any]]]) -> dict[str, list[Any]]:
    """Measures of several batches as one."""
    return {name: [value for part in parts for value in part[name]] for name in parts[0]}
