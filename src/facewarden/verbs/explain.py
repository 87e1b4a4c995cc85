"""Where a detector of three sensors is uncertain: one heat map a sensor for each capture, without the face."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, cast, runtime_checkable

import matplotlib as mpl
import numpy as np
import torch
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure as Canvas
from numpy.typing import NDArray
from torch import Tensor

from facewarden.core.batch import FaceBatch
from facewarden.core.compute.computing import computed_by, computes
from facewarden.core.compute.device import device_of
from facewarden.core.compute.precision import Precision
from facewarden.core.errors import BadInputError
from facewarden.core.files import write_text, writing
from facewarden.core.guards.lock import hold, locking
from facewarden.core.identity.given import PathLike, name_of, path_of, several
from facewarden.core.labels import MODALITIES
from facewarden.core.progress import track
from facewarden.core.resolve import DetectorLike, resolve_detector
from facewarden.data.captures import open_captures
from facewarden.data.loading import load_batch
from facewarden.data.manifest import Manifest
from facewarden.data.results import Result

NUMBERS = "uncertainty.json"
_LONGEST = 120
_HEAT = LinearSegmentedColormap.from_list("uncertain", ["#f7fafc", "#fbd8a5", "#e69f00", "#d55e00", "#6e2405"])
_STYLE = {"font.family": ["DejaVu Sans"], "font.size": 8.0}


@runtime_checkable
class Uncertain(Protocol):
    """A detector that tells the certainty of every token of every sensor."""

    def streams(self, batch: FaceBatch, *, maps: bool = False) -> Any:
        """With `maps`, an output whose `maps` are `(m, b, blocks, n)` certainties, the class token first."""

    def crop(self, batch: FaceBatch, *, size: int, scale: float) -> FaceBatch:
        """The detector's view of a batch."""


@dataclass(frozen=True, repr=False)
class Explained(Result):
    """What was drawn.

    Attributes:
        out: folder with one folder a capture, and `uncertainty.json`.
        pictures: the files.
        computed: device and precision of the network.
    """

    out: Path
    pictures: tuple[Path, ...]
    computed: dict[str, str] = field(default_factory=dict)


@computes
@locking
def explain(
    source: PathLike,
    /,
    *,
    detector: DetectorLike,
    out: PathLike,
    keys: Sequence[str] = (),
    limit: int = 8,
    block: int | None = None,
    with_faces: bool = False,
    device: str = "auto",
    precision: Precision | None = None,
) -> Explained:
    """Draw the uncertainty 1 - U of every patch, one picture a sensor, for some captures.

    Pictures are heat maps alone and so show nobody; all sensors of a capture share one color scale.

    Args:
        source: a manifest, or NAME:DIR of a published set.
        detector: a trained mmdg: the folder that `facewarden train` wrote.
        out: folder to write.
        keys: captures by key; the first ones when left out.
        limit: how many, when no keys are given; bona fide and attack presentations take turns.
        block: of the transformer, from 1; the mean over all whose patches say something to others when left out.
        with_faces: also lay the map over the gray image: such a picture shows a person.
        device: where the detector computes: auto (a GPU where there is one), cpu, cuda, cuda:1 or mps.
        precision: what it computes in: auto (bfloat16 where it is native), float32, bfloat16 or float16; left out,
            what its own settings say, float32 for most.

    Raises:
        BadInputError: a detector that has no such maps, no such capture or block, or a folder that cannot be written.
    """
    out = path_of(out)
    model = resolve_detector(detector)
    if not isinstance(model, Uncertain):
        raise BadInputError(
            f"{name_of(detector)} tells no uncertainty by patch", hint="a folder of facewarden train mmdg"
        )
    manifest = open_captures(os.fspath(source))
    pictures: list[Path] = []
    numbers: dict[str, Any] = {}
    for sample in track(_chosen(manifest, several(keys), limit=limit).rows, label="explaining", unit="captures"):
        batch = load_batch([sample], root=manifest.root)
        with torch.inference_mode():
            seen = batch.to(device_of(model) or batch.device)
            maps: Tensor = cast(Uncertain, model).streams(seen, maps=True).maps.cpu()
        grids = uncertainty(maps[:, 0].float(), block=block)
        present = {name: bool(batch.present[name][0]) for name in MODALITIES if name in batch.present}
        shown: dict[str, NDArray[np.float32]] = {
            name: grid for name, grid in zip(MODALITIES, grids, strict=True) if present.get(name)
        }
        faces = _faces(model, batch) if with_faces else {}
        hold(out)
        folder = out / _safe(sample.key)
        pictures += _draw(folder, shown, faces=faces, simulated=sample.simulated)
        numbers[sample.key] = {"label": sample.label, **{name: grid.tolist() for name, grid in shown.items()}}
    about = {"what": "1 - U by patch, rows from the top", "simulated": manifest.simulated}
    _write(out / NUMBERS, json.dumps({**about, "captures": numbers}) + "\n")
    return Explained(out, tuple(pictures), computed_by([model]))


def uncertainty(maps: Tensor, *, block: int | None) -> NDArray[np.float32]:
    """The uncertainty of every patch.

    Args:
        maps: `(m, blocks, n)` certainty of the tokens, the class token first.
        block: from 1; the mean over all but the last when None, since the last one's patches reach nobody.

    Returns:
        `(m, side, side)` of 1 - U.

    Raises:
        BadInputError: no such block.
    """
    blocks = maps.shape[1]
    if block is not None and not 1 <= block <= blocks:
        raise BadInputError(f"there is no block {block}", hint=f"--block 1 to {blocks}")
    chosen = maps[:, : max(1, blocks - 1)].mean(dim=1) if block is None else maps[:, block - 1]
    patches = chosen[:, 1:]
    side = round(patches.shape[1] ** 0.5)
    found: NDArray[np.float32] = (1 - patches).reshape(len(maps), side, side).numpy().astype(np.float32)
    return found


def _chosen(manifest: Manifest, keys: tuple[str, ...], *, limit: int) -> Manifest:
    if keys:
        held = {sample.key: sample for sample in manifest}
        missing = [key for key in keys if key not in held]
        if missing:
            raise BadInputError(
                f"{manifest.name} has no captures {missing[:5]}", hint="facewarden score writes their keys"
            )
        return replace(manifest, rows=tuple(held[key] for key in keys))
    if limit < 1:
        raise BadInputError(f"{limit} captures to explain", hint="--limit 8")
    by_label = [list(manifest.where(label=label)) for label in (1, 0)]
    turns = [sample for pair in _turns(*by_label) for sample in pair]
    return replace(manifest, rows=tuple(turns[:limit]))


def _turns(first: list[Any], second: list[Any]) -> list[list[Any]]:
    longest = max(len(first), len(second))
    return [first[place : place + 1] + second[place : place + 1] for place in range(longest)]


def _faces(model: Any, batch: FaceBatch) -> dict[str, NDArray[np.float32]]:
    """Gray images of what the detector sees."""
    view = model.crop(batch, size=int(model.settings["size"]), scale=float(model.settings["scale"]))
    return {name: image[0].mean(dim=0).numpy() for name, image in view.images.items()}


def _draw(
    folder: Path, shown: dict[str, NDArray[np.float32]], *, faces: dict[str, NDArray[np.float32]], simulated: bool
) -> list[Path]:
    low, high = min(float(g.min()) for g in shown.values()), max(float(g.max()) for g in shown.values())
    pictures = []
    for name, grid in shown.items():
        with mpl.rc_context(_STYLE):
            canvas = Canvas(figsize=(3.4, 2.9), dpi=150, layout="constrained")
            axes = canvas.add_subplot()
            extent = (0.0, 1.0, 1.0, 0.0)
            if name in faces:
                axes.imshow(faces[name], cmap="gray", vmin=0, vmax=1, extent=extent)
            drawn = axes.imshow(
                grid, cmap=_HEAT, vmin=low, vmax=max(high, low + 1e-6), extent=extent, alpha=0.6 if name in faces else 1
            )
            axes.set_xticks([])
            axes.set_yticks([])
            axes.spines[:].set_visible(False)
            axes.set_title(name + (", simulated" if simulated else ""), loc="left", fontsize=9)
            bar = canvas.colorbar(drawn, ax=axes, fraction=0.05, pad=0.03)
            bar.outline.set_visible(False)
            bar.set_label("uncertainty 1 − U")
            pictures.append(_saved(canvas, folder / f"{name}.png"))
    return pictures


def _saved(canvas: Canvas, path: Path) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with writing(path) as temporary:
            canvas.savefig(temporary, metadata={"Software": None})
    except OSError as error:
        raise BadInputError(f"{path}: cannot be written: {error}", hint="a writable folder: --out DIR") from error
    return path


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, text)
    except OSError as error:
        raise BadInputError(f"{path}: cannot be written: {error}", hint="a writable folder: --out DIR") from error


def _safe(key: str) -> str:
    """A key as the name of a folder; where it cannot be one, with a hash, so that no other key has the same folder."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "_", key).strip(".")[:_LONGEST]
    return name if name == key else f"{name}-{hashlib.blake2b(key.encode(), digest_size=4).hexdigest()}"
