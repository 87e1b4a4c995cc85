"""False range of mirror-like matter: the room that it shows, and the glare of the sensor's own light.

Read: a display's polarizer of stained plastic works in visible light alone, so that near infrared passes it and meets
the metal of an OLED or the reflector foils of an LCD; mirrors give continuous-wave sensors multipath bias and
pattern-matching sensors the depth of the mirrored scene or nothing. Guessed: the numbers, and that fingerprints are
what keeps part of a screen visible.
"""

from __future__ import annotations

import numpy as np

from facewarden.data.simulate.scene.surface import SecondReturn
from facewarden.data.simulate.scene.surroundings import smooth_noise
from facewarden.data.simulate.scene.view import F32

GLARE = np.float32(0.6)
"""Return of the mirrored flash, relative to a white wall's, above which a pixel of the range sensor is blinded."""


def mirrored_room(
    rng: np.random.Generator, depth: F32, normal: F32, *, toward: F32, mirror: float, matter: F32, lobe: F32
) -> SecondReturn:
    """What comes back to a range sensor by way of a mirror-like surface.

    Args:
        rng: draws the room on the camera's side: a wall, and somebody or something nearer.
        depth, normal, toward: `(h, w)` mm, `(h, w, 3)` and `(h, w, 3)` of the surface.
        mirror: share of near infrared that it mirrors, at both passages.
        matter: `(h, w)` its matt reflectance.
        lobe: `(h, w)` mirrored flash, relative to a white wall at half a meter.
    """
    size = depth.shape[0]
    facing = np.einsum("hwc,hwc->hw", normal, toward)
    bounced = 2 * facing[..., None] * normal - toward
    wall = float(rng.uniform(500, 2600))
    path = (depth + wall) / np.maximum(bounced[..., 2], 0.25)
    # Near things on the camera's side: a counter, a person in line, the housing of the sensor.
    things = smooth_noise(rng, size, cells=int(rng.integers(2, 5))) > rng.uniform(0.2, 1.2)
    path = np.where(things, path * float(rng.uniform(0.3, 0.7)), path)
    white = float(rng.uniform(0.3, 0.8))
    # The path is lit by way of the mirror and seen by way of the mirror.
    indirect = np.float32(mirror**2 * white) * np.square(depth / (depth + path))
    share = indirect / (indirect + matter + np.float32(1e-4))
    blind = lobe > GLARE
    around = float(rng.uniform(12, 60))
    return SecondReturn(
        np.asarray(np.where(blind, depth + around, depth + path), np.float32),
        np.asarray(np.where(blind, 0.5, share), np.float32),
    )
