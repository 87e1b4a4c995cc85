"""Sensor-randomized views of a capture, the same ones for every method: as another camera would have stored it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from facewarden.core.errors import BadInputError
from facewarden.core.labels import MODALITIES, Modality
from facewarden.core.seeding import derive

Pixels = NDArray[np.uint8]
VIEWS = 4
"""The clean view, number 0, and three that are randomized."""

CODE = 1
"""Raised where views get other pixels."""


def content_of(pixels: Mapping[Modality, Pixels]) -> str:
    """Digest of a capture's pixels, 32 hex digits: the name under which everything made of it is kept.

    Args:
        pixels: modality -> `(h, w, c)`; one that is not there counts too.
    """
    digest = hashlib.blake2b(digest_size=16)
    for name in MODALITIES:
        image = pixels.get(name)
        digest.update(f"{name}:{None if image is None else image.shape}".encode())
        if image is not None:
            digest.update(np.ascontiguousarray(image).tobytes())
    return digest.hexdigest()


def sensor_view(pixels: Mapping[Modality, Pixels], number: int) -> dict[Modality, Pixels]:
    """A view of a capture, decided by its content and the number alone.

    Color gets another gain, white balance, gamma and JPEG quality; infrared another gain, gamma and quality, and is
    shifted; depth is shifted, scaled, in half of the cases inverted, bent by a gamma, loses up to three patches, and
    its holes become black or white. Both shifts are out of register with color, by up to 3 % of the side.

    Args:
        pixels: modality -> `(h, w, c)` uint8; depth with holes at 0.
        number: 0 for the clean view, which is the capture as it is.

    Raises:
        BadInputError: there is no such view.
    """
    if not 0 <= number < VIEWS:
        raise BadInputError(f"no view {number}", hint=f"0 to {VIEWS - 1}")
    if number == 0:
        return dict(pixels)
    content = content_of(pixels)
    made: dict[Modality, Pixels] = {}
    for name, image in pixels.items():
        rng = np.random.default_rng(derive(CODE, "sensor view", content, number, name))
        change = {"rgb": _color, "depth": _depth, "infrared": _infrared}[name]
        made[name] = change(image, rng)
    return made


def _color(image: Pixels, rng: np.random.Generator) -> Pixels:
    balance = rng.uniform(0.92, 1.08, 3)
    return _stored(_exposed(image, rng, balance=balance), quality=int(rng.integers(35, 96)))


def _infrared(image: Pixels, rng: np.random.Generator) -> Pixels:
    bright = _exposed(image, rng, balance=np.ones(1), most=0.5)
    return _stored(_shifted(bright, rng), quality=int(rng.integers(45, 96)))


def _depth(image: Pixels, rng: np.random.Generator) -> Pixels:
    moved = _shifted(image, rng, flat=True)[..., 0]
    known = (moved > 0) & (moved < 255)
    height, width = moved.shape
    for _ in range(int(rng.integers(0, 4))):
        center = (int(rng.integers(width)), int(rng.integers(height)))
        axes = (int(rng.integers(1, max(2, width // 12))), int(rng.integers(1, max(2, height // 12))))
        hole = np.zeros(moved.shape, np.uint8)
        cv2.ellipse(hole, center, axes, float(rng.uniform(0, 180)), 0, 360, 1, -1)
        known &= hole == 0
    scaled = 0.5 + (moved / 255 - 0.5) * float(np.exp(rng.uniform(-0.5, 0.5))) + float(rng.uniform(-0.1, 0.1))
    if rng.random() < 0.5:
        scaled = 1 - scaled
    bent = np.clip(scaled, 0, 1) ** float(np.exp(rng.uniform(-0.3, 0.3)))
    filled = np.where(known, np.clip(np.rint(bent * 255), 1, 254), 255 if rng.random() < 0.3 else 0)
    return filled.astype(np.uint8)[..., None]


def _exposed(image: Pixels, rng: np.random.Generator, *, balance: NDArray[np.float64], most: float = 0.35) -> Pixels:
    gain, gamma = float(np.exp(rng.uniform(-most, most))), float(np.exp(rng.uniform(-0.3, 0.3)))
    bent = np.clip(image / 255 * gain * balance, 0, 1) ** gamma
    return np.rint(bent * 255).astype(np.uint8)


def _shifted(image: Pixels, rng: np.random.Generator, *, flat: bool = False) -> Pixels:
    """Moved by up to 3 % of the side; `flat` takes the nearest pixel, since a mean of ranges is measured nowhere."""
    reach = 0.03 * image.shape[0]
    matrix = np.array([[1, 0, rng.uniform(-reach, reach)], [0, 1, rng.uniform(-reach, reach)]])
    kind = cv2.INTER_NEAREST if flat else cv2.INTER_LINEAR
    found = cv2.warpAffine(image, matrix, image.shape[1::-1], flags=kind, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found, np.uint8).reshape(image.shape)


def _stored(image: Pixels, *, quality: int) -> Pixels:
    """Through a JPEG file; the order of colors does not matter to it as long as it comes back the same."""
    done, packed = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise BadInputError("a view cannot be encoded as JPEG", hint="an OpenCV with JPEG")
    kind = cv2.IMREAD_COLOR if image.shape[2] == 3 else cv2.IMREAD_GRAYSCALE
    back = np.asarray(cv2.imdecode(packed, kind), np.uint8).reshape(image.shape)
    return np.ascontiguousarray(back[..., ::-1])
