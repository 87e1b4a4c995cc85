"""Bona fide variety: what a living person wears, does or holds; one function per subtype that needs drawing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from facewarden.data.simulate.scene.surface import PlacedHead, Surface
from facewarden.data.simulate.species.parts.stage import SpeciesStage
from facewarden.data.simulate.species.version_2.subtypes.beside import paper_beside, phone_beside
from facewarden.data.simulate.species.version_2.subtypes.face import beard, glasses, heavy_makeup
from facewarden.data.simulate.species.version_2.subtypes.hat import hat
from facewarden.data.simulate.species.version_2.subtypes.textile import bandage, medical_mask, scarf

WEAR: Mapping[str, Callable[[SpeciesStage, PlacedHead, Surface], Surface]] = MappingProxyType({
    draw.__name__: draw
    for draw in (beard, hat, scarf, medical_mask, bandage, glasses, heavy_makeup, phone_beside, paper_beside)
})  # fmt: skip
"""Adds a subtype to a scene with a placed head; "plain" needs nothing, and "expression" belongs to the head's maps."""
