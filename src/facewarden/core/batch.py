"""`FaceBatch`: the one form in which faces reach a detector, an attack or a purifier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from facewarden.core.errors import ContractError
from facewarden.core.labels import CHANNELS, MODALITIES, Modality


def check_unit_range(images: Tensor, *, what: str) -> None:
    """Raise when images hold NaN or anything outside [0, 1].

    Args:
        images: any shape, floating point.
        what: named in the message, e.g. `"minifasnet: rgb"`.

    Raises:
        ContractError: not floating point, NaN, or out of range; the message tells the likeliest cause.
    """
    if not images.is_floating_point():
        raise ContractError(
            f"{what}: expected floating point images in [0, 1], got {images.dtype}", hint="x.float() / 255"
        )
    if images.numel() == 0:
        return
    low, high = (float(value) for value in torch.aminmax(images.detach()))
    if not (low >= 0.0 and high <= 1.0):  # written so that NaN fails too
        raise ContractError(
            f"{what}: images must lie in [0, 1], got [{low:.4g}, {high:.4g}]",
            hint="divide 8-bit values by 255; do not normalize, every model normalizes inside itself",
        )


@dataclass(frozen=True, eq=False)
class FaceBatch:
    """Faces by modality on one pixel grid, with what is known of them. Immutable.

    Attributes:
        images: modality -> `(b, c, h, w)` floats in [0, 1], RGB order, never normalized; rgb has 3 channels, depth and
            infrared 1. Depth is `clip(0.5 + (z_face - z) / 300 mm, 0, 1)`, holes are 0.
        key: one unique name per sample.
        present: modality -> `(b,)` bool; False where a sample has no capture of that modality (its pixels are ignored).
        box: `(b, 4)` face box x0 y0 x1 y1 in pixels of the frame; absent for crops that are the face already.
        label: `(b,)` int64, 1 = bona fide, 0 = attack presentation.
        species, subject, domain: one string per sample.
        tasks: further targets by name, first axis `b` (depth map, attributes …).

    Raises:
        ContractError: shapes, ranges or lengths disagree.
    """

    images: Mapping[Modality, Tensor]
    key: tuple[str, ...]
    present: Mapping[Modality, Tensor] = field(default_factory=dict)
    box: Tensor | None = None
    label: Tensor | None = None
    species: tuple[str, ...] | None = None
    subject: tuple[str, ...] | None = None
    domain: tuple[str, ...] | None = None
    tasks: Mapping[str, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.images:
            raise ContractError("a FaceBatch needs at least one modality", hint="images={'rgb': x}")
        count = len(self.key)
        sizes = set()
        for name, image in self.images.items():
            if name not in MODALITIES:
                raise ContractError(f"unknown modality {name!r}", hint=f"use one of {', '.join(MODALITIES)}")
            if image.ndim != 4 or image.shape[0] != count or image.shape[1] != CHANNELS[name]:
                raise ContractError(
                    f"{name}: expected ({count}, {CHANNELS[name]}, h, w), got {tuple(image.shape)}",
                    hint="one image per key, channels second",
                )
            sizes.add(image.shape[-2:])
            check_unit_range(image, what=name)
        if len(sizes) > 1:
            raise ContractError(
                f"modalities are not on one pixel grid: {sorted(map(tuple, sizes))}", hint="register them"
            )
        present = dict(self.present)
        for name in self.images:
            present.setdefault(name, torch.ones(count, dtype=torch.bool, device=self.images[name].device))
        self._check_lengths(count, present)
        object.__setattr__(self, "images", MappingProxyType(dict(self.images)))
        object.__setattr__(self, "present", MappingProxyType(present))
        object.__setattr__(self, "tasks", MappingProxyType(dict(self.tasks)))

    def _check_lengths(self, count: int, present: Mapping[Modality, Tensor]) -> None:
        if len(set(self.key)) != count:
            raise ContractError("keys of a FaceBatch must be unique", hint="name every sample once")
        if set(present) != set(self.images):
            raise ContractError(f"`present` names {sorted(present)} but images are {sorted(self.images)}", hint="")
        for name, mask in present.items():
            if mask.dtype != torch.bool or mask.shape != (count,):
                raise ContractError(f"present[{name}] must be bool of shape ({count},)", hint="")
        if self.label is not None and (
            self.label.shape != (count,) or not bool(((self.label == 0) | (self.label == 1)).all())
        ):
            raise ContractError(f"label must be ({count},) of 0 (attack) and 1 (bona fide)", hint="")
        if self.box is not None and self.box.shape != (count, 4):
            raise ContractError(f"box must be ({count}, 4), got {tuple(self.box.shape)}", hint="x0 y0 x1 y1 in pixels")
        for text in ("species", "subject", "domain"):
            values = getattr(self, text)
            if values is not None and len(values) != count:
                raise ContractError(f"{text} has {len(values)} values for {count} samples", hint="")
        for task, value in self.tasks.items():
            if value.shape[:1] != (count,):
                raise ContractError(f"tasks[{task}] has first axis {value.shape[:1]} for {count} samples", hint="")

    def __len__(self) -> int:
        return len(self.key)

    def __reduce__(self) -> tuple[Any, ...]:
        """Batches go to other processes; views of dictionaries cannot."""
        held = [getattr(self, one.name) for one in fields(self)]
        return FaceBatch, tuple(dict(one) if isinstance(one, Mapping) else one for one in held)

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """The modalities held, in the order rgb, depth, infrared."""
        return tuple(name for name in MODALITIES if name in self.images)

    @property
    def device(self) -> torch.device:
        """Where the images are."""
        return next(iter(self.images.values())).device

    def with_images(self, images: Mapping[Modality, Tensor]) -> FaceBatch:
        """Return the same samples with some modalities' pixels replaced (an attacked or purified batch)."""
        return replace(self, images={**self.images, **images})

    def select(self, index: Sequence[int] | Tensor) -> FaceBatch:
        """Return the samples at these positions, in this order; a bool mask of length `b` selects where it is True."""
        where = torch.as_tensor(index)
        if where.dtype == torch.bool:
            if where.shape != (len(self),):
                raise ContractError(f"a mask for {len(self)} samples has shape {tuple(where.shape)}", hint="")
            where = where.nonzero().flatten()
        where = where.long()

        def pick(value: object) -> object:
            if isinstance(value, Tensor):
                return value[where.to(value.device)]
            if isinstance(value, Mapping):
                return {name: pick(item) for name, item in value.items()}
            if isinstance(value, tuple):
                return tuple(value[i] for i in where.tolist())
            return value

        return FaceBatch(**{item.name: pick(getattr(self, item.name)) for item in fields(self)})  # type: ignore[arg-type]

    def to(self, device: torch.device | str) -> FaceBatch:
        """Return the batch with every tensor on a device; the batch itself where they are there already."""
        tensors = [*self.images.values(), *self.present.values(), *self.tasks.values(), self.box, self.label]
        if all(tensor is None or tensor.device == torch.device(device) for tensor in tensors):
            return self

        def move(value: object) -> object:
            if isinstance(value, Tensor):
                return value.to(device)
            if isinstance(value, Mapping):
                return {name: move(item) for name, item in value.items()}
            return value

        return FaceBatch(**{item.name: move(getattr(self, item.name)) for item in fields(self)})  # type: ignore[arg-type]
