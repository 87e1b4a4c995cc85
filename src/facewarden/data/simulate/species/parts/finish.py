"""The last step of an instrument: the materials and the hands of the site where it is met (version 3)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from facewarden.data.simulate.scene.filters import blurred
from facewarden.data.simulate.scene.surface import Surface
from facewarden.data.simulate.scene.view import F32
from facewarden.data.simulate.sensor.habits import Habits
from facewarden.data.simulate.species.parts.stage import SpeciesStage, skin_of

_HIDDEN = 1.2
"""Pixels of a frame of 112 over which the edge of what is worn is made up."""
_MATCH = 0.85
"""Share of the difference to the wearer's own skin that is made up."""


def finished(stage: SpeciesStage, surface: Surface, *, worn: bool = False, level: float = 1.0) -> Surface:
    """An instrument as it is made for the stage's site; as it is where the stage has no habits, as in version 2.

    Args:
        stage: the capture.
        surface: the instrument alone, before it covers what is behind it.
        worn: whether it is worn on a face, where hair and make-up hide its edges.
        level: factor on the habit of infrared level; what is small is not judged beside its surroundings as a face is.
    """
    habits = stage.habits
    if habits is None or not (surface.coverage > 0.5).any():
        return surface
    weight = surface.coverage
    if worn:
        skin, skin_nir = skin_of(stage.wearer)
        if not surface.emission.any():  # what is lit by a lamp is as bright as the lamp makes it
            surface = replace(surface, albedo=_matched(surface.albedo, weight, float(skin.mean())))
        surface = replace(surface, nir=_matched(surface.nir, weight, skin_nir))
        surface = replace(surface, coverage=blurred(weight, _HIDDEN * stage.view.size / 112))
    albedo, emission = (_toned(image, weight, habits) for image in (surface.albedo, surface.emission))
    nir = _power(surface.nir, habits.infrared, weight) * np.float32(np.exp(level * habits.level))
    return replace(
        surface, albedo=np.asarray(np.clip(albedo, 0.004, 0.98), np.float32), emission=emission,
        nir=np.asarray(np.clip(nir, 0.01, 0.98), np.float32),
    )  # fmt: skip


def _toned(image: F32, weight: F32, habits: Habits) -> F32:
    """Color that is reflected or sent, with the site's contrast and tint."""
    luma = np.maximum(image.mean(axis=2), 1e-4)
    level = float((weight * luma).sum() / weight.sum())
    factor = np.power(luma / level, np.float32(habits.contrast - 1))[..., None] * np.exp(
        np.array(habits.tint, np.float32)
    )
    return np.asarray(image * factor, np.float32)


def _matched(image: F32, weight: F32, level: float) -> F32:
    """Reflectance whose mean comes near to that of the wearer's skin around it."""
    own = float((weight * (image if image.ndim == 2 else image.mean(axis=2))).sum() / weight.sum())
    return np.asarray(image * np.float32((level / max(own, 1e-3)) ** _MATCH), np.float32)


def _power(image: F32, exponent: float, weight: F32) -> F32:
    """Contrast about the mean inside the instrument, which stays."""
    level = float((weight * image).sum() / weight.sum()) + 1e-4
    return np.asarray(level * np.power(np.maximum(image, 1e-4) / level, np.float32(exponent)), np.float32)
