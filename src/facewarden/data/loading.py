"""Loads samples from disk as `FaceBatch`es: reads, resizes, encodes depth, and counts unreadable files."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from facewarden.core.batch import FaceBatch
from facewarden.core.errors import BadInputError
from facewarden.core.labels import CHANNELS, MODALITIES, DepthEncoding, Modality
from facewarden.data.arrays import in_array, read_array_image
from facewarden.data.depth import FARTHEST, NEAREST, face_distance, read_depth, read_depth_picture
from facewarden.data.frame_grid import in_unit_range, scaled, scaled_map, squashed
from facewarden.data.photo import is_colored, read_photo
from facewarden.data.ranges import check_ranges
from facewarden.data.sample import Box, Sample
from facewarden.data.targets import read_target
from facewarden.data.text import named_file, printable

Frames = dict[Modality, NDArray[np.float32]]
Image = NDArray[np.uint8] | NDArray[np.uint16] | NDArray[np.float32]
_LOG = logging.getLogger("facewarden")
_LARGEST_BOX = 4
"""Sides of the frame that a face box may be long; more is a box in other units."""
SMALLEST_BOX = 8.0
"""Pixels that a face box has on each side at least; less shows no face."""
_INSIDE = 0.5
"""Share of a face box that lies inside its frame at least."""
_NAMED = 5
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
    for sample in samples:
        try:
            loaded = _load(sample, root=root, modalities=modalities, size=size, targets=targets, squash=squash)
        except BadInputError as error:
            if on_error == "raise" or skipped is None:
                raise
            skipped.append(Skipped(sample.key, _culprit(sample, root, error), error.message))
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
        return _loaded(sample, pressed, raw, root=root, targets=targets, grid=(alone, alone), scale=1.0)
    height, width = next(iter(grids.values()))
    scale = 1.0 if size is None else size / max(height, width)
    grid = (height, width) if size is None else (size, size)
    if sample.box is not None:
        check_box(sample.box, width, height, key=sample.key)
    # depth is encoded on its own grid: the median over the face box is then the same for every size
    encoded = {name: in_unit_range(image, name, sample) for name, image in raw.items()}
    frames = {name: scaled(image, name, scale=scale, grid=grid) for name, image in encoded.items()}
    return _loaded(sample, frames, raw, root=root, targets=targets, grid=grid, scale=scale, full=encoded.get("rgb"))


def _loaded(
    sample: Sample,
    frames: Frames,
    raw: Mapping[Modality, Image],
    *,
    root: Path,
    targets: Sequence[str],
    grid: tuple[int, int],
    scale: float,
    full: NDArray[np.float32] | None = None,
) -> _Loaded:
    """A sample from its frames; targets are read on the grid of `full`, that of color as it is stored, and scaled."""
    box = (
        None
        if sample.box is None
        else (sample.box[0] * scale, sample.box[1] * scale, sample.box[2] * scale, sample.box[3] * scale)
    )
    wanted = {
        head: read_target(head, sample, root=root, frame=frames.get("rgb") if full is None else full)
        for head in targets
    }
    fitted = {head: scaled_map(value, scale=scale, grid=grid) for head, value in wanted.items()}
    depth = raw.get("depth")
    measured = depth.astype(np.uint16, copy=False) if depth is not None and depth.dtype == np.uint16 else None
    distance = None if measured is None else face_distance(measured, box=sample.box)
    return _Loaded(sample, frames, box, grid, fitted, distance)


def check_box(box: Box, width: int, height: int, *, key: str) -> None:
    """Refuse a box that cannot be a face in its frame: a detector would score pixels outside it, or nearly nothing.

    Args:
        box: x0 y0 x1 y1 in pixels.
        width, height: of the upright frame.
        key: of the sample, for the message.

    Raises:
        BadInputError: less than half of it lies in the frame, or it is smaller than 8 pixels.
    """
    x0, y0, x1, y1 = box
    within = max(0.0, min(x1, width) - max(x0, 0.0)) * max(0.0, min(y1, height) - max(y0, 0.0))
    rounded = tuple(float(f"{value:.4g}") for value in box)
    if within < _INSIDE * (x1 - x0) * (y1 - y0) or max(x1 - x0, y1 - y0) > _LARGEST_BOX * max(width, height):
        raise BadInputError(
            f"sample {key!r}: the face box is not in the frame of {width} x {height}",
            hint=f"x0 y0 x1 y1 in pixels of this frame, upright, not {rounded}",
        )
    if min(x1 - x0, y1 - y0) < SMALLEST_BOX:
        raise BadInputError(
            f"sample {key!r}: the face box is smaller than {SMALLEST_BOX:g} pixels",
            hint=f"x0 y0 x1 y1 in pixels, two corners and not a size, not {rounded}",
        )


def read_image(
    path: Path,
    modality: Modality,
    *,
    depth_encoding: DepthEncoding = "millimeters",
    depth_unit: float = 1.0,
    infrared_bits: int | None = None,
) -> Image:
    """Read one image as it is stored.

    Args:
        path: a file, or a place inside an array file.
        modality: what it holds.
        depth_encoding: of depth.
        depth_unit: millimeters of one stored value of 16-bit depth.
        infrared_bits: how many bits of 16-bit infrared its sensor fills; None takes all.

    Returns:
        `(h, w, 3)` uint8; for depth `(h, w)` uint16 millimeters or uint8; `(h, w, c)` float32 in [0, 1] from arrays.

    Raises:
        BadInputError: unreadable, or not of this kind, such as a color image that stands where infrared should be.
    """
    if modality == "depth" and not in_array(path):
        return read_depth(path, unit=depth_unit) if depth_encoding == "millimeters" else read_depth_picture(path)
    bits = 16 if modality != "infrared" or infrared_bits is None else infrared_bits
    image = read_array_image(path) if in_array(path) else read_photo(path, bits=bits)
    if modality != "rgb" and is_colored(image):
        raise BadInputError(
            f"{printable(path)}: is a color picture, not {modality}",
            hint=f"check which folder, column or channels hold the {modality}",
        )
    return image


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
