"""A living person in front of the camera (version 2), plain or with what people wear and hold."""

from __future__ import annotations

from facewarden.data.simulate.scene.surface import over
from facewarden.data.simulate.species.parts.stage import SpeciesStage, StagedPresentation, place
from facewarden.data.simulate.species.parts.worn import shadowed
from facewarden.data.simulate.species.version_2.subtypes import WEAR


def bona_fide(stage: SpeciesStage) -> StagedPresentation:
    """The victim's own head at the distance the sensor expects, with what its subtype adds."""
    head = place(stage, stage.victim)
    scene = over(head.surface, shadowed(stage, head))
    if stage.subtype in WEAR:
        scene = WEAR[stage.subtype](stage, head, scene)
    return StagedPresentation(scene, head.landmarks, head.box, stage.distance)
