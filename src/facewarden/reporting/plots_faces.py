"""Draws small pictures of faces side by side, such as before and after a purifier."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure as Canvas
from numpy.typing import NDArray
from PIL import Image

from facewarden.reporting.plots import MUTED
from facewarden.reporting.text import clean, short

LARGEST = 512
"""Pixels of a side of a picture, at most: a sheet is looked at, not zoomed into."""
_ACROSS = {False: 5, True: 3}
_TILE = 1.5


def picture(pixels: NDArray[np.uint8]) -> str:
    """A picture `(h, w, 3)` as PNG in base64, as the data of a figure hold it."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG", optimize=True)
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def pixels_of(text: str) -> NDArray[np.uint8]:
    """The pixels of a picture, `(h, w, 3)`.

    Raises:
        ValueError: not a PNG in base64, or larger than a sheet needs.
    """
    try:
        with Image.open(io.BytesIO(base64.b64decode(text, validate=True)), formats=["PNG"]) as image:
            if max(image.size) > LARGEST:
                raise ValueError(f"a picture of {image.size[0]} x {image.size[1]}")
            return np.asarray(image.convert("RGB"), dtype=np.uint8)
    except (OSError, SyntaxError) as error:
        raise ValueError(f"no picture: {error}") from error


def height(data: Mapping[str, Any], *, narrow: bool) -> float:
    """Height of the sheet in inches."""
    lines = -(-len(data["columns"]) // _ACROSS[narrow])
    return 0.45 + (1.35 if narrow else _TILE + 0.15) * lines * len(data["rows"])


def faces(canvas: Canvas, data: Mapping[str, Any], narrow: bool) -> str:  # noqa: FBT001 - called by a table
    """A line of pictures for each row; on a phone it goes on below itself."""
    columns, rows = [clean(name) for name in data["columns"]], data["rows"]
    across = min(_ACROSS[narrow], len(columns))
    lines = -(-len(columns) // across)
    grid = canvas.subplots(len(rows) * lines, across, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for number, row in enumerate(rows):
        if len(row["images"]) != len(columns):
            raise ValueError(f"{len(row['images'])} pictures under {len(columns)} columns")
        for place, (name, text) in enumerate(zip(columns, row["images"], strict=True)):
            axes = grid[number * lines + place // across, place % across]
            axes.imshow(pixels_of(text), interpolation="none")
            words = (
                short(name, length=22) if place else f"{short(clean(row['name']), length=22)}\n{short(name, length=22)}"
            )
            axes.set_title(words, loc="left", fontsize=7.5, color=MUTED)
    return clean(data["foot"])
