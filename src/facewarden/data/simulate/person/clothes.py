"""What a simulated person wears."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from facewarden.data.simulate.person.lattice import Number


@dataclass(frozen=True)
class Clothes:
    """What a person wears in one capture: linear RGB reflectance and the unrelated reflectance at 850 nm."""

    color: tuple[Number, Number, Number] = (0.16, 0.18, 0.22)
    nir: Number = 0.4


def sample_clothes(rng: np.random.Generator) -> Clothes:
    """Draw clothes; the near-infrared reflectance of textile dyes says nothing about their color."""
    value = rng.beta(1.2, 2.2)
    color = np.clip(value * (1 + 0.6 * rng.normal(0, 0.5, 3)), 0.01, 0.85)
    return Clothes((float(color[0]), float(color[1]), float(color[2])), float(rng.uniform(0.12, 0.75)))
