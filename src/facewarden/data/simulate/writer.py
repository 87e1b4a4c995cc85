"""Writes captures to disk: PNGs, manifest rows, and one file per finished subject so that runs can resume."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from facewarden.core.errors import BadInputError
from facewarden.core.files import sync_files, write_bytes, write_text
from facewarden.core.guards.bounded import read_json_bounded
from facewarden.data.manifest_columns import parse_row, to_row
from facewarden.data.sample import Sample
from facewarden.data.sample_words import as_split
from facewarden.data.simulate.capture import Capture

_FAST = [cv2.IMWRITE_PNG_COMPRESSION, 1]


def write_png(path: Path, image: NDArray[Any]) -> None:
    """Write an 8- or 16-bit image (gray, or RGB) in one step, so that a cut write leaves no half file."""
    pixels = image[..., ::-1] if image.ndim == 3 else image
    ok, packed = cv2.imencode(".png", np.ascontiguousarray(pixels), _FAST)
    try:
        if not ok:
            raise OSError("encoding failed")
        write_bytes(path, packed.tobytes(), sync=False)  # `write_rows` syncs a subject's files at once
    except OSError as error:
        raise BadInputError(
            f"{path}: cannot be written: {error}", hint="choose a writable folder: --out DIR"
        ) from error


def write_capture(out: Path, capture: Capture, *, maps: bool) -> Sample:
    """Write a capture's images and return its row.

    Args:
        out: the set's folder; images go to `captures/DOMAIN/`.
        capture: what to write.
        maps: also write the exact ground truth, depth in tenths of a millimeter (`_truedepth.png`, 0 beyond 6.5 m)
            and reflection (`_reflection.png`, 255 = full scale); from version 2 on, whose depth is a picture, also what
            the sensor measured (`_millimeters.png`, 0 = hole).
    """
    spec = capture.spec
    folder = Path("captures") / spec.domain
    try:
        (out / folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInputError(f"{out}: cannot be written: {error}", hint="choose a writable folder: --out DIR") from error
    picture = capture.depth_picture
    images: dict[str, NDArray[Any]] = {
        "rgb": capture.rgb, "depth": capture.depth if picture is None else picture, "ir": capture.infrared,
    }  # fmt: skip
    if maps and picture is not None:
        images["millimeters"] = capture.depth
    if maps:
        tenths = capture.true_depth * np.float32(10) + np.float32(0.5)
        images["truedepth"] = np.where(tenths < 65535, tenths, 0).astype(np.uint16)
        images["reflection"] = (capture.reflection * np.float32(255) + np.float32(0.5)).astype(np.uint8)
    names = {kind: (folder / f"{spec.key}_{kind}.png").as_posix() for kind in images}
    for kind, image in images.items():
        write_png(out / names[kind], image)
    x0, y0, x1, y1 = (round(float(v), 2) for v in capture.box)
    extra: dict[str, str] = {kind: names[kind] for kind in ("truedepth", "reflection", "millimeters") if kind in names}
    return Sample(
        key=spec.key, split=as_split(spec.split), label=capture.label, species=spec.species, subject=spec.subject,
        domain=spec.domain, rgb=names["rgb"], depth=names["depth"], infrared=names["ir"], session=spec.session,
        depth_encoding="millimeters" if picture is None else "picture",
        illumination=spec.illumination, environment=spec.environment, box=(x0, y0, x1, y1),
        landmarks=tuple((round(float(x), 2), round(float(y), 2)) for x, y in capture.landmarks), simulated=True,
        seed=spec.seed, attributes={name: str(value) for name, value in capture.attributes.items()}, extra=extra,
    )  # fmt: skip


def files_of(row: Sample) -> list[str]:
    """Every file of a capture, relative to the set's folder."""
    return [name for name in (row.rgb, row.depth, row.infrared, *row.extra.values()) if name]


def write_rows(path: Path, rows: list[Sample], *, out: Path) -> None:
    """Write the rows of a finished subject, once its images are safely on the disk.

    Args:
        path: file of the rows.
        rows: captures of one subject.
        out: the set's folder.

    Raises:
        BadInputError: the folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        sync_files(out / name for row in rows for name in files_of(row))
        write_text(path, json.dumps([to_row(row) for row in rows]) + "\n")
    except OSError as error:
        raise BadInputError(
            f"{path}: cannot be written: {error}", hint="choose a writable folder: --out DIR"
        ) from error


def read_rows(path: Path, *, out: Path, keys: list[str]) -> list[Sample] | None:
    """The rows of a subject if it was finished: the same captures, all images still there; otherwise None."""
    try:
        rows = [parse_row(cells) for cells in read_json_bounded(path)]
    except (OSError, ValueError, BadInputError, AttributeError, KeyError):
        return None
    if [row.key for row in rows] != keys:
        return None
    return rows if all((out / name).is_file() for row in rows for name in files_of(row)) else None
