"""Presentation attack instruments: one function per species, which builds what is in front of the camera."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from facewarden.data.simulate.species.bona_fide import bona_fide
from facewarden.data.simulate.species.cutout import print_cutout
from facewarden.data.simulate.species.glasses import partial_glasses
from facewarden.data.simulate.species.masks import mask_rigid, mask_silicone
from facewarden.data.simulate.species.parts.stage import SpeciesStage, StagedPresentation
from facewarden.data.simulate.species.prints import print_bent, print_flat
from facewarden.data.simulate.species.replay import replay_pc, replay_phone, replay_tablet
from facewarden.data.simulate.species.version_2 import PRESENT_2

PRESENT: Mapping[str, Callable[[SpeciesStage], StagedPresentation]] = MappingProxyType({
    build.__name__: build
    for build in (bona_fide, print_flat, print_bent, print_cutout, replay_phone, replay_tablet, replay_pc,
                  mask_rigid, mask_silicone, partial_glasses)
})  # fmt: skip
"""The function that builds each species of version 1 of the simulator."""

SCREENS = ("replay_phone", "replay_phone_bright", "replay_tablet", "replay_pc")
"""Species that show a picture on a panel, behind or before which nobody's face is seen."""

FLAT = ("print_flat", "print_bent", *SCREENS)
"""Species of version 2 that show a photo as a whole, with what is around the face."""


def builder(species: str, *, version: int) -> Callable[[SpeciesStage], StagedPresentation]:
    """The function that builds a species of `facewarden.core.labels.SPECIES_BY_VERSION[version]`."""
    return (PRESENT if version == 1 else PRESENT_2)[species]


__all__ = ["FLAT", "PRESENT", "PRESENT_2", "SCREENS", "SpeciesStage", "StagedPresentation", "builder"]
