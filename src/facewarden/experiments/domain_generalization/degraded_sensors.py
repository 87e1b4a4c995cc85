"""Sensors that deliver a picture which is wrong: out of register, saturated, or frozen on an earlier capture.

A missing sensor is known to be missing. A degraded one is not: the detector receives its picture as if it were good.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional

from facewarden.core.batch import FaceBatch
from facewarden.core.labels import MODALITIES, Modality
from facewarden.core.seeding import derive
from facewarden.data.sample import Sample

DEGRADATIONS = ("out_of_register", "saturated", "frozen")
"""What can be wrong with a sensor's picture."""
DEGRADED = tuple(f"{modality} {kind}" for modality in MODALITIES for kind in DEGRADATIONS)
"""Every sensor with every degradation, as results name them."""

_SHIFT = 0.1
_GAIN = 3.0
_NEAREST = 0.4


def out_of_register(images: Tensor, *, keys: Sequence[str]) -> Tensor:
    """Shift each picture by a tenth of its side, in a direction that its key decides; edges are repeated.

    Args:
        images: `(b, c, h, w)` in [0, 1].
        keys: one a picture.
    """
    step = max(1, round(_SHIFT * images.shape[-1]))
    padded = functional.pad(images, (step, step, step, step), mode="replicate")
    moved = []
    for image, key in zip(padded, keys, strict=True):
        direction = derive(0, "out of register", key) % 8
        right, down = ((1, 0), (1, 1), (0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1))[direction]
        top, left = step * (1 - down), step * (1 - right)
        moved.append(image[:, top : top + images.shape[-2], left : left + images.shape[-1]])
    return torch.stack(moved)


def saturated(images: Tensor, *, modality: Modality) -> Tensor:
    """Three times the gain of color and infrared, cut at white; of depth the nearest two fifths become holes.

    A time-of-flight sensor loses what returns too much light, which is what is near.

    Args:
        images: `(b, c, h, w)` in [0, 1]; depth is brighter where nearer and 0 in holes.
        modality: of the sensor.
    """
    if modality != "depth":
        return (images * _GAIN).clamp(max=1.0)
    flat = images.flatten(1)
    known = torch.where(flat > 0, flat, torch.full_like(flat, torch.nan))
    edge = torch.nanquantile(known.double(), 1 - _NEAREST, dim=1).to(images.dtype)
    return torch.where(images > edge[:, None, None, None], torch.zeros_like(images), images)  # NaN: all is a hole


def earlier(samples: Sequence[Sample]) -> list[Sample]:
    """The capture before each at the same domain, in the order of the samples; of the first one, the last.

    What a frozen sensor goes on delivering is the picture of whoever was there before.
    """
    before: dict[str, Sample] = {}
    for sample in samples:
        before[sample.domain] = sample
    found = []
    for sample in samples:
        found.append(before[sample.domain])
        before[sample.domain] = sample
    return found


def degraded_views(
    views: Callable[[Sequence[Sample]], Iterator[FaceBatch]], samples: Sequence[Sample], *, what: str
) -> Iterator[FaceBatch]:
    """Views of samples as a degraded sensor delivers them.

    Args:
        views: the views of some samples, in their order.
        samples: that are scored.
        what: one of `DEGRADED`.
    """
    if not what.endswith(" frozen"):
        for batch in views(samples):
            yield degraded(batch, what=what)
        return
    for batch, stale in zip(views(samples), views(earlier(samples)), strict=True):
        yield degraded(batch, what=what, stale=stale)


def degraded(batch: FaceBatch, *, what: str, stale: FaceBatch | None = None) -> FaceBatch:
    """A batch as a degraded sensor delivers it.

    Args:
        batch: the models' own views.
        what: one of `DEGRADED`.
        stale: the views of the earlier captures, of the same length; needed where the sensor is frozen.
    """
    modality, kind = _parts(what)
    if modality not in batch.images:
        return batch
    images, present = batch.images[modality], batch.present[modality]
    if kind == "frozen":
        assert stale is not None
        assert len(stale) == len(batch)
        images, present = stale.images[modality], stale.present[modality]
    else:
        images = (
            out_of_register(images, keys=batch.key)
            if kind == "out_of_register"
            else saturated(images, modality=modality)
        )
    return replace(batch, images={**batch.images, modality: images}, present={**batch.present, modality: present})


def _parts(what: str) -> tuple[Modality, str]:
    for modality in MODALITIES:
        if what in DEGRADED and what.startswith(f"{modality} "):
            return modality, what.removeprefix(f"{modality} ")
    raise ValueError(f"{what!r} is none of {', '.join(DEGRADED)}")
