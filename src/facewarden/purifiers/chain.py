"""Chain: what a photo goes through before it is enrolled: resizing, JPEG, screenshots, messengers."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from facewarden.core.card import Card
from facewarden.core.errors import BadInputError
from facewarden.core.roles import Purifier
from facewarden.purifiers.parts.jpeg_round_trip import as_jpeg

_FILE = Path(__file__).parent / "parts" / "chains.json"
_CROP = 112  # pixels that recognizers take of the face


@cache
def chains() -> dict[str, Any]:
    """Every chain of `parts/chains.json`: what it is about, and its steps, each tagged as read somewhere or guessed."""
    found: dict[str, Any] = json.loads(_FILE.read_text(encoding="utf-8"))
    return found


class Chain(Purifier):
    """Steps of `parts/chains.json` on a photo in which the face has a given size, and the face cut out again.

    An aligned crop is enlarged to the size that the face has in the photo, goes through the steps there, and is reduced
    to what it was. So a step that leaves the face larger than the crop changes little, as it does in practice.

    Args:
        name: jpeg, resize, screenshot, messenger or screenshot_messenger.
        face: side in pixels of the area of the photo that becomes the crop.
        photo: longer side of the photo in pixels.

    Raises:
        BadInputError: no such chain, or a face that is larger than the photo.
    """

    def __init__(self, *, name: str = "messenger", face: int = 300, photo: int = 4000) -> None:
        if name not in chains():
            raise BadInputError(f"no chain {name!r}", hint=f"one of: {', '.join(chains())}")
        if not 8 <= face <= photo <= 100_000:
            raise BadInputError(f"a face of {face} pixels in a photo of {photo}", hint="face=300, photo=4000")
        self.face, self.photo, self.steps = face, photo, chains()[name]["steps"]
        guessed = sum(step["origin"] == "guessed" for step in self.steps)
        self.card = Card(
            name="chain",
            summary="What photos go through before they are enrolled: JPEG, resizing, screenshots, messengers.",
            role="purifier",
            licence="Apache-2.0",
            source="facewarden, no weights; parameters in purifiers/parts/chains.json",
            training_data="none",
            intended_use="Shows how much of a cloak is left after such steps.",
            limits=f"{guessed} of {len(self.steps)} steps have guessed parameters; applications change theirs",
            settings={"name": name, "face": face, "photo": photo, "steps": json.dumps(self.steps)},
        )

    def purify(self, images: Tensor) -> Tensor:
        """Return the images as they are cut out of the photo that arrives."""
        if len(images) == 0:
            return images
        height, width = images.shape[-2:]
        scale, long_side = self.face / _CROP, float(self.photo)
        seen = _sized(images, round(height * scale), round(width * scale))
        for step in self.steps:
            if "jpeg" in step:
                seen = as_jpeg(seen, quality=step["jpeg"])
                continue
            factor = step.get("scale", min(1.0, step.get("long_side", long_side) / long_side))
            scale, long_side = scale * factor, long_side * factor
            seen = _sized(seen, round(height * scale), round(width * scale))
        return _sized(seen, height, width)


def _sized(images: Tensor, height: int, width: int) -> Tensor:
    """Areas are averaged where a picture gets smaller; larger ones are bicubic."""
    size = (max(1, height), max(1, width))
    if size == tuple(images.shape[-2:]):
        return images
    if size[0] < images.shape[-2]:
        return torch.nn.functional.interpolate(images, size=size, mode="bilinear", antialias=True).clamp(0.0, 1.0)
    return torch.nn.functional.interpolate(images, size=size, mode="bicubic", align_corners=False).clamp(0.0, 1.0)


entry = Chain
