"""Streams of a frozen trunk in front of the first block that methods change: computed once a plan, for every view."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.lib.format import open_memmap
from numpy.typing import NDArray
from torch import Tensor

from facewarden.core.batch import FaceBatch
from facewarden.core.errors import BadInputError, ContractError
from facewarden.core.files import write_json, writing
from facewarden.core.labels import CHANNELS, MODALITIES, Modality
from facewarden.core.progress import track
from facewarden.core.seeding import derive
from facewarden.data.sample import Sample
from facewarden.experiments.domain_generalization.crop_store import CropStore, CropView
from facewarden.experiments.domain_generalization.kept_weights import state_digest
from facewarden.experiments.domain_generalization.written import Kept
from facewarden.nn.multimodal.stream_vit import shared_trunk
from facewarden.nn.trainable import Trainable
from facewarden.pad.parts.stream_settings import AdapterSettings
from facewarden.pad.parts.streams import KEPT, ThreeStreams
from facewarden.training.augment import dropped
from facewarden.training.crops import CropSet
from facewarden.training.recipe import Recipe
from facewarden.training.tokens.drawn_views import drawn_view, seen_by_sensors
from facewarden.training.tokens.sensor_views import CODE, VIEWS

LOWER = ("trunk", "size", "scale", "fit", "infrared_input", "depth", "pretrained", "first_block")
"""Settings of a detector that decide its streams in front of the first changed block."""

_AT_ONCE = 16
_FORMAT = 1


def can_keep(recipe: Recipe) -> bool:
    """Whether a recipe trains on views that can be computed beforehand, on a trunk whose first blocks stay."""
    training = recipe.training
    return training.views == "sensor" and training.margin == 1 and int(recipe.model.get("first_block", 0)) > 0


def lower_model(recipe: Recipe) -> dict[str, Any]:
    """The settings that decide the streams, without what differs between methods on one trunk."""
    return {name: recipe.model[name] for name in LOWER if name in recipe.model}


@dataclass(frozen=True, eq=False)
class StreamStore:
    """Kept streams of captures.

    Attributes:
        arrays: view -> `(n, 3, tokens, d)`, mapped.
        place: view -> key of a capture -> row.
    """

    arrays: Mapping[int, NDArray[np.floating[Any]]]
    place: Mapping[int, Mapping[str, int]]

    def read(self, keys: Sequence[str], numbers: Sequence[int]) -> Tensor:
        """`(b, 3, tokens, d)` of captures in one view each.

        Raises:
            BadInputError: a capture was not kept in that view.
        """
        found = []
        for key, number in zip(keys, numbers, strict=True):
            row = self.place.get(number, {}).get(key)
            if row is None:
                raise BadInputError(f"no streams of {key} in view {number}", hint="bench --resume computes them")
            found.append(np.asarray(self.arrays[number][row]))
        return torch.from_numpy(np.stack(found))


@dataclass(frozen=True, eq=False)
class KeptSet(CropSet):
    """Training samples whose streams were kept: a step reads them instead of pixels.

    Attributes:
        streams: of every view.
    """

    streams: StreamStore = field(default_factory=lambda: StreamStore({}, {}))

    def batch(self, rows: Sequence[int]) -> FaceBatch:
        """Some samples in their clean view."""
        return self._seen(super().batch(rows), rows, [0] * len(rows))

    def pixels(self, rows: Sequence[int]) -> dict[Modality, Tensor]:
        """Refused: there are none.

        Raises:
            ContractError: always.
        """
        raise ContractError("kept streams know no other changes than views of sensors", hint="views: sensor")

    def seen(
        self, rows: Sequence[int], *, keys: Sequence[str], size: int, drop: float, seed: int, epoch: int
    ) -> FaceBatch:
        """Some samples as a training step sees them; arguments as of `CropSet.seen`."""
        plain = replace(super().batch(rows), key=tuple(keys))
        seen = self._seen(plain, rows, [drawn_view(key, seed=seed, epoch=epoch) for key in keys])
        return dropped(seen, chance=drop, seed=seed, epoch=epoch)

    def unchanged(self, rows: Sequence[int], *, size: int) -> FaceBatch:
        """Some samples in their clean view."""
        return self.batch(rows)

    def _seen(self, plain: FaceBatch, rows: Sequence[int], numbers: Sequence[int]) -> FaceBatch:
        return replace(plain, tasks={KEPT: self.streams.read([self.key[row] for row in rows], numbers)})


def kept_set(
    store: CropStore, streams: StreamStore, samples: Sequence[Sample], *, only: Collection[Modality],
    labels: Sequence[int] | None = None,
) -> KeptSet:  # fmt: skip
    """Training samples; arguments as of `CropStore.crops`."""
    plain = store.crops(samples, only=only, labels=labels)
    tiny = {
        m: torch.zeros(1, CHANNELS[m], 1, 1, dtype=torch.uint8).expand(len(samples), -1, -1, -1) for m in MODALITIES
    }
    return KeptSet(
        images=tiny, present=plain.present, key=plain.key, label=plain.label, species=plain.species,
        subject=plain.subject, domain=plain.domain, streams=streams,
    )  # fmt: skip


def kept_views(
    store: CropStore, streams: StreamStore, samples: Sequence[Sample], *, batch: int, only: Collection[Modality]
) -> Iterator[FaceBatch]:
    """The clean views of samples, in their order; arguments as of `CropStore.views`."""
    yield from kept_set(store, streams, samples, only=only).batches(batch)


def keep_view(
    model: Trainable, store: CropStore, samples: Sequence[Sample], *, number: int, folder: Path, kept: Kept
) -> Path:
    """Compute and write the streams of samples in one view.

    Args:
        model: a detector whose lower blocks are used.
        store: crops in its view, without margin.
        samples: all readable.
        number: of the view.
        folder: of the plan's data.
        kept: as numbers of 16 or 32 bits.
    """
    streams = _streams(model)
    home = folder_of(model, store.view, folder=folder, kept=kept)
    home.mkdir(parents=True, exist_ok=True)
    path = home / f"view-{number}.npy"
    if (home / f"view-{number}.json").is_file():
        return path
    shape = tuple(streams.filled_streams().shape)
    views = store.views(samples, batch=_AT_ONCE)
    with writing(path) as temporary, torch.no_grad():
        array = open_memmap(temporary, mode="w+", dtype=kept, shape=(len(samples), *shape))
        start = 0
        for batch in track(views, label=f"streams, view {number}", total=len(samples), unit="captures", size=len):
            images, _ = streams.prepare(seen_by_sensors(batch, [number] * len(batch)))
            below = shared_trunk(streams.network).below(images)
            found = below.view(len(MODALITIES), len(batch), *shape[1:]).transpose(0, 1)
            array[start : start + len(batch)] = _within(found.float().cpu().numpy(), kept)
            start += len(batch)
        array.flush()
        del array
    write_json(home / f"view-{number}.json", {"keys": [sample.key for sample in samples]})
    return path


def open_streams(model: Trainable, view: CropView, *, folder: Path, kept: Kept) -> StreamStore:
    """The kept streams of a detector; arguments as of `keep_view`.

    Raises:
        BadInputError: there are none of this trunk.
    """
    home = folder_of(model, view, folder=folder, kept=kept)
    arrays, place = {}, {}
    for number in range(VIEWS):
        index = home / f"view-{number}.json"
        if index.is_file():
            keys = json.loads(index.read_text(encoding="utf-8"))["keys"]
            arrays[number] = np.load(home / f"view-{number}.npy", mmap_mode="r")
            place[number] = {key: row for row, key in enumerate(keys)}
    if 0 not in arrays:
        raise BadInputError(f"{home}: no streams of this trunk", hint="bench --resume computes them")
    return StreamStore(arrays, place)


def folder_of(model: Trainable, view: CropView, *, folder: Path, kept: Kept) -> Path:
    """Where streams are kept: by the weights that compute them, the crops, and how they are stored."""
    streams = _streams(model)
    lower = state_digest(shared_trunk(streams.network).lower_state())
    about = [str(streams.settings.get(name)) for name in ("size", "infrared_input", "first_block")]
    return folder / f"streams-{derive(_FORMAT, CODE, lower, view.key, kept, *about):016x}"


def _streams(model: Trainable) -> ThreeStreams:
    """The detector, if nothing below its first changed block is trained.

    Raises:
        BadInputError: something is, or it has no such block.
    """
    options = getattr(model, "options", None)
    if not isinstance(model, ThreeStreams) or not isinstance(options, AdapterSettings) or options.first_block < 1:
        raise BadInputError(f"{type(model).__name__} has no streams to keep", hint="activations: none")
    if options.preset != "paper":
        raise BadInputError(
            f"preset {options.preset} trains below block {options.first_block}", hint="model: {preset: paper}"
        )
    return model


def _within(values: NDArray[np.float32], kept: Kept) -> NDArray[np.float32]:
    """Values that the stored type can hold: a few channels of large trunks exceed 16 bits."""
    limit = float(np.finfo(np.dtype(kept)).max)
    found: NDArray[np.float32] = np.clip(values, -limit, limit)
    return found
