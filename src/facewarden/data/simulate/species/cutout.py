"""Life-size print of the victim worn as a paper mask, with the eyes, the nose or the mouth cut out."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from facewarden.data.simulate.scene.surface import PlacedHead, Surface, cast_shadow, over
from facewarden.data.simulate.scene.surroundings import smooth_noise
from facewarden.data.simulate.scene.view import F32
from facewarden.data.simulate.species.parts.paper import printed, sample_paper
from facewarden.data.simulate.species.parts.stage import Photo, SpeciesStage, StagedPresentation, photograph
from facewarden.data.simulate.species.parts.worn import both, ellipses, normals, oval


def warped(photo: Photo, head: PlacedHead) -> tuple[F32, F32, F32]:
    """The photo laid onto a head by its five landmarks, with the coordinates (mm) on the paper."""
    matrix, _ = cv2.estimateAffinePartial2D(photo.landmarks, head.landmarks, method=cv2.LMEDS)
    size = head.regions.shape[0]
    scale = float(np.hypot(matrix[0, 0], matrix[0, 1]))
    image = photo.to_shrink(scale)
    codes = cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    inverse = cv2.invertAffineTransform(matrix).astype(np.float32) * np.float32(photo.mm_per_pixel)
    line = np.arange(size, dtype=np.float32)
    x, y = np.meshgrid(line, line)
    across = inverse[0, 0] * x + inverse[0, 1] * y + inverse[0, 2]
    down = inverse[1, 0] * x + inverse[1, 1] * y + inverse[1, 2]
    return np.asarray(codes, np.float32), across, down


def paper_shell(stage: SpeciesStage, head: PlacedHead) -> F32:
    """Depth (mm) of paper curved around a face: bent about one axis, resting on the nose and the brow."""
    density = stage.view.pixels_per_mm(stage.distance)
    x0, _, x1, _ = (float(v) for v in head.box)
    size = head.regions.shape[0]
    x = (np.arange(size, dtype=np.float32) - np.float32((x0 + x1) / 2)) / np.float32(density)
    radius = stage.pick(75.0, 115.0)
    x = np.clip(x, -0.9 * radius, 0.9 * radius)
    bow = radius - np.sqrt(radius**2 - x * x)
    face = head.surface.depth[oval(head, width=0.8, height=0.8) > 0.5]
    nearest = float(np.percentile(face, 3)) if face.size else stage.distance
    crumple = smooth_noise(stage.rng, size, cells=4) * np.float32(stage.pick(0.3, 1.2))
    return np.asarray(nearest - 1.5 + bow[None, :] + crumple, np.float32)


def print_cutout(stage: SpeciesStage) -> StagedPresentation:
    """The victim's print curved around the wearer's face, the wearer's own skin in the holes."""
    wearer, victim = both(stage)
    photo = photograph(stage.rng, stage.victim)
    paper = sample_paper(stage.rng)
    codes, across, down = warped(photo, victim)
    color, nir = printed(stage, paper, codes, across=across, down=down, inked=np.ones_like(across))
    depth = paper_shell(stage, wearer)
    density = stage.view.pixels_per_mm(stage.distance)
    margin = stage.pick(1.0, 1.12)
    outline = oval(victim, width=margin, height=margin)
    cut = ["eyes", "eyes_nose", "eyes_mouth", "eyes_nose_mouth"][int(stage.rng.integers(0, 4))]
    holes = ellipses(wearer, (0, 1), size=(stage.pick(0.22, 0.34), stage.pick(0.13, 0.2)))
    if "nose" in cut:
        holes = np.maximum(holes, ellipses(wearer, (2,), size=(0.26, 0.3)))
    if "mouth" in cut:
        lips = replace(wearer, landmarks=mouth_middle(wearer.landmarks))
        holes = np.maximum(holes, ellipses(lips, (2,), size=(0.44, 0.2)))
    # A nose that is cut out pokes through the paper, which then lies closer to the cheeks.
    if "nose" in cut:
        depth = depth + np.float32(12)
    surface = Surface(
        color, nir, depth, normals(depth, pixels_per_mm=density), np.full_like(nir, paper.gloss),
        np.full_like(nir, 0.25 + 0.4 * paper.gloss), np.zeros_like(color), outline * (1 - holes),
    )  # fmt: skip
    head = cast_shadow(wearer.surface, stage.background, toward_light=stage.light.direction, strength=0.25)
    behind = over(wearer.surface, head)
    behind = replace(behind, albedo=behind.albedo * _cavity(outline, holes)[..., None])
    return StagedPresentation(over(surface, behind), victim.landmarks, victim.box, stage.distance,
                        {"ink": paper.ink, "holes": cut})  # fmt: skip


def mouth_middle(landmarks: F32) -> F32:
    """The landmarks with the middle of the mouth in place of the nose tip."""
    moved = landmarks.copy()
    moved[2] = (landmarks[3] + landmarks[4]) / 2
    return moved


def _cavity(outline: F32, holes: F32) -> F32:
    """What the paper's edge shades of the skin behind it."""
    rim = cv2.GaussianBlur(outline * (1 - holes), (0, 0), max(1.0, outline.shape[0] / 110))
    return np.asarray(1 - np.float32(0.45) * rim, np.float32)
