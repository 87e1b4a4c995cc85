"""Training targets of a multitask detector's heads: class codes, attributes, depth and reflection maps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from facewarden.core.errors import BadInputError
from facewarden.core.guards.text import is_count
from facewarden.core.labels import ILLUMINATIONS
from facewarden.core.tasks import ATTRIBUTES, LIGHTS, MAPS, SPOOF_TYPES, UNKNOWN, head_width
from facewarden.data.depth import read_depth
from facewarden.data.photo import read_photo
from facewarden.data.sample import Sample

Target = NDArray[np.float32] | int

REACH = 120.0
"""Millimeters behind the nearest point of the face at which the depth target reaches 0, as far as ears lie."""

PSEUDO = "pseudo"
"""Value of a sample's column `maps` that asks for made-up maps; results with them are not comparable."""

_TYPE_OF = {
    "bona_fide": "live", "print_flat": "a4", "print_bent": "photo", "print_cutout": "face_mask",
    "partial_glasses": "region_mask", "replay_pc": "pc", "replay_tablet": "pad", "replay_phone": "phone",
    "mask_rigid": "3d_mask", "mask_silicone": "3d_mask", "print_wrapped": "face_mask", "print_relief": "3d_mask",
    "print_textile": "poster", "replay_phone_bright": "phone", "mask_transparent": "3d_mask",
    "partial_eyes": "region_mask", "partial_makeup": "region_mask", "replay_projected": "pc",
}  # fmt: skip
TYPE_OF_SPECIES = {species: SPOOF_TYPES.index(name) for species, name in _TYPE_OF.items()}
"""CelebA-Spoof's nearest code of the species that the simulator renders."""


def read_target(head: str, sample: Sample, *, root: Path, frame: NDArray[np.float32] | None) -> Target:
    """Read or compute the target of one head for a sample.

    A bona fide presentation has type 0, illumination 0 and no reflection; an attack has no attributes and no depth, as
    in CelebA-Spoof and AENet. Everything else comes from the sample: the columns `spoof_type` (a code, otherwise the
    species tells) and `illumination`, the attribute `celeba` (forty of 0, 1 and ?), and the maps that the simulator
    writes, `truedepth` and `reflection` (linear light, brought to sRGB here). With `pseudo` in the column `maps` an
    ellipsoid over the face box stands for depth, and what exceeds the blurred face's median for reflection.

    Args:
        head: one of `facewarden.core.tasks.HEADS` but `live`, which is the label.
        sample: what is known.
        root: the folder that its files are relative to.
        frame: `(h, w, 3)` its color image in [0, 1]; maps have its size.

    Returns:
        A code, -1 where unknown; `(40,)` float32 of 0, 1 and NaN; or a `(h, w, c)` float32 map, NaN where unknown.

    Raises:
        BadInputError: an unknown head, a value that is none of the published ones, or a map of another size.
    """
    if head == "spoof_type":
        return _spoof_type(sample)
    if head == "illumination":
        if sample.bona_fide:
            return 0
        return UNKNOWN if sample.illumination is None else LIGHTS.index(sample.illumination)
    if head == "attributes":
        return _attributes(sample)
    width = head_width(head)
    if head not in MAPS:
        raise BadInputError(f"{head} has no target beyond the label", hint=f"one of: {', '.join(MAPS)} …")
    if frame is None:
        raise BadInputError(f"sample {sample.key!r}: a {head} needs a color image", hint="rgb in the manifest")
    empty = np.zeros((*frame.shape[:2], width), np.float32)
    if sample.bona_fide == (head == "reflection_map"):
        return empty
    made = _depth(sample, root, frame) if head == "depth_map" else _reflection(sample, root, frame)
    if made is None:
        return empty + np.float32(np.nan)
    if made.shape[:2] != frame.shape[:2]:
        raise BadInputError(
            f"sample {sample.key!r}: its {head} is {made.shape[:2]}, its image {frame.shape[:2]}", hint="register them"
        )
    return np.broadcast_to(made.reshape(*made.shape[:2], -1), empty.shape).astype(np.float32)


def _spoof_type(sample: Sample) -> int:
    text = sample.extra.get("spoof_type")
    if text is None:
        return TYPE_OF_SPECIES.get(sample.species, UNKNOWN)
    if not is_count(text) or int(text) >= len(SPOOF_TYPES) or (int(text) == 0) != sample.bona_fide:
        raise BadInputError(
            f"sample {sample.key!r}: spoof type {text[:20]!r} for label {sample.label}",
            hint=f"0 for bona fide, 1 to {len(SPOOF_TYPES) - 1} for attacks",
        )
    return int(text)


def _attributes(sample: Sample) -> NDArray[np.float32]:
    if not sample.bona_fide:
        return np.zeros(len(ATTRIBUTES), np.float32)
    text = sample.attributes.get("celeba")
    if text is None:
        return np.full(len(ATTRIBUTES), np.nan, np.float32)
    if len(text) != len(ATTRIBUTES) or set(text) - set("01?"):
        raise BadInputError(
            f"sample {sample.key!r}: {len(text)} attributes {text[:60]!r}",
            hint=f"{len(ATTRIBUTES)} characters, each 0, 1 or ?",
        )
    return np.array([np.nan if mark == "?" else float(mark) for mark in text], np.float32)


def _depth(sample: Sample, root: Path, frame: NDArray[np.float32]) -> NDArray[np.float32] | None:
    if name := sample.extra.get("truedepth"):
        millimeters = read_depth(root / name).astype(np.float32) / 10
        there = millimeters > 0
        inside = millimeters[_window(sample, millimeters)]
        inside = inside[inside > 0]
        near = np.percentile(inside, 2) if inside.size else 0.0
        return np.where(there, np.clip(1 - (millimeters - near) / REACH, 0, 1), 0).astype(np.float32)
    if sample.extra.get("maps") != PSEUDO:
        return None
    height, width = frame.shape[:2]
    x0, y0, x1, y1 = sample.box or (0.0, 0.0, float(width), float(height))
    across = (np.arange(width) + 0.5 - (x0 + x1) / 2) / ((x1 - x0) / 2)
    down = (np.arange(height) + 0.5 - (y0 + y1) / 2) / ((y1 - y0) / 2)
    ball = np.clip(1 - across[None] ** 2 - down[:, None] ** 2, 0, 1)
    return np.asarray(np.sqrt(ball), np.float32)


def _reflection(sample: Sample, root: Path, frame: NDArray[np.float32]) -> NDArray[np.float32] | None:
    if name := sample.extra.get("reflection"):
        # the file is linear light; the target is what a photo of the reflection alone would show
        linear = read_photo(root / name) / np.float32(255)
        return np.asarray(
            np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055), np.float32
        )
    if sample.extra.get("maps") != PSEUDO:
        return None
    smooth = np.asarray(cv2.GaussianBlur(frame, (0, 0), max(1.0, frame.shape[1] / 32)), np.float32)
    usual = np.median(smooth[_window(sample, smooth)].reshape(-1, 3), axis=0)
    return np.asarray(np.clip(smooth - usual, 0, 1), np.float32)


def _window(sample: Sample, image: NDArray[Any]) -> tuple[slice, slice]:
    """The pixels of the face box, at least one."""
    height, width = image.shape[:2]
    x0, y0, x1, y1 = sample.box or (0.0, 0.0, float(width), float(height))
    left, top = min(max(int(x0), 0), width - 1), min(max(int(y0), 0), height - 1)
    return slice(top, max(top + 1, min(int(y1), height))), slice(left, max(left + 1, min(int(x1), width)))


assert LIGHTS[1:] == ILLUMINATIONS  # the codes of CelebA-Spoof are the words of the simulator
