"""How a surface answers the light that falls on it: matt and mirror-like reflection, occlusion."""

from __future__ import annotations

import cv2
import numpy as np

from facewarden.data.simulate.scene.light import F32, Light
from facewarden.data.simulate.scene.surface import Surface


def occlusion(depth: F32, *, pixels_per_mm: float, distance: float) -> F32:
    """Share of the sky that a point sees, from how much nearer its neighborhood is; soft, in [0.45, 1].

    Args:
        depth: `(h, w)` mm.
        pixels_per_mm: scale, so that the neighborhood is 14 mm and 40 mm wide whatever the frame's size is.
        distance: of the face; what lies far behind it is open, since a step to the background is not a hollow.
    """
    openness = np.ones_like(depth)
    for reach, weight in ((14.0, 0.016), (40.0, 0.008)):
        width = max(3, int(reach * pixels_per_mm) | 1)
        openness -= np.float32(weight) * np.clip(depth - cv2.blur(depth, (width, width)), 0, 22)
    return np.where(depth < distance + 200, np.maximum(openness, 0.45), np.float32(1))


def shade(surface: Surface, light: Light, *, toward: F32, pixels_per_mm: float, distance: float) -> tuple[F32, F32]:
    """Light a surface and look at it.

    Lambert's law for the matt part, a normalized Blinn-Phong lobe plus the mirrored panels for the glossy part
    (Schlick's Fresnel term with 4 % at normal incidence).

    Args:
        surface: what is there.
        light: what shines on it.
        toward: `(h, w, 3)` unit vectors to the camera.
        pixels_per_mm: scale of the frame where the surface is.
        distance: of the face in mm.

    Returns:
        linear radiance `(h, w, 3)`, and the part of it that was reflected mirror-like `(h, w, 3)`.
    """
    mirrored = _mirrored(surface, light, toward)
    radiance = diffuse(surface, light, pixels_per_mm=pixels_per_mm, distance=distance)
    radiance += mirrored
    radiance += surface.emission
    return radiance, mirrored


def diffuse(surface: Surface, light: Light, *, pixels_per_mm: float, distance: float) -> F32:
    """The matt part of `shade`: Lambert's law for the key light, a bright upper and a darker lower half space."""
    normal = surface.normal
    openness = occlusion(surface.depth, pixels_per_mm=pixels_per_mm, distance=distance)
    lambert = np.clip(normal @ light.direction, 0, 1)
    # Cavities are hidden from a soft key light as well, from a hard one only partly.
    lambert *= 1 - np.float32(1.2 - 0.7 * min(light.sharpness, 1.0)) * (1 - openness)
    lower = openness * (np.float32(0.5) + np.float32(0.5) * normal[..., 1])
    frontal = openness * np.clip(normal[..., 2], 0, 1)
    weights = np.stack([openness - lower, lower + np.float32(0.5) * frontal, lambert], axis=-1)
    colors = np.stack([light.sky, light.bounce, light.key]).astype(np.float32)
    return np.asarray(surface.albedo * (weights @ colors), np.float32)


def _mirrored(surface: Surface, light: Light, toward: F32) -> F32:
    """Radiance reflected mirror-like: a lobe of the key light, a veil of the surroundings, sharp panels."""
    normal, gloss, polish = surface.normal, surface.gloss, surface.polish
    facing = np.clip(np.einsum("hwc,hwc->hw", normal, toward), 0, 1)
    grazing = np.square(np.square(1 - facing)) * (1 - facing)
    # Rough surfaces never reach the full grazing reflection of a mirror: a third of it.
    fresnel = gloss * (np.float32(0.04) + np.float32(0.34) * grazing)
    half = toward + light.direction
    half /= np.sqrt(np.einsum("hwc,hwc->hw", half, half))[..., None] + np.float32(1e-6)
    cosine = np.clip(np.einsum("hwc,hwc->hw", normal, half), 1e-4, 1)
    power = np.exp2(np.float32(3.6 + 0.8 * light.sharpness) + np.float32(5.0) * polish)
    lobe = (power + 8) / 8 * np.exp(power * np.log(cosine)) * (normal @ light.direction > 0)
    veil = (light.sky + light.bounce) * np.float32(0.35)
    out = (fresnel * lobe)[..., None] * light.key + fresnel[..., None] * veil
    if float(polish.max()) > 0.3:
        out += _panels(surface, light, toward, facing) * fresnel[..., None]
    return np.asarray(out, np.float32)


def _panels(surface: Surface, light: Light, toward: F32, facing: F32) -> F32:
    """The bright rectangles of the camera's side as the surface mirrors them; the less polish, the softer."""
    bounced = 2 * facing[..., None] * surface.normal - toward
    soft = np.float32(0.012) + np.float32(0.35) * (1 - surface.polish) ** 2
    keep = np.clip((surface.polish - 0.25) * 3, 0, 1)
    total = np.zeros_like(surface.albedo)
    for panel in light.panels:
        across = (bounced[..., 0] - np.float32(panel.center[0])) / np.float32(panel.half[0])
        upward = (bounced[..., 1] - np.float32(panel.center[1])) / np.float32(panel.half[1])
        inside = _soft_box(across, soft / panel.half[0]) * _soft_box(upward, soft / panel.half[1])
        if panel.bars:
            wave = np.abs(np.mod((across + 1) * panel.bars / 2 + 0.5, 1) - 0.5)
            inside = inside * np.clip(wave / 0.06 + soft * 4, 0, 1)
        total += (inside * keep)[..., None] * panel.radiance
    return total


def _soft_box(x: F32, soft: F32) -> F32:
    return np.asarray(np.clip((1 + soft - np.abs(x)) / (2 * soft), 0, 1), np.float32)
