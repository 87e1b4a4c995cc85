"""Loads samples from disk as `FaceBatch`es: frames of one size together, and what cannot be read is named."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from facewarden.core.batch import FaceBatch
from facewarden.core.compute.stream import chunks, stream
from facewarden.core.errors import BadInputError
from facewarden.core.labels import CHANNELS, MODALITIES, Modality
from facewarden.data.depth import FARTHEST, NEAREST, face_distance
from facewarden.data.frame_grid import in_unit_range, scaled, scaled_map, squashed
from facewarden.data.ranges import check_ranges
from facewarden.data.reading import Image, check_box, read_image
from facewarden.data.sample import Box, Sample
from facewarden.data.targets import read_target
from facewarden.data.text import named_file, printable

Frames = dict[Modality, NDArray[np.float32]]
_LOG = logging.getLogger("facewarden")
_NAMED = 5
_RUN = 4
"""Samples that a process reads at a time."""
_MOST_WAITING = 8
"""Batches' worth of frames that wait for more of their size."""


@dataclass(frozen=True)
class Skipped:
    """A sample that was left out.

    Attributes:
        key: which one.
        path: the file at fault, as printable text.
        reason: what is wrong with it.
    """

    key: str
    path: str
    reason: str


@dataclass(frozen=True, eq=False)
class _Loaded:
    sample: Sample
    frames: Frames
    box: Box | None
    grid: tuple[int, int]
    targets: Mapping[str, NDArray[np.float32] | int]
    distance: float | None


@dataclass(frozen=True)
class _LoadJob:
    """Reads samples, in any process."""

    root: Path
    modalities: tuple[Modality, ...]
    size: int | None
    targets: tuple[str, ...]
    squash: int | None

    def open(self) -> Callable[[Sequence[Sample]], Iterator[tuple[Sample, _Loaded | BadInputError]]]:
        return self.read

    def read(self, samples: Iterable[Sample]) -> Iterator[tuple[Sample, _Loaded | BadInputError]]:
        for sample in samples:
            yield sample, self._one(sample)

    def _one(self, sample: Sample) -> _Loaded | BadInputError:
        try:
            return _load(sample, root=self.root, modalities=self.modalities, size=self.size, targets=self.targets,
                         squash=self.squash)  # fmt: skip
        except BadInputError as error:
            return error


def load_batch(
    samples: Sequence[Sample],
    *,
    root: Path,
    modalities: Sequence[Modality] = MODALITIES,
    size: int | None = None,
    targets: Sequence[str] = (),
) -> FaceBatch:
    """Read samples as one batch.

    Args:
        samples: at least one.
        root: the folder that their paths are relative to (`Manifest.root`).
        modalities: which to read; a sample without one gets zeros and `present` False there.
        size: side of the frames in pixels. A frame is scaled to fit, keeping its shape, and padded with black at the
            right or the bottom; boxes follow. None keeps the frames as they are, which must then be equally large.
        targets: heads of a multitask detector whose targets to read too, see `facewarden.data.targets.read_target`.

    Returns:
        Frames with label, species, subject, domain, the targets in `tasks` (maps on the grid of the frames) and, where
        every sample has one, the face box.

    Raises:
        BadInputError: an image is unreadable, the modalities of a sample or the samples differ in size, only some
            samples have a box, a box is tiny or not inside its frame, a sample has none of the modalities, or depth or
            infrared are in other units, see `facewarden.data.ranges.check_ranges`.
    """
    if not samples:
        raise BadInputError("no samples to load", hint="look at the splits of the manifest: facewarden data check")
    check_ranges(samples, root=root, modalities=modalities)
    loaded = [_load(sample, root=root, modalities=modalities, size=size, targets=targets) for sample in samples]
    return _stack(loaded, modalities, targets)


def iter_batches(
    samples: Iterable[Sample],
    batch_size: int,
    *,
    root: Path,
    modalities: Sequence[Modality] = MODALITIES,
    size: int | None = None,
    targets: Sequence[str] = (),
    on_error: Literal["raise", "skip"] = "raise",
    skipped: list[Skipped] | None = None,
    squash: int | None = None,
    workers: int = 1,
) -> Iterator[FaceBatch]:
    """Yield batches of samples, each of frames of one size, always in the same order.

    A batch leaves as soon as `batch_size` frames of its size have been read; at the end the incomplete ones follow.
    Where nearly every frame has a size of its own, incomplete batches leave earlier, before memory is full of them.

    Args:
        samples: a `Manifest` or any samples.
        batch_size: how many at most.
        root, modalities, size, targets: as in `load_batch`.
        on_error: "skip" leaves out what cannot be read and lists it in `skipped`; "raise" stops there.
        skipped: a list that receives one entry per sample left out; "skip" needs it, so that nothing goes unseen.
        squash: side in pixels to which every image of a sample without a face box is brought by itself, without regard
            to its shape, so that its sensors need not be of one size; it goes before `size`.
        workers: processes that read and prepare the samples; the batches do not depend on it.

    Raises:
        BadInputError: as in `load_batch`, when `on_error` is "raise"; a batch size below one; "skip" without a list;
            depth or infrared of a whole domain in other units.
    """
    if batch_size < 1:
        raise BadInputError(f"batch size {batch_size}", hint="at least 1")
    if on_error == "skip" and skipped is None:
        raise BadInputError("on_error='skip' without a list for what is skipped", hint="skipped=[]")
    if isinstance(samples, Sized):  # what can be read only once cannot be looked at before
        check_ranges(samples, root=root, modalities=modalities)
    waiting: dict[tuple[tuple[int, int], bool], list[_Loaded]] = {}
    odd: list[str] = []
    job = _LoadJob(root, tuple(modalities), size, tuple(targets), squash)
    runs = stream(job, chunks(samples, _RUN), workers=workers) if workers > 1 else job.read(samples)
    for sample, loaded in runs:
        if isinstance(loaded, BadInputError):
            if on_error == "raise" or skipped is None:
                raise loaded
            skipped.append(Skipped(sample.key, _culprit(sample, root, loaded), loaded.message))
            continue
        if sample.bona_fide and loaded.distance is not None and not NEAREST <= loaded.distance <= FARTHEST:
            odd.append(f"{sample.key} ({loaded.distance:g} mm)")
        group = waiting.setdefault((loaded.grid, loaded.box is not None), [])
        group.append(loaded)
        if len(group) < batch_size and sum(map(len, waiting.values())) >= _MOST_WAITING * batch_size:
            group = max(waiting.values(), key=len)
        elif len(group) < batch_size:
            continue
        yield _stack(group, modalities, targets)
        group.clear()
    for group in waiting.values():
        if group:
            yield _stack(group, modalities, targets)
    _say_skipped(skipped or ())
    if odd:
        _LOG.warning(
            "%d bona fide captures have their face at an implausible depth: %s%s",
            len(odd), ", ".join(odd[:_NAMED]), f" and {len(odd) - _NAMED} more" if len(odd) > _NAMED else "",
        )  # fmt: skip


def _say_skipped(skipped: Sequence[Skipped]) -> None:
    """Name what could not be read, whatever the caller does with its list."""
    if skipped:
        named = "; ".join(f"{item.key} ({item.reason})" for item in skipped[:_NAMED])
        more = f" and {len(skipped) - _NAMED} more" if len(skipped) > _NAMED else ""
        _LOG.warning("%d captures cannot be used and are left out: %s%s", len(skipped), named, more)


def _load(
    sample: Sample,
    *,
    root: Path,
    modalities: Sequence[Modality],
    size: int | None,
    targets: Sequence[str],
    squash: int | None = None,
) -> _Loaded:
    raw = {
        name: read_image(
            named_file(root, path),
            name,
            depth_encoding=sample.depth_encoding,
            depth_unit=sample.depth_unit,
            infrared_bits=sample.infrared_bits,
        )
        for name in modalities
        if (path := sample.path(name)) is not None
    }
    if not raw:
        raise BadInputError(
            f"sample {sample.key!r} has none of {', '.join(modalities)}", hint=f"it has {', '.join(sample.modalities)}"
        )
    alone = squash if sample.box is None else None
    grids = {name: image.shape[:2] for name, image in raw.items()}
    if len(set(grids.values())) > 1 and alone is None:
        raise BadInputError(
            f"sample {sample.key!r}: modalities differ in size {grids}",
            hint="register the images; a model with fit: squash takes face crops that are not",
        )
    if alone is not None:
        pressed = {name: squashed(in_unit_range(image, name, sample), image, alone) for name, image in raw.items()}
        color, grid = pressed.get("rgb"), (alone, alone)
        return _loaded(sample, pressed, raw, root=root, targets=targets, grid=grid, scale=1.0, color=color)
    height, width = next(iter(grids.values()))
    scale = 1.0 if size is None else size / max(height, width)
    grid = (height, width) if size is None else (size, size)
    if sample.box is not None:
        check_box(sample.box, width, height, key=sample.key)
    # depth is encoded on its own grid: the median over the face box is then the same for every size
    encoded = {name: in_unit_range(image, name, sample) for name, image in raw.items()}
    frames = {name: scaled(image, name, scale=scale, grid=grid) for name, image in encoded.items()}
    return _loaded(sample, frames, raw, root=root, targets=targets, grid=grid, scale=scale, color=encoded.get("rgb"))


def _loaded(
    sample: Sample,
    frames: Frames,
    raw: Mapping[Modality, Image],
    *,
    root: Path,
    targets: Sequence[str],
    grid: tuple[int, int],
    scale: float,
    color: NDArray[np.float32] | None,
) -> _Loaded:
    """A sample from its frames; targets are read on the grid of `color`, the frame before scaling, and scaled."""
    box = (
        None
        if sample.box is None
        else (sample.box[0] * scale, sample.box[1] * scale, sample.box[2] * scale, sample.box[3] * scale)
    )
    wanted = {head: read_target(head, sample, root=root, frame=color) for head in targets}
    fitted = {head: scaled_map(value, scale=scale, grid=grid) for head, value in wanted.items()}
    depth = raw.get("depth")
    measured = depth.astype(np.uint16, copy=False) if depth is not None and depth.dtype == np.uint16 else None
    distance = None if measured is None else face_distance(measured, box=sample.box)
    return _Loaded(sample, frames, box, grid, fitted, distance)


def _stack(loaded: Sequence[_Loaded], modalities: Sequence[Modality], targets: Sequence[str]) -> FaceBatch:
    grids = sorted({item.grid for item in loaded})
    if len(grids) > 1:
        raise BadInputError(f"frames differ in size: {grids}", hint="size=224, or iter_batches, which groups by size")
    boxes = [item.box for item in loaded if item.box is not None]
    if 0 < len(boxes) < len(loaded):
        raise BadInputError("only some of the samples have a face box", hint="iter_batches groups by it")
    images, present = {}, {}
    for name in modalities:
        empty = np.zeros((*grids[0], CHANNELS[name]), dtype=np.float32)
        stacked = np.stack([item.frames.get(name, empty) for item in loaded])
        images[name] = torch.from_numpy(np.ascontiguousarray(stacked.transpose(0, 3, 1, 2)))
        present[name] = torch.tensor([name in item.frames for item in loaded])
    samples = [item.sample for item in loaded]
    tasks = {}
    for head in targets:
        value = torch.from_numpy(np.stack([np.asarray(item.targets[head]) for item in loaded]))
        tasks[head] = value.permute(0, 3, 1, 2).contiguous() if value.ndim == 4 else value
    return FaceBatch(
        images=images,
        present=present,
        key=tuple(sample.key for sample in samples),
        box=torch.tensor(boxes, dtype=torch.float32) if boxes else None,
        label=torch.tensor([sample.label for sample in samples]),
        species=tuple(sample.species for sample in samples),
        subject=tuple(sample.subject for sample in samples),
        domain=tuple(sample.domain for sample in samples),
        tasks=tasks,
    )


def _culprit(sample: Sample, root: Path, error: BadInputError) -> str:
    paths = [printable(named_file(root, path)) for name in sample.modalities if (path := sample.path(name)) is not None]
    return next((path for path in paths if path in error.message), paths[0])
