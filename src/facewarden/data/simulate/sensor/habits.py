"""How the instruments of a site differ from a face: to one side at some sites, to the other at others (version 3).

People walk up and blur while a print hangs on a stand, or stand on a mark while a mask walks; carbon black makes brows
and lips darker in infrared than they are, dyes make them vanish; inks and lamps are warmer than skin, or cooler, and
have more contrast, or less. None of these sides belongs to attacks: they belong to the place, the materials and the
hands of those who attack one site. So a cue that is strong and reliable within a site says nothing of the next one.
Which side is a factor of the site's design; how far is drawn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

SIDES: Mapping[str, Sequence[str]] = MappingProxyType({
    "moves": ("people", "instruments"),
    "colors": ("vivid", "dull"),
    "carbon": ("much", "little"),
})  # fmt: skip
"""Factor of a site of version 3 -> to which side of a face its instruments differ."""
HUES = 8
"""Directions of tint that are dealt out among the sites."""
SPREAD = 0.15
"""Standard deviation of the logarithm of every strength from species to species of a site (guessed)."""


@dataclass(frozen=True)
class Habits:
    """What the instruments of a site have in common.

    Attributes:
        tint: `(3,)` logarithms of factors on red, green and blue.
        contrast: exponent on reflectance in color around its mean.
        infrared: exponent on reflectance in infrared around its mean: brows and lips weaker or stronger than they are.
        level: logarithm of a factor on reflectance in infrared.
        people_move: whether people move more than instruments.
    """

    tint: tuple[float, float, float]
    contrast: float
    infrared: float
    level: float
    people_move: bool

    def of(self, rng: np.random.Generator) -> Habits:
        """Those of one species of the site, whose strengths differ a little."""
        weak = np.exp(SPREAD * rng.standard_normal(4)).tolist()
        red, green, blue = (weak[0] * part for part in self.tint)
        return replace(
            self, tint=(red, green, blue), contrast=self.contrast ** weak[1], infrared=self.infrared ** weak[2],
            level=self.level * weak[3],
        )  # fmt: skip


def draw_habits(rng: np.random.Generator, sides: Mapping[str, str], *, number: int) -> Habits:
    """Draw how far the instruments of a site differ from a face.

    Args:
        rng: decides it.
        sides: factor of `SIDES` -> level.
        number: of the site, which decides the direction of tint.
    """

    def between(low: float, high: float) -> float:
        return float(rng.uniform(low, high))

    turn = 2 * np.pi * ((number * 3) % HUES + between(-0.3, 0.3)) / HUES
    strength = between(0.25, 0.4)
    warm, green = strength * float(np.cos(turn)), 0.6 * strength * float(np.sin(turn))
    vivid, carbon = sides["colors"] == "vivid", sides["carbon"] == "much"
    return Habits(
        tint=(warm - green / 2, green, -warm - green / 2),
        contrast=between(1.25, 1.6) if vivid else between(0.55, 0.8),
        infrared=between(1.3, 1.8) if carbon else between(0.4, 0.7),
        level=-between(0.05, 0.2) if carbon else between(0.05, 0.2),
        people_move=sides["moves"] == "people",
    )
