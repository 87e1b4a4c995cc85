"""A twin of CelebA-Spoof: its tree, labels of 44 numbers, boxes in the virtual frame, and every known defect once."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from facewarden.core.files import write_bytes, write_text, writing
from facewarden.core.labels import ILLUMINATIONS
from facewarden.data.datasets.parts.celeba_labels import VIRTUAL
from facewarden.data.datasets.parts.twins import Shot, TwinFrame, TwinWriter, write_jpeg

_SHOWN = {
    1: "print_bent", 2: "print_flat", 3: "print_flat", 4: "print_cutout", 5: "print_cutout", 6: "partial_glasses",
    7: "replay_pc", 8: "replay_tablet", 9: "replay_phone", 10: "mask_rigid",
}  # fmt: skip
"""What is rendered for a code of spoof type."""

_SIDES = ((0.78, 1.0), (0.7, 0.86), (0.9, 0.75), (0.62, 0.94))
"""Widths and heights of the images as shares of the rendered side: no two alike in a row, none square."""

_LIVE, _SPOOF = 3, 4
_UNSEEN = (3, 4, 7)
"""Types that protocol 1 tests on."""
_DEVICES = ("high", "middle", "low")


@dataclass(frozen=True)
class _Row:
    key: str
    labels: list[int]
    device: int
    test: bool


class CelebaSpoofTwin(TwinWriter):
    """A twin of CelebA-Spoof: three bona fide images and four attacks a person, sizes and suffixes mixed.

    Defects that a reader lives with are in the three protocols' files and their images: a row whose folder says live
    and whose label says spoof; a person of the test split in training, too; boxes that are empty (one in each split),
    negative, past the border, without width, missing, and one written as floats; a key without `Data/`; a folder of
    images that no file names. Defects that a reader must refuse have folders of their own: `metas/defect_43_values`,
    `metas/defect_unknown_code` and `metas/defect_unknown_image`.
    """

    def write(self) -> None:
        """Write the twin into its folder."""
        self.mark()
        rows: list[_Row] = []
        people = self.by_split()
        for person in (*people["train"], *people["dev"]):
            rows += self._person(person, test=False, first=len(rows))
        for person in people["test"]:
            rows += self._person(person, test=True, first=len(rows))
        rows += self._person(people["test"][0], test=False, first=len(rows))  # who is tested, too
        self._spoil_boxes(rows)
        conflict = [row for row in rows if not row.test and "/live/" in row.key][1]
        conflict.labels[40:] = [5, 1, 1, 1]
        self._protocols(rows)
        stray = rows[0].key.replace("Data/train/", "Data/train_copy/")
        path = self.folder / stray
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, (self.folder / rows[0].key).read_bytes(), sync=False)

    def _person(self, person: int, *, test: bool, first: int) -> list[_Row]:
        rows = []
        part = "test" if test else "train"
        for place in range(_LIVE + _SPOOF):
            number = first + place
            spoof = place >= _LIVE
            code = 1 + (number // (_LIVE + _SPOOF) * _SPOOF + place - _LIVE) % 10 if spoof else 0
            light = 1 + number % 4 if spoof else 0
            scene = 1 + number % 2 if spoof else 0
            suffix = "png" if number % 3 == 1 else "jpg"
            key = f"Data/{part}/{person + 1}/{'spoof' if spoof else 'live'}/{number:06d}.{suffix}"
            shot = Shot(
                key, person, _SHOWN.get(code, "bona_fide"), "test" if test else "train",
                ILLUMINATIONS[light - 1] if light else None, ("indoor", "outdoor")[scene - 1] if scene else None,
            )  # fmt: skip
            views = self.render(shot)
            self._image(key, views, number)
            marks = [0] * 40 if spoof else [int(mark == "1") for mark in views.attributes]
            rows.append(_Row(key, [*marks, code, light, scene, int(spoof)], number % 3, test))
        return rows

    def _image(self, key: str, views: TwinFrame, number: int) -> None:
        image, box = _framed(views, *_SIDES[number % len(_SIDES)])
        height, width = image.shape[:2]
        path = self.folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".png":
            with writing(path, sync=False) as temporary:
                Image.fromarray(image).save(temporary)
        else:
            write_jpeg(path, image)
        x, y, w, h = (
            round(value * VIRTUAL / side) for value, side in zip(box, (width, height, width, height), strict=True)
        )
        self._box(key, f"{x} {y} {w} {h} 0.9987654")

    def _box(self, key: str, text: str | None) -> None:
        path = (self.folder / key).with_suffix("")
        path = path.with_name(f"{path.name}_BB.txt")
        if text is None:
            path.unlink()
        else:
            write_text(path, text + ("\n" if text else ""), sync=False)

    def _spoil_boxes(self, rows: Sequence[_Row]) -> None:
        train = [row.key for row in rows if not row.test and "/spoof/" in row.key]
        test = [row.key for row in rows if row.test]
        texts: tuple[str | None, ...] = (
            "", "-12 -9 140 170 0.99", "90 80 170 170 0.99", "61.0 40.0 100.5 130.0 0.99", "80 90 0 60 0.5", None,
        )  # fmt: skip
        for key, text in zip(train, texts, strict=False):
            self._box(key, text)
        self._box(test[0], "")

    def _protocols(self, rows: Sequence[_Row]) -> None:
        train = [row for row in rows if not row.test]
        test = [row for row in rows if row.test]
        self._metas("intra_test", train, test)
        self._metas(
            "protocol1",
            [row for row in train if row.labels[40] not in _UNSEEN],
            [row for row in test if row.labels[40] in (0, *_UNSEEN)],
        )
        for number, device in enumerate(_DEVICES):
            self._metas(
                f"protocol2/test_on_{device}_quality_device",
                [row for row in train if row.device != number],
                [row for row in test if row.device == number],
            )
        self._metas("defect_43_values", [_Row(train[0].key, train[0].labels[1:], 0, test=False), *train[1:]], test)
        unknown = [*train[0].labels[:40], 11, *train[0].labels[41:]]
        self._metas("defect_unknown_code", [_Row(train[0].key, unknown, 0, test=False), *train[1:]], test)
        absent = _Row(train[0].key.replace("Data/train/", "Data/train/0"), train[0].labels, 0, test=False)
        self._metas("defect_unknown_image", [*train, absent], test)

    def _metas(self, name: str, train: Sequence[_Row], test: Sequence[_Row]) -> None:
        for part, rows in (("train", train), ("test", test)):
            named = {row.key: row.labels for row in rows}
            if part == "train":  # some published copies drop the leading folder
                last = rows[-1].key
                named = {key.removeprefix("Data/") if key == last else key: value for key, value in named.items()}
            self._json(f"metas/{name}/{part}_label.json", named)

    def _json(self, name: str, values: Mapping[str, list[int]]) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, json.dumps(values), sync=False)


def _framed(
    views: TwinFrame, across: float, down: float
) -> tuple[NDArray[np.uint8], tuple[float, float, float, float]]:
    """Cut the middle of a frame to other proportions and sizes; the box becomes x y w h in the new image."""
    height, width = views.rgb.shape[:2]
    side = min(1.0, across / down)
    kept_width, kept_height = round(width * side), round(height * min(1.0, down / across))
    left, top = (width - kept_width) // 2, (height - kept_height) // 2
    cut = views.rgb[top : top + kept_height, left : left + kept_width]
    new = (max(8, round(width * across)), max(8, round(height * down)))
    image = cv2.resize(np.ascontiguousarray(cut), new, interpolation=cv2.INTER_AREA)
    fx, fy = new[0] / kept_width, new[1] / kept_height
    x0, y0, x1, y1 = views.box
    return np.asarray(image, np.uint8), ((x0 - left) * fx, (y0 - top) * fy, (x1 - x0) * fx, (y1 - y0) * fy)
