"""View-space maps of one head: what light and sensor act on, the joint between face makers and capture makers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

REGIONS = ("none", "skin", "eye", "brow", "nose", "mouth", "hair", "beard", "glasses", "clothes", "neck")
"""Names of the values in `FaceMaps.regions`; `REGIONS.index("eye")` is the label of eyes."""


@dataclass(frozen=True)
class FaceMaps:
    """One head seen by an orthographic camera, before any light or sensor.

    All maps share one square frame of `h = w` pixels, x right, y down, z toward the camera.

    Attributes:
        albedo: `(h, w, 3)` float32, linear-light RGB reflectance in [0, 1].
        nir: `(h, w)` float32, reflectance around 850 nm in [0, 1].
        relief: `(h, w)` float32, millimeters toward the camera above the plane through the ears; 0 outside.
        normal: `(h, w, 3)` float32 unit vectors (x right, y down, z toward the camera).
        gloss: `(h, w)` float32 in [0, 1], strength of the specular lobe.
        coverage: `(h, w)` float32 in [0, 1], soft silhouette of head, hair, neck and shoulders.
        regions: `(h, w)` uint8, indices into `REGIONS`.
        landmarks: `(5, 2)` float32 pixels: left eye, right eye (as seen), nose tip, mouth corners.
        box: `(4,)` float32 pixels x0 y0 x1 y1 of the face (hairline to chin, cheek to cheek), as a detector draws it.
        mm_per_pixel: scale of the frame.
        lit: True when the albedo comes from a photo and so already holds that photo's light; shading is then applied
            relative to a frontal light instead of absolutely.
        attributes: what is known of the face: "glasses", "beard", "hair", "age_band", "skin_tone", "celeba" (see
            `celeba_attributes`) …
    """

    albedo: NDArray[np.float32]
    nir: NDArray[np.float32]
    relief: NDArray[np.float32]
    normal: NDArray[np.float32]
    gloss: NDArray[np.float32]
    coverage: NDArray[np.float32]
    regions: NDArray[np.uint8]
    landmarks: NDArray[np.float32]
    box: NDArray[np.float32]
    mm_per_pixel: float
    lit: bool = False
    attributes: Mapping[str, str | int | float | bool] = field(default_factory=lambda: MappingProxyType({}))
