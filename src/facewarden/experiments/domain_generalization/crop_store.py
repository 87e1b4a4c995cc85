"""Crops on disk: decoded and cropped once per plan, memory-mapped by every training process."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from facewarden.core.batch import FaceBatch
from facewarden.core.errors import BadInputError
from facewarden.core.files import write_json, writing_folder
from facewarden.core.identity.code_version import code_of, say_computed_anew
from facewarden.core.labels import CHANNELS, MODALITIES, Modality
from facewarden.core.progress import track
from facewarden.core.seeding import derive
from facewarden.data.loading import Skipped, iter_batches
from facewarden.data.manifest import Manifest
from facewarden.data.sample import Sample
from facewarden.nn.trainable import Trainable
from facewarden.training.crops import CropSet, whole_box

_AT_ONCE = 32
_INDEX = "crops.json"


@dataclass(frozen=True)
class CropView:
    """Parameters of a crop: which detector's crop, its size, its number of pixels.

    Attributes:
        cutter: where the detector's `crop` is defined.
        size: side of the model's view in pixels.
        side: side of the stored crop, which holds the view in its middle.
        scale: factor on the face box for the stored crop.
        fit: how it becomes a square.
    """

    cutter: str
    size: int
    side: int
    scale: float
    fit: str = "letterbox"

    @property
    def key(self) -> str:
        """Name of the store's folder: what decides the crops, and the version of the code that cuts them."""
        more = [] if self.fit == "letterbox" else [self.fit]
        name = f"{derive(0, self.cutter, self.size, self.side, repr(self.scale), *more):016x}"
        code = code_of("capture_crops")
        return name if code == 1 else f"{name}-{code}"


def view_of(model: Trainable, *, margin: float) -> CropView:
    """The crop that a model trains on: its view with a margin, of a side that keeps the view's pixels where they are.

    Args:
        model: crops for itself.
        margin: factor by which the stored crop is larger.
    """
    size = model.view_size
    side = round(size * margin)
    side += (side - size) % 2  # an even rest: the view is cut out of the middle without resampling
    crop = type(model).crop
    return CropView(
        f"{crop.__module__}.{crop.__qualname__}",
        size,
        side,
        model.view_scale * side / size,
        fit=str(model.settings.get("fit", "letterbox")),
    )


@dataclass(frozen=True, eq=False)
class MappedCrops(CropSet):
    """Some of the store's crops, read from disk when a batch asks for them.

    Attributes:
        place: `(n,)` where each sample is in the stored images; `present` and everything else is by sample.
    """

    place: Tensor = field(default_factory=lambda: torch.zeros(0, dtype=torch.long))

    def pixels(self, rows: Sequence[int]) -> dict[Modality, Tensor]:
        """The stored crops of some samples, `(b, c, s, s)` uint8 by modality."""
        where = self.place[torch.as_tensor(list(rows), dtype=torch.long)]
        return {name: image[where] for name, image in self.images.items()}

    def batch(self, rows: Sequence[int]) -> FaceBatch:
        """Some samples as a batch of crops without boxes; one that is drawn twice gets a key of its own each time."""
        index = torch.as_tensor(list(rows), dtype=torch.long)

        def named(values: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(values[i] for i in index.tolist())

        return CropSet(
            images=self.pixels(rows),
            present={name: here[index] for name, here in self.present.items()},
            key=named(self.key), label=self.label[index], species=named(self.species), subject=named(self.subject),
            domain=named(self.domain),
        ).batch(range(len(index)))  # fmt: skip


@dataclass(frozen=True, eq=False)
class CropStore:
    """Crops of a manifest.

    Attributes:
        view: how they were cut.
        images: modality -> `(n, c, side, side)` uint8, mapped.
        present: modality -> `(n,)`.
        place: key -> position.
        skipped: captures that could not be read, key and reason.
    """

    view: CropView
    images: dict[Modality, Tensor]
    present: dict[Modality, Tensor]
    place: dict[str, int]
    skipped: tuple[tuple[str, str], ...]

    def readable(self, samples: Sequence[Sample]) -> list[Sample]:
        """The samples whose crops are in the store."""
        return [sample for sample in samples if sample.key in self.place]

    def crops(
        self, samples: Sequence[Sample], *, only: Collection[Modality] = MODALITIES, labels: Sequence[int] | None = None
    ) -> MappedCrops:
        """Training samples as crops.

        Args:
            samples: all readable.
            only: modalities that are told; the others count as absent.
            labels: other labels than the samples', for checks.
        """
        place = torch.tensor([self.place[sample.key] for sample in samples], dtype=torch.long)
        known = [sample.label for sample in samples] if labels is None else list(labels)
        return MappedCrops(
            images=self.images,
            present={name: here[place] & (name in only) for name, here in self.present.items()},
            key=tuple(sample.key for sample in samples), label=torch.tensor(known, dtype=torch.long),
            species=tuple(sample.species for sample in samples), subject=tuple(sample.subject for sample in samples),
            domain=tuple(sample.domain for sample in samples), place=place,
        )  # fmt: skip

    def views(
        self, samples: Sequence[Sample], *, batch: int, only: Collection[Modality] = MODALITIES
    ) -> Iterator[FaceBatch]:
        """The model's own views of samples, in their order, without margin."""
        crops = self.crops(samples, only=only)
        edge = (self.view.side - self.view.size) // 2
        inside = slice(edge, edge + self.view.size)
        for start in range(0, len(crops), batch):
            whole = crops.batch(range(start, min(start + batch, len(crops))))
            yield replace(whole, images={n: image[..., inside, inside] for n, image in whole.images.items()})


def make_store(manifest: Manifest, model: Trainable, *, view: CropView, folder: Path) -> CropStore:
    """Crop every capture once; an existing store is opened.

    Raises:
        BadInputError: nothing can be read, or the folder cannot be written.
    """
    if (folder / _INDEX).is_file():
        return open_store(folder)
    _say_other_code(folder)
    try:
        with writing_folder(folder) as partial:  # a store appears whole
            _fill(manifest, model, view, partial)
    except OSError as error:
        raise BadInputError(f"{folder}: cannot be written: {error}", hint="a writable folder: --out DIR") from error
    return open_store(folder)


def _say_other_code(folder: Path) -> None:
    """Say that crops of the same view are there, cut by another version of the code."""
    code = code_of("capture_crops")
    plain = folder.name if code == 1 else folder.name.removesuffix(f"-{code}")
    others = [path.name.removeprefix(plain).removeprefix("-") or "1" for path in folder.parent.glob(f"{plain}*")]
    held = [int(number) for number in others if number.isdecimal() and int(number) != code]
    if held:
        say_computed_anew("crops of captures", held=held, now=code)


def _fill(manifest: Manifest, model: Trainable, view: CropView, folder: Path) -> None:
    skipped: list[Skipped] = []
    keys: list[str] = []
    present: dict[Modality, list[bool]] = {name: [] for name in MODALITIES}
    files = {name: (folder / f"{name}.u8").open("wb") for name in MODALITIES}
    batches = iter_batches(
        manifest, _AT_ONCE, root=manifest.root, modalities=MODALITIES, on_error="skip", skipped=skipped,
        squash=model.squash,
    )  # fmt: skip
    try:
        for batch in track(batches, label=f"cutting {manifest.name}", total=len(manifest), unit="captures", size=len):
            if batch.box is None and view.side != view.size:
                batch = replace(batch, box=whole_box(batch, scale=model.view_scale))
            crop = model.crop(batch, size=view.side, scale=view.scale)
            for name in MODALITIES:
                files[name].write((crop.images[name] * 255 + 0.5).to(torch.uint8).numpy().tobytes())
                present[name] += crop.present[name].tolist()
            keys += crop.key
    finally:
        for file in files.values():
            file.close()
    if not keys:
        raise BadInputError(f"{manifest.name}: no capture can be read", hint="facewarden data check")
    lost = [[item.key, item.reason] for item in skipped]
    recipe = {"size": view.size, "side": view.side, "scale": view.scale, "cutter": view.cutter, "fit": view.fit}
    write_json(folder / _INDEX, {"view": recipe, "keys": keys, "present": present, "skipped": lost})


def open_store(folder: Path) -> CropStore:
    """Open an existing store by memory mapping.

    Raises:
        BadInputError: it is not there or not whole.
    """
    try:
        index = json.loads((folder / _INDEX).read_text(encoding="utf-8"))
        view, count = CropView(**index["view"]), len(index["keys"])
        shapes = {name: (count, CHANNELS[name], view.side, view.side) for name in MODALITIES}
        images = {
            # private: pages are shared between processes, and nobody can write into the file
            name: torch.from_file(
                str(folder / f"{name}.u8"), shared=False, size=int(np.prod(shape)), dtype=torch.uint8
            ).view(shape)
            for name, shape in shapes.items()
        }
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise BadInputError(
            f"{folder}: no crops here: {error}", hint="delete the folder, --resume makes it again"
        ) from error
    return CropStore(
        view=view,
        images=images,
        present={name: torch.tensor(index["present"][name], dtype=torch.bool) for name in MODALITIES},
        place={key: place for place, key in enumerate(index["keys"])},
        skipped=tuple((key, reason) for key, reason in index["skipped"]),
    )
