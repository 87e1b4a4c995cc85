"""Ordinary edits of natural photos, by family and strength: what a cloak detector must not take for a cloak."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import cv2
import numpy as np
from jaxtyping import UInt8
from numpy.typing import NDArray

from facewarden.core.errors import BadInputError

Picture = UInt8[np.ndarray, "h w 3"]
_GRAY = np.array([0.299, 0.587, 0.114])


def _bytes(values: NDArray[np.floating]) -> NDArray[np.uint8]:
    return np.asarray(np.clip(np.rint(values), 0, 255), dtype=np.uint8)


def _contrast(picture: Picture, strength: float, rng: np.random.Generator) -> Picture:
    middle = float((picture @ _GRAY).mean())
    return _bytes(middle + strength * (picture - middle))


def _color(picture: Picture, strength: float, rng: np.random.Generator) -> Picture:
    gray = (picture @ _GRAY)[..., None]
    return _bytes(gray + strength * (picture - gray))


def _brightness(picture: Picture, strength: float, rng: np.random.Generator) -> Picture:
    return _bytes(255 * (picture / 255) ** strength)


def _sharpening(picture: Picture, strength: float, rng: np.random.Generator) -> Picture:
    soft = cv2.GaussianBlur(picture.astype(np.float32), (0, 0), 1.5)
    return _bytes(picture + strength * (picture - soft))


def _noise(picture: Picture, strength: float, rng: np.random.Generator) -> Picture:
    return _bytes(picture + strength * rng.standard_normal(picture.shape))


def _jpeg(picture: Picture, strength: float, rng: np.random.Generator) -> Picture:
    stored = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, int(strength)])[1]
    return np.ascontiguousarray(np.asarray(cv2.imdecode(stored, cv2.IMREAD_COLOR), dtype=np.uint8)[..., ::-1])


def _filter(picture: Picture, strength: float, rng: np.random.Generator) -> Picture:
    if strength < 0:  # smoothing that keeps edges, as phones do it
        return np.asarray(cv2.bilateralFilter(picture, 5, -strength, 3), dtype=np.uint8)
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), strength), dtype=np.uint8)


def _resizing(picture: Picture, strength: float, rng: np.random.Generator) -> Picture:
    height, width = picture.shape[:2]
    size = (max(1, round(width * strength)), max(1, round(height * strength)))
    method = cv2.INTER_AREA if strength < 1 else cv2.INTER_CUBIC
    small = cv2.resize(picture, size, interpolation=method)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), dtype=np.uint8)


def _clahe(picture: Picture, strength: float, rng: np.random.Generator) -> Picture:
    lab = cv2.cvtColor(picture, cv2.COLOR_RGB2LAB)
    lab[..., 0] = cv2.createCLAHE(clipLimit=strength, tileGridSize=(8, 8)).apply(lab[..., 0])
    return np.asarray(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB), dtype=np.uint8)


def _retro(picture: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """A filter of photo programs: warm tones, an S-shaped tone curve and darker corners."""
    unit = picture / 255
    sepia = unit @ np.array([[0.393, 0.349, 0.272], [0.769, 0.686, 0.534], [0.189, 0.168, 0.131]])
    curved = sepia * sepia * (3 - 2 * sepia)
    rows, columns = (np.linspace(-1, 1, extent) for extent in picture.shape[:2])
    corners = 1 - 0.3 * (rows[:, None] ** 2 + columns[None] ** 2)[..., None] / 2
    return _bytes(255 * ((1 - strength) * unit + strength * curved * corners))


def _exposure(picture: Picture, strength: float, rng: np.random.Generator) -> Picture:
    return _bytes(strength * picture)


def _white_balance(picture: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """One gain for each color: warmer above 0, colder below."""
    return _bytes(picture * np.array([1 + strength, 1.0, 1 - strength]))


def _crop(picture: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """Cut each side by 0.5 to 1.5 times `strength` pixels, drawn for each alone, and enlarge to the size before."""
    height, width = picture.shape[:2]
    edges = rng.integers(0, int(strength) + 1, 4) + int(strength) // 2
    inner = picture[edges[0] : height - edges[1], edges[2] : width - edges[3]]
    return np.asarray(cv2.resize(inner, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.uint8)


def _beauty(picture: Picture, strength: float, rng: np.random.Generator) -> Picture:
    """Smooth skin as photo programs do: a wide filter that keeps edges, mixed with the picture and a little lighter."""
    soft = cv2.bilateralFilter(picture, 9, 40, 7).astype(np.float32)
    return _bytes(1.03 * ((1 - strength) * picture + strength * soft))


FAMILIES: Mapping[str, Callable[[Picture, float, np.random.Generator], Picture]] = MappingProxyType(
    {
        "contrast": _contrast,
        "color": _color,
        "brightness": _brightness,
        "sharpening": _sharpening,
        "noise": _noise,
        "jpeg": _jpeg,
        "filters": _filter,
        "resizing": _resizing,
        "clahe": _clahe,
        "retro": _retro,
        "exposure": _exposure,
        "white balance": _white_balance,
        "crop": _crop,
        "beauty": _beauty,
    }
)  # fmt: skip
"""Family of edits -> what makes one of a strength."""

LEARNED: Mapping[str, tuple[float, ...]] = MappingProxyType(
    {
        "contrast": (0.6, 0.8, 1.15, 1.3, 1.55, 1.8),
        "color": (0.0, 0.5, 1.2, 1.6, 2.0),
        "brightness": (0.6, 0.75, 1.3, 1.7),
        "sharpening": (0.3, 0.8, 1.25, 2.0),
        "noise": (1.0, 1.5, 3.0, 5.0, 8.0),
        "jpeg": (30.0, 50.0, 65.0, 85.0, 95.0),
        "filters": (0.5, 1.0, 2.0, -15.0, -40.0),
        "resizing": (0.4, 0.6, 0.85, 1.5),
    }
)  # fmt: skip
"""Family -> strengths from which the cloak detector learns."""

HELD_OUT: Mapping[str, tuple[float, ...]] = MappingProxyType(
    {
        "contrast": (0.7, 1.4),
        "color": (1.4,),
        "brightness": (1.5,),
        "sharpening": (0.5, 1.0),
        "noise": (2.0, 4.0),
        "jpeg": (40.0, 75.0),
        "filters": (0.75, -25.0),
        "resizing": (0.5,),
        "clahe": (2.0, 3.0),
        "retro": (1.0,),
    }
)  # fmt: skip
"""Family -> strengths that it never sees; `clahe` and `retro` are no families of `LEARNED` at all."""

KINDS_LEARNED: Mapping[str, tuple[float, ...]] = MappingProxyType(
    {**LEARNED, "exposure": (0.7, 0.85, 1.2, 1.4), "white balance": (-0.15, -0.07, 0.07, 0.15)}
)
"""Family -> strengths from which the lines of kinds of cloaks learn, with light and color, which a tint resembles."""

KINDS_HELD_OUT: Mapping[str, tuple[float, ...]] = MappingProxyType(
    {**HELD_OUT, "exposure": (0.8, 1.3), "white balance": (-0.1, 0.1), "crop": (4.0,), "beauty": (0.6,)}
)
"""Family -> strengths that those lines never see; `crop` and `beauty` are further families that are never learned."""


def edited(picture: Picture, family: str, strength: float, *, seed: int = 0) -> Picture:
    """Edit one picture.

    Args:
        picture: `(h, w, 3)` uint8 RGB, a whole photo or an aligned crop.
        family: of `FAMILIES`.
        strength: of the family's own kind: a factor, gray levels, the quality of JPEG, pixels, a scale.
        seed: of noise.

    Raises:
        BadInputError: no such family.
    """
    if family not in FAMILIES:
        raise BadInputError(f"no edit {family!r}", hint=f"one of: {', '.join(FAMILIES)}")
    return FAMILIES[family](picture, strength, np.random.default_rng(seed))
