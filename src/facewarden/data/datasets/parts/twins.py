"""Twins of published sets: simulated captures in a set's exact layout, with its known defects on purpose."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from facewarden.core.files import write_bytes, write_text, writing
from facewarden.core.labels import MODALITIES, Modality, Split
from facewarden.core.seeding import derive

MARK = "simulated.json"
"""Its presence says that a folder holds no capture of a person."""


class TwinFrame(NamedTuple):
    """A rendered frame with its face box and attributes.

    Attributes:
        rgb, depth, infrared: `(h, w, 3)`, `(h, w)` and `(h, w)` bytes, red first, near is bright.
        box: x0 y0 x1 y1 of the face in pixels.
        attributes: CelebA's forty, one character each: 0, 1 or ?.
    """

    rgb: NDArray[np.uint8]
    depth: NDArray[np.uint8]
    infrared: NDArray[np.uint8]
    box: tuple[float, float, float, float]
    attributes: str = "?" * 40


@dataclass(frozen=True)
class Shot:
    """Description of a frame to render.

    Attributes:
        key: unique in the twin; the address of its random draws.
        person: number of who is shown.
        species: one of `facewarden.core.labels.SPECIES`.
        split: where the set's rule puts it.
        illumination, environment: the light and the scene; drawn when None.
    """

    key: str
    person: int
    species: str
    split: Split = "train"
    illumination: str | None = None
    environment: str | None = None


Render = Callable[[Shot], TwinFrame]


@dataclass
class TwinWriter(ABC):
    """Writes a twin of one set; subclasses implement `write`.

    Attributes:
        folder: where to, new or empty.
        render: renders frames.
        people: how many bona fide people in all, at least 3.
    """

    folder: Path
    render: Render
    people: int = 6
    _written: list[str] = field(default_factory=list)

    @abstractmethod
    def write(self) -> None:
        """Write everything: images, official files, and list files with their defects."""

    def by_split(self) -> dict[Split, list[int]]:
        """Which people are in which split; every split has somebody."""
        pattern: Sequence[Split] = ("train", "dev", "test", "train", "test")
        people: dict[Split, list[int]] = {"train": [], "dev": [], "test": []}
        for person in range(max(3, self.people)):
            people[pattern[person % len(pattern)]].append(person)
        return people

    def mark(self, *folders: str) -> None:
        """Mark the folder, and these below it, as simulated."""
        for name in ("", *folders):
            path = self.folder / name / MARK
            path.parent.mkdir(parents=True, exist_ok=True)
            write_text(path, json.dumps({"kind": "simulated captures", "simulated": True}) + "\n", sync=False)

    def clip(self, where: str, folders: Mapping[Modality, str], shot: Shot, numbers: Sequence[str]) -> list[str]:
        """Write a clip's frames as JPEG, and return `rgb depth ir` of each as a list names them."""
        rows = []
        for number in numbers:
            views = self.render(Shot(f"{shot.key} {number}", shot.person, shot.species, shot.split))
            paths = {name: f"{where}/{folders[name]}/{number}.jpg" for name in MODALITIES}
            for name, image in zip(MODALITIES, views[:3], strict=True):
                write_jpeg(self.folder / paths[name], image)
            rows.append(" ".join(paths[name] for name in MODALITIES))
        return rows

    def text(self, name: str, lines: Sequence[str], *, end: str = "\n", last: bool = True) -> None:
        """Write lines; without an end of the last one where `last` is false."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, (end.join(lines) + (end if last else "")).encode(), sync=False)


def write_jpeg(path: Path, image: NDArray[np.uint8]) -> None:
    """Write an image, gray or color."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with writing(path, sync=False) as temporary:
        Image.fromarray(image).save(temporary, format="JPEG", quality=92)


def noise(*, size: tuple[int, int] = (48, 64), seed: int = 0) -> Render:
    """A renderer that needs no simulator: noise with a pattern by class and modality, so that anything can learn it.

    Bona fide frames are bright in the middle of depth and infrared; color is red, then green, then blue from left to
    right, so that an exchange of channels shows.
    """

    def render(shot: Shot) -> TwinFrame:
        height, width = size
        rng = np.random.default_rng(derive(seed, "twin", shot.key))
        grain = rng.integers(0, 40, (height, width)).astype(np.uint8)
        middle = np.zeros((height, width), dtype=np.uint8)
        middle[height // 4 : -height // 4, width // 4 : -width // 4] = 160 if shot.species == "bona_fide" else 40
        color = np.repeat(grain[..., None], 3, axis=2)
        for channel in range(3):
            color[:, channel * width // 3 : (channel + 1) * width // 3, channel] += 180
        infrared = np.ascontiguousarray(middle[:, ::-1]) // 2 + grain + 60
        box = (width / 4, height / 8, 3 * width / 4, 7 * height / 8)
        return TwinFrame(color, middle + grain, infrared, box, "".join(rng.choice(list("01"), 40)))

    return render
