"""Descriptions of all captures of a yardstick, one array a floor, kept beside the crops."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from facewarden.core import registry
from facewarden.core.errors import BadInputError
from facewarden.core.files import writing
from facewarden.data.manifest import Manifest
from facewarden.data.sample import Sample
from facewarden.experiments.domain_generalization.crop_store import CropStore
from facewarden.experiments.domain_generalization.yardstick.settings import YardstickSettings
from facewarden.nn.closed_form import ClosedForm
from facewarden.training.tokens.extract import contents_of, fill_tokens
from facewarden.training.tokens.store import PICTURES, open_tokens

ENTRIES: Mapping[str, tuple[str, Mapping[str, Any]]] = MappingProxyType(
    {
        "chance": ("chance", {}),
        "thumbnail_8": ("thumbnail_ridge", {"pixels": 8}),
        "thumbnail_24": ("thumbnail_ridge", {"pixels": 24}),
        "thumbnail_48": ("thumbnail_ridge", {"pixels": 48}),
        "texture_ridge": ("texture_ridge", {}),
        "statistics_ridge": ("statistics_ridge", {}),
        "plane_ridge": ("plane_ridge", {}),
        "thumbnail_neighbors": ("thumbnail_neighbors", {}),
    }
)
"""Floor -> the detector and its settings."""

SEEN: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "trunk_picture": ("rgb", "depth", "infrared"),
        "trunk_canonical": ("rgb", "depth_canonical", "infrared"),
        "trunk_both": PICTURES,
    }
)
"""Frozen features -> the pictures whose summaries stand side by side."""

MAPS, _MAP_SIDE, _REACH = "true_maps", 32, 150.0
_AT_ONCE = 64


def model_of(floor: str, *, size: int) -> ClosedForm:
    """An unfitted detector of a floor."""
    entry, settings = ENTRIES[floor]
    made: ClosedForm = registry.load("pad", entry).untrained({**settings, "size": size}, seed=0)
    made.requires_grad_(False).eval()
    return made


def describe_floor(floor: str, store: CropStore, samples: list[Sample], *, folder: Path) -> None:
    """Write the descriptions of all captures by one floor, in the order of the samples."""
    model = model_of(floor, size=store.view.size)
    rows = [model.describe(batch) for batch in store.views(samples, batch=_AT_ONCE)]
    _write(folder, floor, np.concatenate(rows))


def fill_site(store: CropStore, samples: list[Sample], *, plan: YardstickSettings, folder: Path) -> int:
    """Compute the tokens of some captures that are not there yet; returns how many captures there are."""
    fill_tokens(folder, store.views(samples, batch=_AT_ONCE), engine=plan.tokens)
    return len(samples)


def read_description(
    floor: str, store: CropStore, samples: list[Sample], *, plan: YardstickSettings, folder: Path
) -> NDArray[np.float32]:
    """Descriptions of the samples, in their order."""
    if floor not in SEEN:
        found: NDArray[np.float32] = np.load(_path(folder, floor), mmap_mode="r")
        return found
    contents = contents_of(store.views(samples, batch=_AT_ONCE))
    summaries = open_tokens(folder, plan.tokens).summaries(contents)
    places = [PICTURES.index(name) for name in SEEN[floor]]
    flat: NDArray[np.float32] = summaries[:, places].astype(np.float32).reshape(len(samples), -1)
    return flat


def describe_maps(manifest: Manifest, samples: list[Sample], *, folder: Path) -> None:
    """Write thumbnails of the simulator's exact depth and reflection inside the face box.

    Depth is relative to the median inside the box, and clipped at 150 mm in front of it and behind.
    """
    rows = []
    for sample in samples:
        assert sample.box is not None  # the simulator knows where the face is
        depth, reflection = (_crop(manifest, sample, name) for name in ("truedepth", "reflection"))
        millimeters = depth / np.float32(10)
        near = np.clip((millimeters - np.median(millimeters[depth > 0])) / _REACH, -1, 1)
        near[depth == 0] = 1.0  # beyond what is stored
        small = [cv2.resize(one, (_MAP_SIDE, _MAP_SIDE), interpolation=cv2.INTER_AREA) for one in (near, reflection)]
        rows.append(np.concatenate([one.ravel() for one in small]))
    _write(folder, MAPS, np.stack(rows).astype(np.float32))


def has_maps(samples: list[Sample]) -> bool:
    """Whether every capture has its exact depth and reflection."""
    return all({"truedepth", "reflection"} <= set(sample.extra) and sample.box is not None for sample in samples)


def _crop(manifest: Manifest, sample: Sample, name: str) -> NDArray[np.float32]:
    color = manifest.path(sample, "rgb")
    assert sample.box is not None
    assert color is not None  # the simulator renders color, and its maps lie beside it
    path = color.parent / Path(sample.extra[name]).name
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if image is None:
        raise BadInputError(f"{path}: cannot be read", hint="simulate again with maps: true")
    x0, y0, x1, y1 = (round(value) for value in sample.box)
    height, width = image.shape[:2]
    found: NDArray[np.float32] = image[max(0, y0) : min(height, y1), max(0, x0) : min(width, x1)].astype(np.float32)
    return found


def _path(folder: Path, floor: str) -> Path:
    return folder / f"described-{floor}.npy"


def _write(folder: Path, floor: str, rows: NDArray[np.float32]) -> None:
    with writing(_path(folder, floor)) as temporary, temporary.open("wb") as file:
        np.save(file, rows)
