"""What is on the face itself: a beard, heavy make-up, glasses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from facewarden.data.simulate.person.maps import REGIONS
from facewarden.data.simulate.scene.surface import PlacedHead, Surface, over
from facewarden.data.simulate.scene.surroundings import smooth_noise
from facewarden.data.simulate.scene.view import F32
from facewarden.data.simulate.species.parts.stage import SpeciesStage, region, skin_of
from facewarden.data.simulate.species.parts.worn import ellipses, normals, oval, soft
from facewarden.data.simulate.species.version_2.partial import put_on
from facewarden.data.simulate.species.version_2.subtypes.frame import WornFrame


def beard(stage: SpeciesStage, head: PlacedHead, scene: Surface) -> Surface:
    """A full, long, chin or upper-lip beard in the color of the hair."""
    frame = WornFrame.of(stage, head)
    size = stage.view.size
    u, v = np.abs(frame.u - np.float32(0.4 * frame.turn)), frame.v
    kind = ("full", "long", "goatee", "moustache", "stubble")[int(stage.rng.integers(0, 5))]
    ragged = smooth_noise(stage.rng, size, cells=size // 6)
    fine = smooth_noise(stage.rng, size, cells=size // 2)
    cheek = np.where(u < 26, frame.mouth - 10, 14 + (frame.half - u) * ((frame.mouth - 24) / (frame.half - 26)))
    low = frame.chin + (stage.pick(30, 70) if kind == "long" else stage.pick(4, 14))
    lower = low - 0.006 * u * u - v
    jaw = np.minimum(np.minimum(v - cheek, lower), frame.half + 2 - u)
    lip = np.minimum(np.minimum(7 - np.abs(v - frame.mouth + 12), 30 - u), 40.0)
    goatee = np.minimum(jaw, 24 - u)
    inside = {"full": np.maximum(jaw, lip), "long": np.maximum(jaw, lip), "stubble": np.maximum(jaw, lip),
              "goatee": np.maximum(goatee, lip), "moustache": lip}[kind]  # fmt: skip
    mask = np.clip((inside + 2.5 * ragged) / 6 + 0.5, 0, 1)
    mouth = soft(region(head.regions, "mouth"), 0.7 * frame.density)
    opacity = stage.pick(0.25, 0.5) if kind == "stubble" else stage.pick(0.82, 0.97)
    alpha = mask * (1 - mouth) * opacity * np.clip(1 + 0.2 * fine, 0, 1.1)
    if kind != "long":
        alpha = alpha * (head.surface.coverage > 0.4)
    color, nir = _hair_of(stage, head)
    length = {"full": stage.pick(5, 11), "long": stage.pick(10, 22), "goatee": stage.pick(4, 9),
              "moustache": stage.pick(3, 6), "stubble": 0.6}[kind]  # fmt: skip
    rest = np.where(head.surface.coverage > 0.5, head.surface.depth, frame.far - 45)
    depth = soft(np.asarray(rest, np.float32), 1.5 * frame.density) - np.float32(length) * mask - 0.8 * fine
    depth = np.asarray(depth, np.float32)
    strands = np.exp(0.35 * fine)
    shape = (size, size)
    layer = Surface(
        np.clip(color * strands[..., None], 0.004, 0.8).astype(np.float32),
        np.clip(nir * np.exp(0.25 * fine), 0.05, 0.8).astype(np.float32), depth,
        normals(depth, pixels_per_mm=frame.density), np.full(shape, 0.15, np.float32), np.zeros(shape, np.float32),
        np.zeros((*shape, 3), np.float32), np.clip(alpha, 0, 1).astype(np.float32),
    )  # fmt: skip
    return over(layer, scene)


def _hair_of(stage: SpeciesStage, head: PlacedHead) -> tuple[F32, float]:
    """Color and infrared reflectance of the person's hair, brows where he has none."""
    for name in ("hair", "brow"):
        where = (head.regions == REGIONS.index(name)) & (head.surface.coverage > 0.9)
        if int(where.sum()) > 30:
            return (
                np.asarray(np.median(head.surface.albedo[where], axis=0), np.float32),
                float(np.median(head.surface.nir[where])),
            )
    dark = stage.pick(0.02, 0.08)
    return np.array([dark, 0.8 * dark, 0.65 * dark], np.float32), stage.pick(0.2, 0.4)


def heavy_makeup(stage: SpeciesStage, head: PlacedHead, scene: Surface) -> Surface:
    """Foundation, rouge, eye shadow, lashes and lips that nobody overlooks; the person stays who he is."""
    rng, density = stage.rng, stage.view.pixels_per_mm(stage.distance)
    tone, _ = skin_of(stage.victim)
    face = soft(oval(head, width=0.98, height=0.98), 1.5 * density) * head.surface.coverage
    bare = 1 - soft(region(head.regions, "eye", "brow", "hair", "beard", "clothes", "none", "glasses"), 0.5 * density)
    cover = np.float32(stage.pick(0.45, 0.85))
    foundation = tone * rng.uniform(0.92, 1.12, 3).astype(np.float32)
    albedo = scene.albedo + (face * bare * cover)[..., None] * (foundation - scene.albedo)
    gloss = scene.gloss * (1 - face * bare * np.float32(stage.pick(0.3, 0.8)))
    nir = scene.nir + face * bare * (0.3 * cover) * (np.float32(0.6) - scene.nir)
    unit = np.float32(1 / max(float(np.linalg.norm(head.landmarks[1] - head.landmarks[0])), 1e-6))
    cheeks = replace(head, landmarks=_cheeks(head.landmarks))
    rouge = soft(ellipses(cheeks, (0, 1), size=(0.28, 0.2)), float(0.07 / unit)) * bare
    lids = replace(head, landmarks=head.landmarks - np.array([0, 0.09 / unit], np.float32))
    shade = soft(ellipses(lids, (0, 1), size=(0.27, 0.14)), float(0.035 / unit))
    shade = shade * (1 - region(head.regions, "eye"))
    lips = soft(region(head.regions, "mouth"), 0.3 * density)
    liner = np.clip(soft(region(head.regions, "eye"), 0.9 * density) * 2, 0, 1) * (1 - region(head.regions, "eye"))
    paints = (
        (rouge * np.float32(stage.pick(0.2, 0.5)), tone * np.array([1.05, 0.55, 0.55], np.float32), 0.6),
        (shade * np.float32(stage.pick(0.3, 0.8)), _hue(stage) * np.float32(stage.pick(0.1, 0.4)), 0.55),
        (lips * np.float32(stage.pick(0.5, 0.9)), np.array([0.4, 0.03, 0.06], np.float32) * stage.pick(0.5, 1.2), 0.58),
        # Lash ink and liner hold carbon black: they alone darken the infrared picture.
        (liner * np.float32(stage.pick(0.4, 0.85)), np.full(3, 0.01, np.float32), 0.06),
    )
    for weight, paint, infrared in paints:
        albedo = albedo + weight[..., None] * (np.asarray(paint, np.float32) - albedo)
        nir = nir + weight * (np.float32(infrared) - nir)
    gloss = np.maximum(gloss, lips * np.float32(stage.pick(0.1, 0.7)))
    return replace(
        scene, albedo=np.clip(albedo, 0, 1).astype(np.float32), nir=np.clip(nir, 0, 1).astype(np.float32),
        gloss=np.asarray(gloss, np.float32),
    )  # fmt: skip


def _cheeks(landmarks: F32) -> F32:
    out = landmarks.copy()
    out[:2] = landmarks[:2] + 0.55 * (landmarks[3:] - landmarks[:2])
    return out


def _hue(stage: SpeciesStage) -> F32:
    color = stage.rng.dirichlet([1.0, 1.0, 1.0])
    return np.asarray(0.4 + 1.8 * color, np.float32)


def glasses(stage: SpeciesStage, head: PlacedHead, scene: Surface) -> Surface:
    """Real glasses with clear lenses; who has some of his own keeps those."""
    if (head.regions == REGIONS.index("glasses")).any():
        return scene
    return put_on(stage, scene, head, landmarks=head.landmarks)
