"""Face maps from a photo and five landmarks: the photo's color on a fitted head shape."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from facewarden.core.errors import BadInputError
from facewarden.data.simulate.person.face import PreparedFace, normals, prepare
from facewarden.data.simulate.person.fitting import PoseFit, check_landmarks, fit_pose, spread_residual
from facewarden.data.simulate.person.geometry import FRAME_CENTER_Y
from facewarden.data.simulate.person.identity import mean_identity
from facewarden.data.simulate.person.infrared import hair_coverage, predict_nir, skin_color, skin_likeness
from facewarden.data.simulate.person.lattice import Map, Number, blur, resize, sample
from facewarden.data.simulate.person.maps import REGIONS, FaceMaps
from facewarden.data.simulate.person.mesh import CanonicalMesh, fit_canonical
from facewarden.data.simulate.person.pose import PIVOT, Expression, Pose
from facewarden.data.simulate.person.silhouette import soft_outline

FRAME_MM = 358.4
"""Side in millimeters of the frame that shows the whole head with neck and shoulders."""


def head_template(*, size: int = 256, mm_per_pixel: Number | None = None) -> PreparedFace:
    """Prepare the average head that photos are laid on; make it once and pass it to every `maps_from_photo`."""
    return prepare(mean_identity(), size=size, mm_per_pixel=mm_per_pixel or FRAME_MM / size)


def maps_from_photo(
    image: NDArray[np.uint8],
    landmarks: NDArray[np.float32],
    *,
    box: NDArray[np.float32] | None = None,
    size: int = 256,
    mm_per_pixel: Number | None = None,
    template: PreparedFace | None = None,
    mesh: CanonicalMesh | None = None,
    keep_background: bool = False,
) -> FaceMaps:
    """Turn a photo into the maps that light and sensors act on.

    The albedo is the photo itself in linear light (`lit=True`), scaled and centered so that the head sits in the frame
    like a procedural one. Relief comes from an average head posed and warped to the landmarks; with the canonical mesh
    the face itself is the mesh's. Infrared reflectance is predicted from color.

    Args:
        image: `(h, w, 3)` uint8 RGB photo.
        landmarks: `(5, 2)` pixels: eyes left to right in the image, nose tip, mouth corners left to right.
        box: `(4,)` pixels x0 y0 x1 y1 of the face, if a detector gave one; otherwise the fitted head's.
        size: pixels per side of the frame.
        mm_per_pixel: scale of the frame; by default the whole head with neck and shoulders fits in.
        template: `head_template(...)` of the same size and scale, to save its preparation.
        mesh: the canonical mesh of `person.mesh.cached_mesh()`; without it the average head is used.
        keep_background: cover the whole frame with the photo instead of the person's outline; the background then lies
            in the plane through the ears.

    Raises:
        BadInputError: the image is not uint8 RGB, the landmarks are unusable, or the template has another size.
    """
    if image.ndim != 3 or image.shape[2] != 3:
        raise BadInputError(f"the photo must be (h, w, 3) uint8 RGB, got shape {image.shape}")
    points = np.asarray(landmarks, np.float32)
    check_landmarks(points)
    mm = float(mm_per_pixel or FRAME_MM / size)
    template = template or head_template(size=size, mm_per_pixel=mm)
    if template.size != size or abs(template.mm_per_pixel - mm) > 1e-6:
        raise BadInputError(
            f"the template is for {template.size} px at {template.mm_per_pixel} mm, not {size} px at {mm} mm",
            hint=f"head_template(size={size}, mm_per_pixel={mm})",
        )
    fit = fit_pose(template.landmarks, points)
    to_frame = _frame_transform(fit, size=size, mm=mm)
    picture, seen = _warp_photo(image, to_frame, size=size)
    at = _move(points, to_frame)
    shape = _shape(template, fit, at, mesh=mesh)

    skin = skin_color(picture, landmarks=at)
    likeness = skin_likeness(picture, skin=skin)
    chin = float(shape.box[3])
    cover = soft_outline(picture, model=shape.coverage, seen=seen, chin=chin, mm_per_pixel=mm)
    cover = np.ascontiguousarray(cover * cv2.blur(seen.astype(np.float32), (3, 3)))
    clothes = (shape.regions == REGIONS.index("clothes")).astype(np.float32)
    scalp = (shape.regions == REGIONS.index("hair")).astype(np.float32)
    bare = np.clip(shape.coverage - scalp, 0, 1) * (1 - clothes)
    hair = hair_coverage(likeness, model=np.clip(bare + clothes, 0, 1), cover=cover, face=scalp) * (1 - clothes)
    nir = predict_nir(picture, skin=skin, likeness=likeness, hair=hair, clothes=clothes, mm=mm)
    regions = shape.regions.copy()
    regions[(hair > 0.5) & (np.arange(size)[:, None] < chin)] = REGIONS.index("hair")
    regions[cover < 0.5] = 0
    relief = shape.relief
    if keep_background:
        cover = np.ones_like(cover)
    # Hair that stands beyond the model needs some depth, or it would lie in the plane of the ears.
    beyond = cover * (1 - shape.coverage) if not keep_background else hair * (1 - shape.coverage)
    beyond = blur(np.clip(beyond, 0, 1).astype(np.float32), sigma=5.0 / mm)
    relief = np.maximum(relief, 24.0 * beyond).astype(np.float32)
    return FaceMaps(
        albedo=picture,
        nir=nir,
        relief=np.asarray(np.where(cover > 0.02, relief, 0), np.float32),
        normal=normals(blur(relief, sigma=2.2 / mm), np.zeros_like(relief), mm=mm),
        gloss=np.asarray(np.where(hair > 0.5, 0.25, shape.gloss), np.float32),
        coverage=cover,
        regions=regions,
        landmarks=at,
        box=shape.box if box is None else _move(np.asarray(box, np.float32).reshape(2, 2), to_frame).ravel(),
        mm_per_pixel=mm,
        lit=True,
    )


def _frame_transform(fit: PoseFit, *, size: int, mm: Number) -> NDArray[np.float32]:
    """`(2, 3)` matrix from photo pixels to frame pixels: scale, then the head's pivot where a neutral head has it."""
    scale = fit.mm_per_pixel / mm
    target = np.array([PIVOT[0], PIVOT[1] - FRAME_CENTER_Y], np.float64) / mm + (size - 1) / 2
    shift = target - scale * np.array(fit.origin)
    return np.array([[scale, 0, shift[0]], [0, scale, shift[1]]], np.float32)


def _move(points: NDArray[np.float32], matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(points @ matrix[:, :2].T + matrix[:, 2], np.float32)


def _warp_photo(image: NDArray[np.uint8], matrix: NDArray[np.float32], *, size: int) -> tuple[Map, NDArray[np.bool_]]:
    values = np.arange(256) / 255.0
    table = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4).astype(np.float32)
    linear: Map = table[image]
    scale = float(matrix[0, 0])
    if scale < 0.75:
        linear = blur(linear, sigma=0.45 / scale)
    picture = cv2.warpAffine(linear, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    whole = np.ones(image.shape[:2], np.float32)
    seen = cv2.warpAffine(whole, matrix, (size, size), flags=cv2.INTER_LINEAR, borderValue=0.0)
    return np.asarray(np.clip(picture, 0, 1), np.float32), np.asarray(seen > 0.5)


def _shape(
    template: PreparedFace, fit: PoseFit, landmarks: NDArray[np.float32], *, mesh: CanonicalMesh | None
) -> FaceMaps:
    """Pose the average head like the photo and warp it so that its five points meet the photo's."""
    size, mm = template.size, template.mm_per_pixel
    posed = template.render(pose=Pose(fit.yaw, fit.pitch, fit.roll), expression=Expression())
    cells = 48
    axis = (np.arange(cells, dtype=np.float32) + 0.5) * np.float32(size / cells) - 0.5
    lattice = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    residual = landmarks - posed.landmarks
    moved = spread_residual(lattice, at=landmarks, residual=residual, reach=36.0 / mm).reshape(cells, cells, 2)
    full = resize(moved, size=(size, size))
    index = np.arange(size, dtype=np.float32)
    at_x, at_y = index[None, :] - full[..., 0], index[:, None] - full[..., 1]

    def pull(layer: Map) -> Map:
        return sample(layer, at_x, at_y)

    relief, corners = pull(posed.relief), posed.box.reshape(2, 2)
    if mesh is not None:
        relief = _lay_mesh(relief, landmarks, mesh=mesh, mm=mm)
    corners = corners + spread_residual(corners, at=landmarks, residual=residual, reach=36.0 / mm)
    return FaceMaps(
        albedo=posed.albedo,
        nir=posed.nir,
        relief=relief,
        normal=posed.normal,
        gloss=pull(posed.gloss),
        coverage=pull(posed.coverage),
        regions=np.asarray(cv2.remap(posed.regions, at_x, at_y, cv2.INTER_NEAREST), np.uint8),
        landmarks=landmarks,
        box=corners.ravel().astype(np.float32),
        mm_per_pixel=mm,
    )


def _lay_mesh(relief: Map, landmarks: NDArray[np.float32], *, mesh: CanonicalMesh, mm: Number) -> Map:
    """Replace the face part of a relief by the fitted mesh, at the same depth, with a soft seam."""
    size = relief.shape[0]
    fitted = fit_canonical(landmarks, size=size, mm_per_pixel=mm, mesh=mesh)
    inside = fitted.inside.astype(np.uint8)
    deep = cv2.distanceTransform(np.pad(inside, 1), cv2.DIST_L2, 5)[1:-1, 1:-1] * np.float32(mm)
    weight = np.clip((deep - 2.0) / 16.0, 0, 1)
    weight = weight * weight * (3 - 2 * weight)
    core = weight > 0.5
    if not core.any():
        return relief
    offset = np.float32(np.median((relief - fitted.height)[core]))
    return np.asarray(relief + weight * (fitted.height + offset - relief), np.float32)
