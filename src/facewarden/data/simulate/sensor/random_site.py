"""Sites with sensors drawn at random, to learn from sensors in general without having seen any of the four domains."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np

from facewarden.data.simulate.sensor.domains import ColorSensor, Domain, InfraredSensor, RangeSensor

PRINCIPLES = ("structured", "tof", "active", "passive")


def random_site(rng: np.random.Generator, name: str, *, principle: str | None = None) -> Domain:
    """Draw a site: every parameter on its own, over about the range of cameras that are sold.

    Args:
        rng: decides it.
        name: of the site, the address of its backgrounds.
        principle: of its depth sensor; drawn as well where none is named.
    """

    def between(low: float, high: float) -> float:
        return float(rng.uniform(low, high))

    def scaled(low: float, high: float) -> float:
        return float(np.exp(rng.uniform(np.log(low), np.log(high))))

    if principle is None:
        principle = PRINCIPLES[int(rng.integers(len(PRINCIPLES)))]
    quality = int(rng.integers(35, 90))
    near = between(400.0, 600.0)
    color = ColorSensor(
        int(rng.integers(640, 1921)), between(0.4, 0.8), between(0.5, 1.0), scaled(0.01, 0.03),
        (between(0.9, 1.1), 1.0, between(0.88, 1.08)), between(0.5, 1.0), between(0.8, 1.2), between(0.12, 0.28),
        scaled(6.0, 14.0), between(0.0, 0.8), (quality, quality + 8),
    )  # fmt: skip
    steps = 0.0 if principle == "tof" else scaled(2.0, 10.0)
    base = 0.0 if principle == "tof" else scaled(22000.0, 45000.0)
    depth = RangeSensor(
        principle, scaled(1.5, 8.0), scaled(0.3, 1.6), base, steps, scaled(0.01, 0.05), scaled(0.01, 0.2),
        max(0.0, between(-0.02, 0.025)), between(200.0, 300.0), between(3000.0, 6000.0),
    )  # fmt: skip
    infrared = InfraredSensor(
        850 if rng.random() < 0.5 else 940, between(0.35, 1.1), scaled(0.01, 0.025), between(0.4, 1.6),
        between(0.1, 0.5), between(0.4, 0.9),
    )  # fmt: skip
    return Domain(
        name, "Drawn at random.", "none", color, depth, infrared, (near, near + 250),
        MappingProxyType({"normal": 0.5, "strong": 0.2, "back": 0.2, "dark": 0.1}), 0.3,
    )  # fmt: skip
