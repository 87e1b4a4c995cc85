"""Which place of a face's texture each pixel of a picture shows, by the canonical mesh fitted to five landmarks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facewarden.core.errors import BadInputError
from facewarden.data.simulate.person.mesh import CanonicalMesh, covered, fit_canonical


def texture_map(
    landmarks: NDArray[np.float32], *, size: int, mesh: CanonicalMesh
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Fit the mesh to a face and look up the texture at every pixel that it covers.

    Args:
        landmarks: `(5, 2)` pixels: eyes left to right in the image, nose tip, mouth corners left to right.
        size: side of the picture in pixels.
        mesh: with places in a texture.

    Returns:
        `(size, size, 2)` places across and down, 0 to 1, and `(size, size)` bool, where there are any. Of several
        surfaces at a pixel the nearest counts.

    Raises:
        BadInputError: the mesh has no texture, or the landmarks are those of no face.
    """
    if mesh.texture is None:
        raise BadInputError("the mesh has no places in a texture (vt)", hint="facewarden fetch mindar_face_mesh")
    fitted = fit_canonical(landmarks, size=size, mesh=mesh)
    found = covered(fitted.points, mesh.triangles, size=size)
    order = np.lexsort((found.depth, found.pixel))
    last = np.ones(len(order), dtype=bool)
    last[:-1] = found.pixel[order][1:] != found.pixel[order][:-1]
    top = order[last]  # of each pixel the candidate that is nearest to the camera
    a, b, c = (mesh.texture[mesh.triangles[found.triangle[top], corner]] for corner in range(3))
    u, v = found.u[top, None], found.v[top, None]
    places = np.zeros((size * size, 2), np.float32)
    places[found.pixel[top]] = a * (1 - u - v) + b * u + c * v
    inside = np.zeros(size * size, dtype=bool)
    inside[found.pixel[top]] = True
    return places.reshape(size, size, 2), inside.reshape(size, size)
