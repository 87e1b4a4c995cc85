"""Instruments and bona fide variety of version 2 of the simulator, one file per family."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from facewarden.data.simulate.species.parts.stage import SpeciesStage, StagedPresentation
from facewarden.data.simulate.species.version_2.bona_fide import bona_fide
from facewarden.data.simulate.species.version_2.masks import mask_rigid, mask_silicone, mask_transparent
from facewarden.data.simulate.species.version_2.partial import partial_eyes, partial_glasses, partial_makeup
from facewarden.data.simulate.species.version_2.prints import print_bent, print_flat
from facewarden.data.simulate.species.version_2.projected import replay_projected
from facewarden.data.simulate.species.version_2.replay import (
    replay_pc,
    replay_phone,
    replay_phone_bright,
    replay_tablet,
)
from facewarden.data.simulate.species.version_2.textile import print_textile
from facewarden.data.simulate.species.version_2.worn_prints import print_cutout, print_relief, print_wrapped

PRESENT_2: Mapping[str, Callable[[SpeciesStage], StagedPresentation]] = MappingProxyType({
    build.__name__: build
    for build in (
        bona_fide, print_flat, print_bent, print_cutout, print_wrapped, print_relief, print_textile,
        replay_phone, replay_phone_bright, replay_tablet, replay_pc, replay_projected, mask_rigid, mask_silicone,
        mask_transparent, partial_glasses, partial_eyes, partial_makeup,
    )
})  # fmt: skip
"""The function that builds each species of version 2."""
