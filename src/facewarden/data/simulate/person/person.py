"""What makes up one procedural person: everything that stays the same between captures."""

from __future__ import annotations

from dataclasses import dataclass

HAIR_STYLES = ("bald", "buzz", "short", "side_part", "fringe", "curly", "long", "long_fringe", "tied")
"""Names of the hair styles that `sample_identity` draws from."""

BEARD_STYLES = ("none", "stubble", "moustache", "goatee", "full")
"""Names of the facial hair styles that `sample_identity` draws from."""

GLASSES_STYLES = ("none", "round", "rectangular", "thin")
"""Names of the glasses that `sample_identity` draws from."""


@dataclass(frozen=True)
class Shape:
    """Bone and soft tissue in millimeters; y is measured down from the pupil line, half-widths from the midline."""

    cranium: float
    temple: float
    cheek: float
    jaw: float
    chin: float
    vertex: float
    chin_y: float
    squareness: float
    forehead_slope: float
    brow_ridge: float
    pupil_x: float
    eye_length: float
    eye_height: float
    eye_tilt: float
    eye_depth: float
    lid_crease: float
    epicanthus: float
    nose_y: float
    nose_width: float
    bridge_width: float
    bridge_height: float
    tip_height: float
    tip_radius: float
    tip_lift: float
    hump: float
    nostril: float
    mouth_y: float
    mouth_width: float
    lip_upper: float
    lip_lower: float
    lip_bow: float
    lip_forward: float
    chin_forward: float
    chin_cleft: float
    cheekbone: float
    cheek_full: float
    ear_height: float
    ear_out: float
    neck: float
    shoulder: float


@dataclass(frozen=True)
class Skin:
    """Pigment and surface: melanin and hemoglobin in [0, 1], age in years, strengths in [0, 1]."""

    age: float
    melanin: float
    hemoglobin: float
    carotene: float
    blotches: float
    freckles: float
    moles: int
    wrinkles: float
    under_eye: float
    gloss: float
    lip_red: float


@dataclass(frozen=True)
class Hair:
    """Head hair, brows and facial hair; lengths in millimeters, pigments in [0, 1]."""

    style: str
    eumelanin: float
    pheomelanin: float
    gray: float
    hairline: float
    recession: float
    volume: float
    part: float
    curl: float
    brow_thickness: float
    brow_arch: float
    brow_length: float
    brow_gap: float
    brow_y: float
    brow_tilt: float
    brow_density: float
    beard: str
    beard_density: float


@dataclass(frozen=True)
class Eyes:
    """Iris: linear RGB, near-infrared reflectance, diameter in millimeters; glasses with frame color and size."""

    iris: tuple[float, float, float]
    iris_nir: float
    iris_diameter: float
    lashes: float
    glasses: str
    frame_color: tuple[float, float, float]
    lens_width: float
    lens_height: float


@dataclass(frozen=True)
class Identity:
    """One procedural person.

    Attributes:
        seed: the number it was sampled from; also seeds its fixed textures (moles, pores, strands).
        female: sex of the sampled proportions.
        shape: bone and soft tissue.
        skin: pigment and surface.
        hair: head hair, brows and facial hair.
        eyes: iris and glasses.
    """

    seed: int
    female: bool
    shape: Shape
    skin: Skin
    hair: Hair
    eyes: Eyes
