"""Surfaces before light falls on them: one layer of matter per pixel, and how layers cover each other."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from facewarden.data.simulate.person.maps import FaceMaps
from facewarden.data.simulate.scene.filters import blurred, moved, resized
from facewarden.data.simulate.scene.light import photo_irradiance
from facewarden.data.simulate.scene.view import F32, PinholeView

NOWHERE = np.float32(20000.0)
"""Depth (mm) of the sky and of everything that a layer does not cover."""


@dataclass(frozen=True)
class SecondReturn:
    """Light of a range sensor that does not come back from the surface itself, but through it or by way of a mirror.

    Attributes:
        depth: `(h, w)` mm, the range that this light alone would give.
        share: `(h, w)` its part of all light that comes back, 0 to 1.
    """

    depth: F32
    share: F32


@dataclass(frozen=True)
class Surface:
    """Optical matter in front of the camera, pixel by pixel.

    Attributes:
        albedo: `(h, w, 3)` linear reflectance.
        nir: `(h, w)` reflectance in the sensor's near-infrared band.
        depth: `(h, w)` mm along the optical axis.
        normal: `(h, w, 3)` unit vectors.
        gloss: `(h, w)` strength of the mirror-like part, 1 is bare glass or plastic.
        polish: `(h, w)` sharpness of the mirror-like part: 0 skin, 0.5 coated paper, 1 glass.
        emission: `(h, w, 3)` linear light of its own (displays, sky, windows).
        coverage: `(h, w)` soft silhouette.
        second: what else a range sensor gets back, or None where everything comes back from the surface.
    """

    albedo: F32
    nir: F32
    depth: F32
    normal: F32
    gloss: F32
    polish: F32
    emission: F32
    coverage: F32
    second: SecondReturn | None = None


@dataclass(frozen=True)
class PlacedHead:
    """A head in the frame: its surface, the regions there, its landmarks and box in frame pixels."""

    surface: Surface
    regions: NDArray[np.uint8]
    landmarks: F32
    box: F32


def plain(size: int, *, albedo: float, nir: float, depth: float) -> Surface:
    """A uniform matt wall that fills the frame."""

    def fill(value: float) -> F32:
        return np.full((size, size), value, np.float32)

    normal = np.zeros((size, size, 3), np.float32)
    normal[..., 2] = 1
    zero = np.zeros((size, size, 3), np.float32)
    return Surface(
        fill(albedo)[..., None].repeat(3, 2), fill(nir), fill(depth), normal, fill(0.0), fill(0.0), zero, fill(1.0)
    )


def over(front: Surface, back: Surface) -> Surface:
    """Put a layer in front of another; matter mixes along the soft silhouette, depth switches at one half."""
    alpha = front.coverage
    inside = cv2.boundingRect((alpha > 0).astype(np.uint8))
    x, y, w, h = inside
    if w == 0:
        return back
    rows, columns = slice(y, y + h), slice(x, x + w)
    a = np.ascontiguousarray(alpha[rows, columns])
    rest = 1 - a

    def mix(top: F32, bottom: F32) -> F32:
        out = bottom.copy()
        out[rows, columns] = cv2.blendLinear(top[rows, columns], bottom[rows, columns], a, rest)
        return out

    depth, nir = back.depth.copy(), back.nir.copy()
    solid, near, far = a > 0.5, front.depth[rows, columns], depth[rows, columns]
    # The flash falls off with the square of distance: what shows through a soft edge returns what its own depth lets.
    behind = nir[rows, columns]
    through = behind * np.where(solid, np.minimum(np.square(near / far), 1), 1)
    ahead = np.where(solid, front.nir[rows, columns], np.minimum(front.nir[rows, columns] * np.square(far / near), 1))
    nir[rows, columns] = through + (ahead - through) * a
    depth[rows, columns] = np.where(solid, near, far)
    return Surface(
        mix(front.albedo, back.albedo),
        nir,
        depth,
        mix(front.normal, back.normal),
        mix(front.gloss, back.gloss),
        mix(front.polish, back.polish),
        mix(front.emission, back.emission),
        np.maximum(alpha, back.coverage),
        _second_over(front, back),
    )


def _second_over(front: Surface, back: Surface) -> SecondReturn | None:
    """Second returns switch at one half of the silhouette, as depth does."""
    if front.second is None and back.second is None:
        return None
    solid, none = front.coverage > 0.5, np.zeros_like(front.depth)
    ahead = front.second or SecondReturn(front.depth, none)
    behind = back.second or SecondReturn(back.depth, none)
    return SecondReturn(np.where(solid, ahead.depth, behind.depth), np.where(solid, ahead.share, behind.share))


def cast_shadow(front: Surface, back: Surface, *, toward_light: NDArray[np.floating], strength: float) -> Surface:
    """Darken what lies behind a layer, where that layer hides the key light from it.

    The shadow is the silhouette, moved against the light by the gap between the layers and softened in proportion.
    """
    size = front.coverage.shape[0]
    solid = front.coverage > 0.5
    if not solid.any():
        return back
    gap = float(np.clip(np.median(back.depth) - np.median(front.depth[solid]), 5, 2500))
    reach = min(gap * size / 900.0, size * 0.5)
    shift = np.array([[1, 0, -toward_light[0] * reach], [0, 1, -toward_light[1] * reach]], np.float32)
    small = max(size // 4, 8)
    shadow = resized(moved(front.coverage, shift), small, cv2.INTER_AREA)
    shadow = resized(blurred(shadow, max(0.4, reach / 16)), size)
    # The farther the shadow falls, the more light gets around the head that throws it.
    dim = (1 - np.float32(strength / (1 + gap / 600)) * shadow)[..., None]
    return replace(back, albedo=back.albedo * dim)


def _placing(
    maps: FaceMaps, view: PinholeView, *, distance: float, center: tuple[float, float], roll: float
) -> tuple[NDArray[np.float64], float]:
    scale = view.pixels_per_mm(distance) * maps.mm_per_pixel
    x0, y0, x1, y1 = (float(v) for v in maps.box)
    matrix = cv2.getRotationMatrix2D(((x0 + x1) / 2, (y0 + y1) / 2), -np.degrees(roll), scale)
    matrix[:, 2] += np.array(center) - [(x0 + x1) / 2, (y0 + y1) / 2]
    return np.asarray(matrix, np.float64), scale


def placed_landmarks(
    maps: FaceMaps, view: PinholeView, *, distance: float, center: tuple[float, float], roll: float = 0.0
) -> F32:
    """Where `place_head` with the same arguments would put the five landmarks, `(5, 2)`, without drawing the head."""
    matrix, _ = _placing(maps, view, distance=distance, center=center, roll=roll)
    return (maps.landmarks @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)


def place_head(
    maps: FaceMaps, view: PinholeView, *, distance: float, center: tuple[float, float], roll: float = 0.0
) -> PlacedHead:
    """Set a head into the frame by weak perspective: one scale for the whole head, the true relief in its depth.

    Args:
        distance: mm from the camera to the median relief inside the face box.
        center: pixel where the middle of the face box comes to lie.
        roll: in-plane rotation in radians.
    """
    matrix, scale = _placing(maps, view, distance=distance, center=center, roll=roll)
    x0, y0, x1, y1 = (float(v) for v in maps.box)
    size = (view.size, view.size)

    # The maps end at the chest; where the frame shows more, the body goes on as it ends, without its texture.
    end = maps.albedo.shape[0]
    below = max(0, int((view.size - float(matrix[1, 2])) / scale - end) + 2)

    def warp(layers: list[F32]) -> F32:
        stack = np.dstack(layers)
        if below:
            last = blurred(stack[-4:].mean(0, keepdims=True), 3.0)
            stack = np.concatenate([stack, np.broadcast_to(last, (below, *last.shape[1:]))])
        if scale < 0.7:
            stack = blurred(stack, 0.45 / scale)
        return np.asarray(cv2.warpAffine(stack, matrix, size, flags=cv2.INTER_LINEAR), np.float32)

    albedo = maps.albedo
    gloss, coverage = maps.gloss, maps.coverage
    if maps.lit:
        albedo = np.clip(albedo / photo_irradiance(maps.normal)[..., None], 0, 1)
        gloss = gloss * np.float32(0.35)
        # A photo's own background shines through the soft outline: draw the outline in.
        coverage = np.clip(maps.coverage * np.float32(1.7) - np.float32(0.7), 0, 1)
    color = warp([albedo, maps.nir])
    shape = warp([maps.normal, maps.relief])
    rest = warp([gloss, coverage])
    regions = np.asarray(cv2.warpAffine(maps.regions, matrix, size, flags=cv2.INTER_NEAREST), np.uint8)
    face = maps.relief[int(max(y0, 0)) : int(y1) + 1, int(max(x0, 0)) : int(x1) + 1]
    reference = np.float32(np.median(face))
    normal = shape[..., :3]
    cos, sin = np.float32(np.cos(roll)), np.float32(np.sin(roll))
    normal = np.dstack(
        [cos * normal[..., 0] - sin * normal[..., 1], sin * normal[..., 0] + cos * normal[..., 1], normal[..., 2]]
    )
    length = np.sqrt(np.einsum("hwc,hwc->hw", normal, normal))
    normal = np.where(
        length[..., None] > 1e-3, normal / np.maximum(length, 1e-3)[..., None], np.array([0, 0, 1], np.float32)
    )
    zeros = np.zeros((view.size, view.size), np.float32)
    surface = Surface(
        color[..., :3], color[..., 3], np.float32(distance) + reference - shape[..., 3], normal.astype(np.float32),
        rest[..., 0], zeros, zeros[..., None].repeat(3, 2), np.clip(rest[..., 1], 0, 1),
    )  # fmt: skip
    points = np.concatenate([maps.landmarks, [[x0, y0], [x1, y0], [x1, y1], [x0, y1]]])
    there = points @ matrix[:, :2].T + matrix[:, 2]
    corners = there[5:]
    box = np.concatenate([corners.min(0), corners.max(0)])
    return PlacedHead(surface, regions, there[:5].astype(np.float32), box.astype(np.float32))
