"""Canonical face mesh fitted to five landmarks and turned into a height map by a vectorized z-buffer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facewarden.assets import locate
from facewarden.core.errors import BadInputError
from facewarden.data.simulate.person.fitting import PoseFit, fit_pose, spread_residual
from facewarden.data.simulate.person.lattice import Map, Number

OBJ_NAME = "canonical-face-model.obj"
"""File inside the asset `mindar_face_mesh`."""

_LANDMARKS = ((33, 133), (362, 263), (1,), (61,), (291,))  # vertices whose mean is each of the five points


@dataclass(frozen=True)
class CanonicalMesh:
    """The canonical face: millimeters from the midpoint between the eyes, x right, y down, z toward the camera.

    Attributes:
        vertices: `(v, 3)` float32.
        triangles: `(t, 3)` vertex indices.
        texture: `(v, 2)` place of each vertex in a texture, across and down, 0 to 1; None where the file has none.
    """

    vertices: NDArray[np.float32]
    triangles: NDArray[np.int64]
    texture: NDArray[np.float32] | None = None

    @property
    def landmarks(self) -> NDArray[np.float32]:
        """The `(5, 3)` points that detectors report, in their order."""
        return np.stack([self.vertices[list(group)].mean(axis=0) for group in _LANDMARKS]).astype(np.float32)


@dataclass(frozen=True)
class FittedMesh:
    """A mesh fitted to a face in a frame.

    Attributes:
        height: `(h, w)` float32 millimeters toward the camera above the plane through the ears; 0 outside.
        inside: `(h, w)` bool, pixels that the mesh covers.
        points: `(v, 3)` float32: pixel x, pixel y, millimeters.
        fit: scale, turn and place of the head.
    """

    height: Map
    inside: NDArray[np.bool_]
    points: NDArray[np.float32]
    fit: PoseFit


def read_obj(path: Path) -> CanonicalMesh:
    """Read vertices and triangles of a Wavefront file in centimeters with y up, as MediaPipe's canonical face is.

    Raises:
        BadInputError: the file is missing, has no triangles, fewer vertices than the landmarks need, or bad numbers.
    """
    vertices, triangles, places, placed = [], [], [], []
    try:
        for line in path.read_text(encoding="utf-8").splitlines():
            words = line.split()
            if words[:1] == ["v"]:
                vertices.append([float(word) for word in words[1:4]])
            elif words[:1] == ["vt"]:
                places.append([float(words[1]), 1.0 - float(words[2])])
            elif words[:1] == ["f"]:
                triangles.append([int(word.split("/")[0]) - 1 for word in words[1:4]])
                placed.append([int(word.partition("/")[2].partition("/")[0] or 0) - 1 for word in words[1:4]])
        points = np.array(vertices, np.float64).reshape(-1, 3)
        faces = np.array(triangles, np.int64).reshape(-1, 3)
        texture = np.array(places, np.float32).reshape(-1, 2)
        corners = np.array(placed, np.int64).reshape(-1, 3)
    except (OSError, ValueError, IndexError) as error:
        raise BadInputError(
            f"cannot read the mesh {path}: {error}", hint="facewarden fetch mindar_face_mesh"
        ) from error
    needed = max(max(group) for group in _LANDMARKS)
    if len(points) <= needed or not len(faces) or faces.min() < 0 or faces.max() >= len(points):
        raise BadInputError(
            f"{path} is not the canonical face: {len(points)} vertices, {len(faces)} triangles",
            hint="facewarden fetch mindar_face_mesh",
        )
    eyes = np.mean([points[list(_LANDMARKS[k])].mean(axis=0) for k in (0, 1)], axis=0)
    millimeters = (points - eyes) * np.array([10.0, -10.0, 10.0])
    # The ears of an average head lie this far behind its pupils; the mesh itself ends in front of them.
    millimeters[:, 2] += 72.0
    if corners.min() < 0 or corners.max() >= len(texture):
        return CanonicalMesh(millimeters.astype(np.float32), faces)
    placed_at = np.zeros((len(points), 2), np.float32)
    placed_at[faces.ravel()] = texture[corners.ravel()]
    return CanonicalMesh(millimeters.astype(np.float32), faces, placed_at)


def cached_mesh() -> CanonicalMesh:
    """Read the canonical face from the cache.

    Raises:
        MissingAssetError: `facewarden fetch mindar_face_mesh` has not been run.
    """
    return read_obj(locate("mindar_face_mesh", OBJ_NAME))


def fit_canonical(
    landmarks: NDArray[np.float32],
    *,
    size: int = 256,
    mm_per_pixel: Number | None = None,
    mesh: CanonicalMesh | None = None,
) -> FittedMesh:
    """Fit the canonical face to five landmarks and rasterize its depth.

    Scale, rotation and translation come from a damped least-squares fit; what is left of the five residuals is spread
    smoothly over the mesh, so that the eyes, nose tip and mouth corners lie exactly on their landmarks.

    Args:
        landmarks: `(5, 2)` pixels: eyes left to right in the image, nose tip, mouth corners left to right.
        size: pixels per side of the height map.
        mm_per_pixel: known scale of the frame; estimated from the landmarks when left out.
        mesh: the canonical face; read from the cache when left out.

    Raises:
        MissingAssetError: no mesh was given and none is in the cache.
        BadInputError: the landmarks are not five finite, distinct points.
    """
    mesh = mesh or cached_mesh()
    fit = fit_pose(mesh.landmarks, landmarks, mm_per_pixel=mm_per_pixel)
    seen = fit.project(mesh.vertices)
    left = landmarks - fit.project(mesh.landmarks)[:, :2]
    reach = 34.0 / fit.mm_per_pixel
    seen[:, :2] += spread_residual(seen[:, :2], at=fit.project(mesh.landmarks)[:, :2], residual=left, reach=reach)
    height, inside = rasterize(seen, mesh.triangles, size=size)
    return FittedMesh(height, inside, seen, fit)


@dataclass(frozen=True, eq=False)
class Covered:
    """Candidates of a z-buffer: pixels inside of triangles.

    Attributes:
        pixel: `(n,)` number of the pixel, row by row.
        depth: `(n,)` third coordinate there.
        triangle: `(n,)` which triangle.
        u, v: `(n,)` shares of its second and third corner.
    """

    pixel: NDArray[np.int64]
    depth: NDArray[np.float64]
    triangle: NDArray[np.int64]
    u: NDArray[np.float64]
    v: NDArray[np.float64]


def covered(points: NDArray[np.float32], triangles: NDArray[np.int64], *, size: int) -> Covered:
    """Return what each triangle covers of a `(size, size)` picture.

    Every pixel of every triangle's bounding box is a candidate; one pass computes all barycentric coordinates.
    """
    corner = points[triangles].astype(np.float64)
    low = np.clip(np.floor(corner[:, :, :2].min(axis=1)), 0, size - 1).astype(np.int64)
    high = np.clip(np.ceil(corner[:, :, :2].max(axis=1)), 0, size - 1).astype(np.int64)
    span = high - low + 1
    count = span[:, 0] * span[:, 1]
    which = np.repeat(np.arange(len(triangles)), count)
    local = np.arange(int(count.sum())) - np.repeat(np.cumsum(count) - count, count)
    px = low[which, 0] + local % span[which, 0]
    py = low[which, 1] + local // span[which, 0]
    a, b, c = corner[:, 0], corner[:, 1], corner[:, 2]
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    safe = np.where(np.abs(area) < 1e-9, np.inf, area)
    u = ((px - a[which, 0]) * (c - a)[which, 1] - (py - a[which, 1]) * (c - a)[which, 0]) / safe[which]
    v = ((b - a)[which, 0] * (py - a[which, 1]) - (b - a)[which, 1] * (px - a[which, 0])) / safe[which]
    hit = (u >= -1e-6) & (v >= -1e-6) & (u + v <= 1 + 1e-6) & np.isfinite(safe)[which]
    z = a[which, 2] + u * (b - a)[which, 2] + v * (c - a)[which, 2]
    return Covered((py * size + px)[hit], z[hit], which[hit], u[hit], v[hit])


def rasterize(points: NDArray[np.float32], triangles: NDArray[np.int64], *, size: int) -> tuple[Map, NDArray[np.bool_]]:
    """Draw the nearest surface of a triangle mesh into a `(size, size)` map of its third coordinate."""
    candidates = covered(points, triangles, size=size)
    buffer = np.full(size * size, -np.inf)
    np.maximum.at(buffer, candidates.pixel, candidates.depth)
    inside = np.isfinite(buffer).reshape(size, size)
    height = np.where(inside, np.maximum(buffer.reshape(size, size), 0), 0)
    return height.astype(np.float32), inside
