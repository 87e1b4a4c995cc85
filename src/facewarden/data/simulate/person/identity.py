"""Sampled identities: procedural people drawn from adult population ranges, and the average of them."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TypeVar

import numpy as np

from facewarden.core.seeding import derive
from facewarden.data.simulate.person.lattice import Number
from facewarden.data.simulate.person.person import Eyes, Hair, Identity, Shape, Skin

__all__ = ["Identity", "mean_identity", "sample_identity"]

_Part = TypeVar("_Part", "Shape", "Skin", "Hair", "Eyes")


class _Draw:
    """Draws around means with clipped tails, so that no sampled head leaves the anatomical range."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def around(self, mean: Number, spread: Number) -> float:
        return float(mean + spread * np.clip(self.rng.standard_normal(), -2.2, 2.2))

    def between(self, low: Number, high: Number) -> float:
        return float(self.rng.uniform(low, high))

    def chance(self, p: Number) -> bool:
        return bool(self.rng.random() < p)

    def choice(self, weights: dict[str, Number]) -> str:
        total = sum(weights.values())
        return str(self.rng.choice(list(weights), p=[w / total for w in weights.values()]))


def sample_identity(seed: int) -> Identity:
    """Sample one procedural person from adult population ranges.

    Means and spreads follow published craniofacial surveys (Farkas, Anthropometry of the Head and Face, 1994;
    Farkas et al., International anthropometric study of facial morphology, 2005), rounded and slightly widened.

    Args:
        seed: any non-negative integer; the same seed gives the same person bit for bit.
    """
    draw = _Draw(np.random.default_rng(derive(seed, "simulate.identity")))
    female = draw.chance(0.5)
    age = float(np.clip(18 + 62 * draw.rng.beta(1.2, 1.8), 18, 78))
    # Four poles only correlate tone with proportions as populations do; most people lie between poles.
    mix = draw.rng.dirichlet([0.3, 0.3, 0.3, 0.3]).astype(float)
    shape = _shape(draw, female=female, age=age, mix=mix)
    skin = _skin(draw, female=female, age=age, mix=mix)
    hair = _hair(draw, female=female, age=age, mix=mix)
    return Identity(seed, female, shape, skin, hair, _eyes(draw, female=female, age=age, mix=mix))


def mean_identity(*, samples: int = 64) -> Identity:
    """Average the proportions of sampled people into one bare, beardless head: the default for an unknown shape.

    Args:
        samples: how many people to average.
    """
    people = [sample_identity(seed) for seed in range(samples)]
    hair = replace(_mean([p.hair for p in people]), style="buzz", beard="none")
    eyes = replace(_mean([p.eyes for p in people]), glasses="none")
    return Identity(0, True, _mean([p.shape for p in people]), _mean([p.skin for p in people]), hair, eyes)


def _mean(parts: list[_Part]) -> _Part:
    first = parts[0]
    numbers = {
        f.name: type(getattr(first, f.name))(np.mean([getattr(part, f.name) for part in parts]))
        for f in fields(first)
        if isinstance(getattr(first, f.name), int | float)
    }
    return replace(first, **numbers)


def _pole(mix: np.ndarray, west: Number, africa: Number, east: Number, south: Number) -> float:
    return float(mix @ np.array([west, africa, east, south]))


def _shape(draw: _Draw, *, female: bool, age: Number, mix: np.ndarray) -> Shape:
    f = 1.0 if female else 0.0
    a = draw.around
    weight = a(0.0, 1.0)
    scale = a(1.0, 0.03) * (0.96 if female else 1.0)
    nose_y = a(45.2 - 0.8 * f, 3.2) * scale + _pole(mix, 1.0, -2.5, -0.5, 0.5)
    mouth_y = nose_y + a(22.5 - 2.0 * f, 2.4)
    chin_y = mouth_y + a(48 - 3.0 * f, 4.0)
    cheek = (a(69.5, 2.6) + 1.6 * weight + _pole(mix, -0.5, 0.0, 2.5, -0.5)) * scale
    return Shape(
        cranium=(a(77.5, 2.5) + 0.5 * weight) * scale,
        temple=(a(70.5, 2.5) + 0.5 * weight) * scale,
        cheek=cheek,
        jaw=min((a(57 - 3.5 * f, 3.6) + 2.6 * weight) * scale, 0.92 * cheek),
        chin=a(25 - 4.0 * f, 3.5) + 1.0 * weight,
        vertex=a(-104, 5) * scale,
        chin_y=chin_y,
        squareness=a(2.35, 0.17) + 0.06 * weight,
        forehead_slope=a(9 - 4 * f, 4),
        brow_ridge=max(0.0, a(4.0 - 3.0 * f, 1.4)),
        pupil_x=a(31.7 - 0.6 * f, 2.0) * (0.5 + 0.5 * scale),
        eye_length=a(27.0, 1.5),
        eye_height=float(np.clip(a(9.6 + 0.8 * f, 1.05) - 0.02 * (age - 40), 7.0, 12.5)),
        eye_tilt=a(3.2 + 1.0 * f, 2.4) + _pole(mix, -1.0, 0.0, 3.0, 0.0),
        eye_depth=a(6.5, 1.8) + _pole(mix, 1.5, 0.0, -3.0, 1.0),
        lid_crease=max(0.0, a(3.6, 1.4) - _pole(mix, 0, 0, 2.6, 0)),
        epicanthus=float(np.clip(_pole(mix, -0.1, 0.0, 0.9, 0.05) + a(0, 0.15), 0, 1)),
        nose_y=nose_y,
        nose_width=(a(35 - 2.5 * f, 2.5) + _pole(mix, -1.5, 8.0, 3.0, 1.5)),
        bridge_width=a(8.0, 1.1) + _pole(mix, -0.7, 1.6, 1.0, 0.0),
        bridge_height=float(np.clip(a(8.5 - f, 2.0) + _pole(mix, 2.0, -2.5, -2.5, 1.0), 2.5, 15)),
        tip_height=float(np.clip(a(20.5 - f, 2.4) + _pole(mix, 1.5, -2.0, -1.5, 0.5), 13, 28)),
        tip_radius=a(8.0, 1.1) + _pole(mix, -0.5, 1.2, 0.6, 0.2),
        tip_lift=a(7.5 + f, 1.8),
        hump=a(0.4 - 0.5 * f, 1.1) + _pole(mix, 0.3, -0.3, -0.3, 0.5),
        nostril=a(1.0, 0.18),
        mouth_y=mouth_y,
        mouth_width=a(51.5 - 3.0 * f, 3.8) + _pole(mix, 0, 2.0, -1.0, 0),
        lip_upper=float(np.clip(a(7.3, 1.5) + _pole(mix, -1.2, 3.2, 0.6, 0.4) - 0.035 * (age - 40), 3.2, 14)),
        lip_lower=float(np.clip(a(9.8, 1.5) + _pole(mix, -0.8, 3.2, 0.3, 0.4) - 0.03 * (age - 40), 4.5, 16)),
        lip_bow=float(np.clip(a(0.5, 0.25), 0, 1)),
        lip_forward=a(4.0, 0.9) + _pole(mix, -0.5, 2.0, 0.5, 0),
        chin_forward=a(4.0 - f, 1.8),
        chin_cleft=max(0.0, a(-0.3, 0.8)) * (1 - 0.6 * f),
        cheekbone=max(0.5, a(3.8 + 0.4 * f, 1.5) + _pole(mix, 0, 0.3, 1.2, 0)),
        cheek_full=weight + 0.3 * f - 0.008 * (age - 35),
        ear_height=a(62 - 3 * f, 4.0) + 0.1 * (age - 35),
        ear_out=float(np.clip(a(8.0, 3.5), 1.5, 18)),
        neck=(a(56 - 8 * f, 3.5) + 2.5 * weight) * scale,
        shoulder=a(192 - 22 * f, 10),
    )


def _skin(draw: _Draw, *, female: bool, age: Number, mix: np.ndarray) -> Skin:
    melanin = float(np.clip(_pole(mix, 0.06, 0.78, 0.19, 0.44) + draw.around(0, 0.09), 0.02, 0.98))
    fair = max(0.0, 1 - 2.2 * melanin)
    return Skin(
        age=age,
        melanin=melanin,
        hemoglobin=float(np.clip(draw.around(0.34 + 0.12 * fair, 0.15), 0.05, 0.95)),
        carotene=float(np.clip(draw.around(0.28 + 0.25 * _pole(mix, 0, 0, 1, 0.5), 0.18), 0, 1)),
        blotches=draw.between(0.15, 1.0),
        freckles=draw.between(0.2, 0.9) if draw.chance(0.4 * fair) else 0.0,
        moles=int(draw.rng.poisson(4)),
        wrinkles=float(np.clip((age - 28) / 45 + draw.around(0, 0.08), 0, 1) * (1 - 0.3 * melanin)),
        under_eye=float(np.clip(draw.around(0.3 + 0.005 * (age - 30), 0.2), 0, 1)),
        gloss=float(np.clip(draw.around(0.34, 0.12), 0.08, 0.75)),
        lip_red=float(np.clip(draw.around(0.62 if female else 0.38, 0.18), 0.08, 1)),
    )


def _hair(draw: _Draw, *, female: bool, age: Number, mix: np.ndarray) -> Hair:
    west = float(mix[0])
    fair = draw.chance(0.7 * west)
    eumelanin = draw.between(0.10, 0.62) if fair else draw.between(0.72, 1.05)
    gray = float(np.clip((age - 46) / 32 + draw.around(0, 0.2), 0, 1)) * (0.3 if female else 1.0)
    curly = 0.6 + 4.0 * float(mix[1])
    if female:
        styles: dict[str, Number] = {
            "long": 4,
            "long_fringe": 2.0,
            "tied": 2,
            "curly": curly,
            "short": 0.8,
            "side_part": 0.8,
        }
    else:
        bald = 0.3 + 2.0 * max(0.0, (age - 35) / 40)
        styles = {"short": 3, "side_part": 2.2, "fringe": 1.2, "buzz": 1.6, "curly": curly, "bald": bald, "long": 0.3}
    beards: dict[str, Number] = {"none": 5.0, "stubble": 2.2, "moustache": 0.8, "goatee": 0.8, "full": 1.6}
    recession = 0.0 if female else float(np.clip(draw.around((age - 30) / 60, 0.3), 0, 1))
    return Hair(
        style=draw.choice(styles),
        eumelanin=eumelanin,
        pheomelanin=draw.between(0.1, 0.9) if fair else draw.between(0.05, 0.4),
        gray=gray,
        hairline=draw.around(-73 - 2 * recession, 5.0),
        recession=recession,
        volume=float(np.clip(draw.around(0.5, 0.25), 0.05, 1)),
        part=draw.between(-0.7, 0.7),
        curl=float(np.clip(draw.around(0.25 + 0.5 * float(mix[1]), 0.2), 0, 1)),
        brow_thickness=draw.around(4.0 if female else 6.0, 1.2),
        brow_arch=draw.around(9.5 if female else 8.0, 2.4),
        brow_length=draw.around(44, 3.2),
        brow_gap=draw.around(12.5, 2.6),
        brow_y=draw.around(-20.0 if female else -17.6, 2.4),
        brow_tilt=draw.around(4.8, 1.9),
        brow_density=float(np.clip(draw.around(0.72, 0.2), 0.25, 1.0)),
        beard="none" if female else draw.choice(beards),
        beard_density=draw.between(0.45, 1.0),
    )


def _eyes(draw: _Draw, *, female: bool, age: Number, mix: np.ndarray) -> Eyes:
    light = draw.chance(0.75 * float(mix[0]))
    palette = (
        [(0.13, 0.21, 0.30), (0.17, 0.22, 0.25), (0.13, 0.19, 0.11), (0.19, 0.14, 0.06)]
        if light
        else [(0.060, 0.028, 0.012), (0.035, 0.016, 0.008), (0.095, 0.045, 0.017)]
    )
    base = palette[int(draw.rng.integers(len(palette)))]
    gain = draw.between(0.6, 1.1)
    frames = [(0.02, 0.02, 0.02), (0.07, 0.03, 0.015), (0.25, 0.25, 0.27), (0.03, 0.04, 0.10), (0.25, 0.18, 0.07)]
    wears = draw.chance(0.14 + 0.004 * (age - 18))
    return Eyes(
        iris=(base[0] * gain, base[1] * gain, base[2] * gain),
        iris_nir=draw.between(0.18, 0.42),
        iris_diameter=draw.around(11.9, 0.35),
        lashes=draw.between(0.5, 1.0) if female else draw.between(0.15, 0.6),
        glasses=draw.choice({"round": 1, "rectangular": 1.6, "thin": 1.2}) if wears else "none",
        frame_color=frames[int(draw.rng.integers(len(frames)))],
        lens_width=draw.around(50, 3),
        lens_height=draw.around(36, 4),
    )
