"""A flat thing with a picture of a face that somebody holds: where the face is seen, and the hand."""

from __future__ import annotations

import numpy as np

from facewarden.data.simulate.scene.surface import Surface
from facewarden.data.simulate.scene.surroundings import fingers
from facewarden.data.simulate.scene.view import F32, Placement
from facewarden.data.simulate.species.parts.stage import Photo, SpeciesStage, face_of, skin_of


def marks_on(photo: Photo, *, scale: float) -> F32:
    """Landmarks of the photo, `(5, 2)` mm on the sheet, zero at the middle of the face box."""
    return _on_sheet(photo, scale=scale)[:5]


def seen_face(stage: SpeciesStage, placement: Placement, photo: Photo, *, scale: float) -> tuple[F32, F32]:
    """Landmarks `(5, 2)` and face box `(4,)` in pixels of the frame.

    Args:
        stage: the capture.
        placement: of the sheet or panel.
        photo: what it shows.
        scale: mm per pixel of the photo.
    """
    return face_of(stage.view.project(placement.points(_on_sheet(photo, scale=scale))))


def _on_sheet(photo: Photo, *, scale: float) -> F32:
    return np.asarray((photo.marks - photo.middle) * np.float32(scale), np.float32)


def holding_hand(
    stage: SpeciesStage, placement: Placement, edges: tuple[float, float, float, float], *, grip: str
) -> Surface | None:
    """The attacker's fingers on a sheet or device, None where the frame shows none of them.

    Args:
        stage: the capture.
        placement: of the sheet or device.
        edges: its left, top, right and bottom, mm.
        grip: as of `fingers`.
    """
    skin, infrared = skin_of(stage.wearer)
    left, top, right, bottom = edges
    center = placement.points(np.array([[(left + right) / 2, (top + bottom) / 2]]))[0]
    return fingers(
        stage.rng, stage.view, Placement(center, placement.axes, placement.radius),
        half=((right - left) / 2, (bottom - top) / 2), skin=skin, nir=infrared, grip=grip,
    )  # fmt: skip
