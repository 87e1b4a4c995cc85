"""A living person in front of the camera."""

from __future__ import annotations

from facewarden.data.simulate.scene.surface import cast_shadow, over
from facewarden.data.simulate.species.parts.stage import SpeciesStage, StagedPresentation, place


def bona_fide(stage: SpeciesStage) -> StagedPresentation:
    """The victim's own head at the distance the sensor expects."""
    head = place(stage, stage.victim)
    distance = stage.distance
    back = cast_shadow(head.surface, stage.background, toward_light=stage.light.direction, strength=0.25)
    return StagedPresentation(over(head.surface, back), head.landmarks, head.box, distance)
