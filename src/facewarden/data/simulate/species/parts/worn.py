"""Registers two heads: the wearer's own face and the mask worn over it."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from facewarden.data.simulate.scene.filters import blurred
from facewarden.data.simulate.scene.surface import PlacedHead, Surface, cast_shadow, place_head, placed_landmarks
from facewarden.data.simulate.scene.view import F32, pixel_grid
from facewarden.data.simulate.species.parts.stage import SpeciesStage, face_width, region


def both(stage: SpeciesStage) -> tuple[PlacedHead, PlacedHead]:
    """The wearer's head and the victim's, turned alike and scaled so that eyes and mouths meet; wearer first."""
    roll = stage.pick(-0.08, 0.08)
    distance = stage.view.focal * face_width(stage.victim) / stage.face_pixels
    victim = place_head(stage.victim, stage.view, distance=distance, center=stage.center, roll=roll)
    fit = _reach(stage.victim.landmarks) * stage.victim.mm_per_pixel
    own = _reach(stage.wearer.landmarks) * stage.wearer.mm_per_pixel
    adapted = replace(stage.wearer, mm_per_pixel=stage.wearer.mm_per_pixel * fit / own)
    first = placed_landmarks(adapted, stage.view, distance=distance, center=stage.center, roll=roll)
    move = victim.landmarks.mean(0) - first.mean(0)
    center = (float(stage.center[0] + move[0]), float(stage.center[1] + move[1]))
    return place_head(adapted, stage.view, distance=distance, center=center, roll=roll), victim


def _reach(landmarks: F32) -> float:
    """A measure of the face's size that yaw changes little: from between the eyes to between the mouth corners."""
    return float(np.linalg.norm((landmarks[0] + landmarks[1]) / 2 - (landmarks[3] + landmarks[4]) / 2)) + 1e-6


def oval(head: PlacedHead, *, width: float = 1.0, height: float = 1.0, soft: float = 1.0) -> F32:
    """Soft mask of the face: a squarish ellipse in the box, following the head's roll."""
    x, y = pixel_grid(head.regions.shape[0])
    middle = (head.regions.shape[0] - 1) / 2
    cx, cy = float(head.box[0] + head.box[2]) / 2 - middle, float(head.box[1] + head.box[3]) / 2 - middle
    eyes = head.landmarks[1] - head.landmarks[0]
    angle = np.arctan2(eyes[1], eyes[0])
    c, s = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    u = ((x - cx) * c + (y - cy) * s) / np.float32(width * (head.box[2] - head.box[0]) / 2)
    v = (-(x - cx) * s + (y - cy) * c) / np.float32(height * (head.box[3] - head.box[1]) / 2)
    reach = np.float32((head.box[2] - head.box[0]) / 2)
    inside = 1 - (np.abs(u) ** 2.4 + np.abs(v) ** 2.4) ** np.float32(1 / 2.4)
    return np.asarray(np.clip(inside * reach / np.float32(soft) + 0.5, 0, 1), np.float32)


def ellipses(head: PlacedHead, which: tuple[int, ...], *, size: tuple[float, float]) -> F32:
    """Soft ellipses around landmarks; size is half width and half height in eye distances."""
    x, y = pixel_grid(head.regions.shape[0])
    middle = np.float32((head.regions.shape[0] - 1) / 2)
    eyes = head.landmarks[1] - head.landmarks[0]
    unit = float(np.linalg.norm(eyes)) + 1e-6
    c, s = np.float32(eyes[0] / unit), np.float32(eyes[1] / unit)
    out = np.zeros(x.shape, np.float32)
    for k in which:
        px, py = x + middle - head.landmarks[k, 0], y + middle - head.landmarks[k, 1]
        u, v = (px * c + py * s) / np.float32(size[0] * unit), (-px * s + py * c) / np.float32(size[1] * unit)
        edge = np.float32(unit * min(size))
        out = np.maximum(out, np.clip((1 - np.sqrt(u * u + v * v)) * edge + 0.5, 0, 1))
    return out


def grown(mask: F32, pixels: float) -> F32:
    """A mask widened by some pixels, softly."""
    if pixels < 0.3:
        return mask
    soft = cv2.GaussianBlur(mask, (0, 0), pixels)
    return np.asarray(np.clip(soft * 3.2, 0, 1), np.float32)


def eye_holes(head: PlacedHead, *, pixels: float) -> F32:
    """The openings of a mask at the eyes: the eye regions, widened, or ellipses where a head has no regions."""
    eyes = region(head.regions, "eye")
    if float(eyes.sum()) < 6:
        return ellipses(head, (0, 1), size=(0.3, 0.15))
    return grown(eyes, pixels)


def normals(depth: F32, *, pixels_per_mm: float) -> F32:
    """Unit normals of a depth map that is smooth at the scale of a pixel."""
    x = cv2.Sobel(depth, cv2.CV_32F, 1, 0, ksize=3, scale=pixels_per_mm / 8)
    y = cv2.Sobel(depth, cv2.CV_32F, 0, 1, ksize=3, scale=pixels_per_mm / 8)
    # Depth grows away from the camera: where it grows to the right, the surface faces right.
    out = np.dstack([np.clip(x, -4, 4), np.clip(y, -4, 4), np.ones_like(x)])
    out /= np.sqrt(np.einsum("hwc,hwc->hw", out, out))[..., None]
    return np.asarray(out, np.float32)


def sink(surface: Surface, where: F32, millimeters: float) -> Surface:
    """Move part of a surface away from the camera, and darken it as a hole's rim does."""
    dim = 1 - np.float32(0.25) * where
    return replace(
        surface, depth=surface.depth + np.float32(millimeters) * where, albedo=surface.albedo * dim[..., None]
    )


def soft(image: F32, sigma: float) -> F32:
    """Gaussian blur of at least a third of a pixel."""
    return blurred(image, max(sigma, 0.3))


def spanned(depth: F32, *, pixels: float) -> F32:
    """Depth of a sheet pulled over a shape: it rests on what stands out and spans hollows that are narrower (mm).

    Args:
        depth: `(h, w)` mm of the shape.
        pixels: how wide the hollows are that it spans.
    """
    width = max(3, int(pixels) | 1)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width))
    return np.asarray(cv2.dilate(cv2.erode(depth, kernel), kernel), np.float32)


def inward(head: PlacedHead, outline: F32, values: F32, sigma: float) -> F32:
    """Blur that does not let the background of the head bleed into the mask."""
    weight = np.minimum(head.surface.coverage, 1 - region(head.regions, "hair", "clothes", "none", "glasses"))
    weight = np.maximum(weight, np.float32(1e-3)) * np.maximum(outline, np.float32(1e-3))
    if values.ndim == 3:
        return np.asarray(soft(values * weight[..., None], sigma) / soft(weight, sigma)[..., None], np.float32)
    return np.asarray(soft(values * weight, sigma) / soft(weight, sigma), np.float32)


def shadowed(stage: SpeciesStage, wearer: PlacedHead) -> Surface:
    """The background with the shadow of the wearer's head."""
    return cast_shadow(wearer.surface, stage.background, toward_light=stage.light.direction, strength=0.25)


def under(behind: Surface, mask: Surface, *, strength: float) -> Surface:
    """Contact shadow of the mask's edge on what is behind it."""
    rim = soft(mask.coverage, behind.depth.shape[0] / 120)
    return replace(behind, albedo=behind.albedo * (1 - np.float32(strength) * rim)[..., None])
