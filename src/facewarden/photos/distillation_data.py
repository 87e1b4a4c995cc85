"""Distillation data: photos and synthetic people captured by random sensors, and the teachers' outputs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional

from facewarden.align import align_face, find_face
from facewarden.core.errors import BadInputError
from facewarden.core.files import writing
from facewarden.core.progress import track
from facewarden.core.roles import Aligner, Recognizer
from facewarden.core.seeding import derive
from facewarden.data.datasets import FacePhoto
from facewarden.data.depth import encode_depth
from facewarden.data.photo import read_photo, why_unread
from facewarden.data.simulate.capture import CaptureSpec, make_capture
from facewarden.data.simulate.person.people import ProceduralPeople, frame_of
from facewarden.data.simulate.sensor.random_site import random_site
from facewarden.nn.crop import crop_resize
from facewarden.nn.lite0 import Lite0Features
from facewarden.photos.aligned import embed_all, to_images
from facewarden.training.distill.distillation_data import DistillationViews, Kind, read_views, write_views

SCALE = 1.3
"""Factor on the face box of what a student is shown, that of the detectors."""

CHUNK = 256
_LITE0 = 224
_FRAME = 224
Pixels = NDArray[np.float32]


class Teachers:
    """Recognizers and the feature map, whose 1280 channels are reduced to their principal components.

    Args:
        recognizers: by name.
        components: how many.
        basis: file of the components; measured on the first views and written when it is not there.
        side: of the views in pixels.
    """

    def __init__(self, recognizers: Mapping[str, Recognizer], *, components: int, basis: Path, side: int) -> None:
        self.recognizers, self.components, self.side = recognizers, components, side
        self._lite0, self._file = Lite0Features(), basis
        self._basis: dict[str, Tensor] | None = load_file(basis) if basis.is_file() else None

    def ask(
        self, kind: Kind, views: Sequence[Pixels], crops: Sequence[NDArray[np.uint8]], person: list[str]
    ) -> DistillationViews:
        """Return the teachers' outputs for views `(c, s, s)` in [0, 1] and for the people's aligned color crops."""
        images = to_images(np.stack(crops))
        shown = torch.from_numpy(np.stack(views))
        said = {name: torch.from_numpy(embed_all(model, images)) for name, model in self.recognizers.items()}
        bytes_ = (shown * 255 + 0.5).to(torch.uint8)
        return DistillationViews(kind, bytes_, said, self._reduced(shown.expand(-1, 3, -1, -1)), tuple(person))

    def _reduced(self, images: Tensor) -> Tensor:
        with torch.inference_mode():
            sized = functional.interpolate(images, (_LITE0, _LITE0), mode="bilinear", align_corners=False)
            maps = torch.cat([self._lite0(part) for part in torch.split(sized, 16)]).clone()
        cells = maps.permute(0, 2, 3, 1)
        if self._basis is None:
            self._basis = principal(cells.flatten(0, 2), self.components)
            with writing(self._file) as temporary:
                save_file(self._basis, temporary)
        reduced = (cells - self._basis["mean"]) @ self._basis["axes"]
        return (reduced / self._basis["spread"]).permute(0, 3, 1, 2)


def principal(rows: Tensor, components: int) -> dict[str, Tensor]:
    """Mean, the leading axes `(d, k)`, and what brings the sum of their variances to one."""
    mean = rows.mean(dim=0)
    centered = (rows - mean).double()
    values, vectors = torch.linalg.eigh(centered.T @ centered / len(rows))
    kept = values[-components:].clamp(min=0)
    # eigenvectors have no sign of their own: the largest entry is made positive
    axes = vectors[:, -components:]
    axes = axes * axes.gather(0, axes.abs().argmax(dim=0, keepdim=True)).sign()
    return {"mean": mean, "axes": axes.float().contiguous(), "spread": kept.sum().sqrt().float().reshape(1)}


def photo_views(
    photos: Sequence[FacePhoto], *, finder: Aligner, teachers: Teachers, folder: Path
) -> tuple[list[DistillationViews], dict[str, int]]:
    """Views of photos, chunk by chunk; chunks that are on disk already are read.

    Returns:
        The views, and reason -> how many photos this call left out.
    """
    skipped: Counter[str] = Counter()

    def taken(part: Sequence[FacePhoto]) -> list[DistillationViews]:
        views, crops, people = [], [], []
        for photo in part:
            image = _readable(photo, skipped)
            face = None if image is None else find_face(image, finder, no_face="skip", several="most_central")
            if image is None or face is None:
                skipped["no face found"] += image is not None
                continue
            planes = np.ascontiguousarray(image.transpose(2, 0, 1), dtype=np.float32) / np.float32(255)
            views.append(_view(planes, face.box, side=teachers.side, kind="photo"))
            crops.append(align_face(image, face.landmarks))
            people.append(photo.identity)
        return [teachers.ask("photo", views, crops, people)] if views else []

    return taken_in_chunks(photos, taken, label="asking the teachers", name="photo", folder=folder), dict(skipped)


def drawn_views(people: int, *, shots: int, teachers: Teachers, seed: int, folder: Path) -> list[DistillationViews]:
    """Depth and infrared of synthetic people, each capture at a random site; only bona fide presentations.

    The teachers' embeddings are those of the registered color image, which the student does not see.
    """
    size, scale = frame_of(_FRAME, 0.55)
    crowd = ProceduralPeople(derive(seed, "distill", "people"), size, scale)

    def taken(part: Sequence[int]) -> list[DistillationViews]:
        ranges, lights, crops, names = [], [], [], []
        for person in part:
            for shot in range(shots):
                key = f"distill-{person:04d}-{shot:02d}"
                rng = np.random.default_rng(derive(seed, "distill", "site", key))
                spec = CaptureSpec(
                    key, crowd.name(person), "bona_fide", "random", session=str(shot), seed=seed, size=_FRAME,
                    illumination=("normal", "strong", "back")[int(rng.integers(3))], framing=0.55,
                )  # fmt: skip
                capture = make_capture(spec, crowd.maps(person, key=key), site=random_site(rng, key))
                x0, y0, x1, y1 = capture.box.tolist()
                box = (x0, y0, x1, y1)
                depth = encode_depth(capture.depth, box=box)[None]
                ranges.append(_view(depth, box, side=teachers.side, kind="depth"))
                light = capture.infrared[None].astype(np.float32) / np.float32(255)
                lights.append(_view(light, box, side=teachers.side, kind="infrared"))
                crops.append(align_face(capture.rgb, [(float(x), float(y)) for x, y in capture.landmarks]))
                names.append(crowd.name(person))
        return [teachers.ask("depth", ranges, crops, names), teachers.ask("infrared", lights, crops, names)]

    each = max(1, CHUNK // shots)
    return taken_in_chunks(range(people), taken, label="drawing people", name="drawn", folder=folder, each=each)


def taken_in_chunks(
    items: Sequence[Any],
    take: Callable[[Sequence[Any]], list[DistillationViews]],
    *,
    label: str,
    name: str,
    folder: Path,
    each: int = CHUNK,
) -> list[DistillationViews]:
    """Views of items, taken chunk by chunk and kept on disk; chunks that are there already are read."""
    chunks: list[DistillationViews] = []
    for number in track(range(-(-len(items) // each)), label=label):
        kept = sorted(folder.glob(f"{name}-{number:04d}-*.safetensors"))
        done = folder / f"{name}-{number:04d}.done"
        if not done.is_file():
            for path in kept:
                path.unlink()
            kept = []
            for views in take(items[number * each : (number + 1) * each]):
                kept.append(folder / f"{name}-{number:04d}-{views.kind}.safetensors")
                write_views(kept[-1], views)
            done.touch()
        chunks += [read_views(path) for path in kept]
    return chunks


def _readable(photo: FacePhoto, skipped: Counter[str]) -> NDArray[np.uint8] | None:
    try:
        return read_photo(photo.path)
    except BadInputError as error:
        skipped[why_unread(photo.path, error)] += 1
        return None


def _view(planes: Pixels, box: Sequence[float], *, side: int, kind: Kind) -> Pixels:
    """The detector's view with room around it, `(c, side, side)`."""
    crops = crop_resize(
        torch.from_numpy(planes)[None],
        torch.tensor([list(box)], dtype=torch.float32),
        scale=SCALE * 8 / 7,
        size=side,
        antialias=kind != "depth",
    )
    view: Pixels = crops[0].clamp(0, 1).numpy()
    return view


def of_kind(views: Sequence[DistillationViews], kind: Kind) -> Iterator[DistillationViews]:
    """Those of one kind."""
    return (part for part in views if part.kind == kind)
