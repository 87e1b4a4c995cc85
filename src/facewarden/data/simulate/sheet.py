"""Contact sheet of captures for a person to look at: color, depth and near infrared side by side, one species a row."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from facewarden.core.errors import BadInputError
from facewarden.core.labels import SPECIES_BY_VERSION
from facewarden.data.simulate.capture import Capture
from facewarden.data.simulate.writer import write_png


def depth_colors(depth: NDArray[np.uint16], box: NDArray[np.float32], *, band: float = 300.0) -> NDArray[np.uint8]:
    """Show a depth map, `(h, w, 3)` RGB: red is `band / 2` mm before the face, blue as much behind it, holes black."""
    x0, y0 = (int(v) for v in np.clip(box[:2], 0, min(depth.shape) - 1))
    x1, y1 = (int(v) for v in np.clip(box[2:], 1, min(depth.shape)))
    face = depth[y0 : max(y1, y0 + 1), x0 : max(x1, x0 + 1)]
    valid = face[face > 0] if (face > 0).any() else depth[depth > 0]
    middle = float(np.median(valid)) if valid.size else 0.0
    shown = np.clip(0.5 + (middle - depth.astype(np.float32)) / band, 0, 1)
    colors = cv2.applyColorMap((shown * 255).astype(np.uint8), cv2.COLORMAP_JET)[..., ::-1]
    return np.where((depth > 0)[..., None], colors, 0).astype(np.uint8)


def contact_sheet(captures: Iterable[Capture], *, columns: int = 4, side: int = 160) -> NDArray[np.uint8]:
    """Lay captures out, `(h, w, 3)` RGB: a row per species with up to `columns` captures of three pictures each.

    Args:
        captures: of any size.
        columns: captures in a row.
        side: pixels per picture.

    Raises:
        BadInputError: no captures.
    """
    rows: dict[str, list[NDArray[np.uint8]]] = {}
    for capture in captures:
        row = rows.setdefault(capture.spec.species, [])
        if len(row) < columns:
            gray = np.repeat(capture.infrared[..., None], 3, axis=2)
            picture = capture.depth_picture
            depth = depth_colors(capture.depth, capture.box) if picture is None else picture[..., None].repeat(3, 2)
            pictures = [capture.rgb, depth, gray]
            small = [cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA) for picture in pictures]
            row.append(np.hstack(small).astype(np.uint8))
    if not rows:
        raise BadInputError("no captures to show", hint="simulate some first")
    blank = np.zeros((side, 3 * side, 3), np.uint8)
    label = side // 7
    lines = []
    for species in (name for name in SPECIES_BY_VERSION[2] if name in rows):
        row = rows[species] + [blank] * (columns - len(rows[species]))
        strip = np.zeros((label, columns * 3 * side, 3), np.uint8)
        text = f"{species} (simulated)"
        cv2.putText(strip, text, (4, label - 6), cv2.FONT_HERSHEY_SIMPLEX, label / 45, (230, 230, 230), 1, cv2.LINE_AA)
        lines += [strip, np.hstack(row)]
    return np.vstack(lines)


def write_sheet(path: Path, captures: Iterable[Capture], *, columns: int = 4, side: int = 160) -> None:
    """Write `contact_sheet` as a PNG."""
    write_png(path, contact_sheet(captures, columns=columns, side=side))
