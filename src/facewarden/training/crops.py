"""Decoded once, kept in memory: the crops that a detector learns from, as bytes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor
from torch.nn import functional

from facewarden.core.batch import FaceBatch
from facewarden.core.errors import BadInputError
from facewarden.core.labels import Modality
from facewarden.core.progress import track
from facewarden.data.loading import Skipped, iter_batches
from facewarden.data.manifest import Manifest
from facewarden.nn.trainable import Trainable
from facewarden.training.augment import augment, dropped
from facewarden.training.parts.augment_settings import STILL
from facewarden.training.tokens.drawn_views import drawn_view, seen_by_sensors

_AT_ONCE = 32
_COARSE = 4  # map heads draw 14x14; a quarter of the side is more than enough to move a map by subpixels


@dataclass(frozen=True, eq=False)
class CropSet:
    """Labeled crops of one size.

    Attributes:
        images: modality -> `(n, c, s, s)` uint8.
        present: modality -> `(n,)` bool.
        key, species, subject, domain: one string per sample.
        label: `(n,)` int64.
        skipped: samples that could not be read.
        tasks: further targets by head, first axis `n`; maps are kept at a quarter of the crops' side.
    """

    images: dict[Modality, Tensor]
    present: dict[Modality, Tensor]
    key: tuple[str, ...]
    label: Tensor
    species: tuple[str, ...]
    subject: tuple[str, ...]
    domain: tuple[str, ...]
    skipped: tuple[Skipped, ...] = ()
    tasks: Mapping[str, Tensor] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.key)

    def batch(self, rows: Sequence[int]) -> FaceBatch:
        """Some samples as a batch of crops without boxes; one that is drawn twice gets a key of its own each time."""
        index = torch.as_tensor(list(rows), dtype=torch.long)

        def named(values: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(values[i] for i in index.tolist())

        return FaceBatch(
            images={name: image[index].float() / 255 for name, image in self.images.items()},
            present={name: here[index] for name, here in self.present.items()},
            key=self.keys_of(index.tolist()), label=self.label[index], species=named(self.species),
            subject=named(self.subject), domain=named(self.domain),
            tasks={head: target[index] for head, target in self.tasks.items()},
        )  # fmt: skip

    def some(self, rows: Sequence[int]) -> CropSet:
        """Some samples as a set of their own, in the order asked for."""
        index = torch.as_tensor(list(rows), dtype=torch.long)

        def named(values: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(values[row] for row in rows)

        return replace(
            self,
            images={name: image[index] for name, image in self.images.items()},
            present={name: here[index] for name, here in self.present.items()},
            key=named(self.key), species=named(self.species), subject=named(self.subject), domain=named(self.domain),
            label=self.label[index],
            tasks={head: target[index] for head, target in self.tasks.items()},
        )  # fmt: skip

    def keys_of(self, rows: Sequence[int]) -> tuple[str, ...]:
        """The keys of some samples; one that is drawn twice gets a key of its own each time."""
        times: Counter[str] = Counter()
        keys: list[str] = []
        drawn = [self.key[row] for row in rows]
        own = frozenset(drawn)
        for key in drawn:
            again = f"{key} again {times[key]}" if times[key] else key
            # a published list may hold a row twice, whose second key is of this form: both may be drawn
            while times[key] and again in own:
                again += " drawn"
            keys.append(again)
            times[key] += 1
        return tuple(keys)

    def pixels(self, rows: Sequence[int]) -> dict[Modality, Tensor]:
        """The stored crops of some samples, `(b, c, s, s)` uint8 by modality."""
        index = torch.as_tensor(list(rows), dtype=torch.long)
        return {name: image[index] for name, image in self.images.items()}

    def seen(
        self, rows: Sequence[int], *, keys: Sequence[str], size: int, drop: float, seed: int, epoch: int
    ) -> FaceBatch:
        """Some samples as a training step sees them, each in one of its sensor views.

        Args:
            rows: which.
            keys: of the samples in the step, see `keys_of`.
            size: side of the model's view.
            drop: chance that a sample loses sensors.
            seed, epoch: decide the draws.
        """
        plain = replace(self.unchanged(rows, size=size), key=tuple(keys))
        seen = seen_by_sensors(plain, [drawn_view(key, seed=seed, epoch=epoch) for key in keys])
        return dropped(seen, chance=drop, seed=seed, epoch=epoch)

    def unchanged(self, rows: Sequence[int], *, size: int) -> FaceBatch:
        """Some samples as they are: the central view of every crop."""
        return augment(self.batch(rows), size=size, settings=STILL, seed=0, epoch=0)

    def batches(self, size: int) -> Iterator[FaceBatch]:
        """All samples in their order, so many at once."""
        for start in range(0, len(self), size):
            yield self.batch(range(start, min(start + size, len(self))))


def load_crops(manifest: Manifest, model: Trainable, *, margin: float, targets: Sequence[str] = ()) -> CropSet:
    """Read a manifest and keep the model's view of every sample.

    Args:
        manifest: labeled samples; those that cannot be read are listed, not silently lost.
        model: crops for itself.
        margin: factor by which the view is taken larger, as room for turning and shifting it; its size in pixels grows
            with it.
        targets: heads whose targets to keep too.

    Raises:
        BadInputError: nothing could be read, or only one class is there.
    """
    size, scale = round(model.view_size * margin), model.view_scale * margin
    skipped: list[Skipped] = []
    crops: list[FaceBatch] = []
    modalities = model.modalities
    pixels: dict[Modality, list[Tensor]] = {name: [] for name in modalities}
    batches = iter_batches(
        manifest, _AT_ONCE, root=manifest.root, modalities=modalities, targets=targets, on_error="skip",
        skipped=skipped, squash=model.squash,
    )  # fmt: skip
    for batch in track(batches, label=f"reading {manifest.name}", total=len(manifest), unit="captures", size=len):
        if batch.box is None and margin != 1:
            batch = replace(batch, box=whole_box(batch, scale=model.view_scale))
        crop = model.crop(batch, size=size, scale=scale)
        for name, image in crop.images.items():
            pixels[name].append((image * 255 + 0.5).to(torch.uint8))
        # what the crops hold is kept as bytes above; the rest of them is small
        crops.append(replace(crop, images={n: image[..., :1, :1].clone() for n, image in crop.images.items()},
                             tasks={head: _smaller(value) for head, value in crop.tasks.items()}))  # fmt: skip
    if not crops:
        raise BadInputError(f"{manifest.name}: no capture can be read", hint="facewarden data check")
    label = torch.cat([crop.label for crop in crops if crop.label is not None])
    if len(set(label.tolist())) < 2:
        raise BadInputError(
            f"{manifest.name}: only one class to learn from", hint="captures with label 1 and with label 0 are needed"
        )
    return CropSet(
        images={name: torch.cat(parts) for name, parts in pixels.items()},
        present={name: torch.cat([crop.present[name] for crop in crops]) for name in modalities},
        key=tuple(key for crop in crops for key in crop.key),
        label=label,
        species=tuple(value for crop in crops for value in crop.species or ()),
        subject=tuple(value for crop in crops for value in crop.subject or ()),
        domain=tuple(value for crop in crops for value in crop.domain or ()),
        skipped=tuple(skipped),
        tasks={head: torch.cat([crop.tasks[head] for crop in crops]) for head in targets},
    )


def whole_box(batch: FaceBatch, *, scale: float) -> Tensor:
    """The box for which a model sees a face crop exactly, so that a margin goes around it and not into it.

    Args:
        batch: face crops without boxes.
        scale: the model's factor on a face box.

    Returns:
        `(b, 4)` boxes in pixels.
    """
    image = next(iter(batch.images.values()))
    height, width = image.shape[-2:]
    center, half = torch.tensor([width, height]) / 2, torch.tensor([width, height]) / (2 * scale)
    return torch.cat([center - half, center + half]).to(image).repeat(len(batch), 1)


def _smaller(target: Tensor) -> Tensor:
    return functional.avg_pool2d(target, _COARSE, ceil_mode=True) if target.ndim == 4 else target
