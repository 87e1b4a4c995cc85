"""Procedural faces: an identity, a pose and an expression become the maps that light and sensors act on."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray

from facewarden.data.simulate.person.celeba import celeba_attributes
from facewarden.data.simulate.person.clothes import Clothes, sample_clothes
from facewarden.data.simulate.person.features import clothes_mask, paint_beard, paint_brows, paint_glasses
from facewarden.data.simulate.person.geometry import FRAME_CENTER_Y, FaceGrid, build_head
from facewarden.data.simulate.person.hair import paint_hair
from facewarden.data.simulate.person.lattice import Map, Number, blur, sample, step
from facewarden.data.simulate.person.maps import REGIONS, FaceMaps
from facewarden.data.simulate.person.motion import Motion
from facewarden.data.simulate.person.noise import generator
from facewarden.data.simulate.person.overlay import Layers, iris_texture, mouth_gap, paint_eye, paint_mouth
from facewarden.data.simulate.person.person import Identity
from facewarden.data.simulate.person.pose import (
    Camera,
    Expression,
    Pose,
    rotation,
    sample_expression,
    sample_pose,
    visible,
)
from facewarden.data.simulate.person.skin import Canvas, occlusion, paint_skin

__all__ = [
    "Clothes",
    "Expression",
    "Pose",
    "PreparedFace",
    "prepare",
    "render_face",
    "sample_clothes",
    "sample_expression",
    "sample_pose",
]


@dataclass(frozen=True)
class PreparedFace:
    """All that does not change between captures of one identity; make it with `prepare`, then `render` many times.

    Attributes:
        identity: whose face.
        size: pixels per side of the frames to render.
        mm_per_pixel: scale of the frames.
        grid: lattice of the layers below, finer and wider than the frame.
        relief: `(n, n)` millimeters.
        color: `(n, n, 4)` linear RGB and near-infrared reflectance.
        surface: `(n, n, 4)` normal and gloss.
        masks: `(n, n, 3)` silhouette, what lies over the eyes, clothes.
        regions: `(n, n)` indices into `REGIONS`.
        iris: texture of the irises.
        motion: what expressions move.
    """

    identity: Identity
    size: int
    mm_per_pixel: Number
    grid: FaceGrid
    relief: Map
    color: Map
    surface: Map
    masks: Map
    regions: NDArray[np.uint8]
    iris: Map
    motion: Motion

    def render(self, *, pose: Pose, expression: Expression | None = None, clothes: Clothes | None = None) -> FaceMaps:
        """Render one capture's maps.

        Args:
            pose: how the head is held.
            expression: what the face does; neutral when left out.
            clothes: what the person wears; the same gray-blue shirt for all when left out.
        """
        expression = expression or Expression()
        clothes = clothes or Clothes()
        camera = Camera(self.size, self.mm_per_pixel, FRAME_CENTER_Y, pose)
        scale = 1.0 / self.grid.mm
        half = (self.grid.n - 1) / 2
        to_pixel = (scale, half, half - FRAME_CENTER_Y * scale)
        moved = self.motion.displacement(expression)
        posed = self.motion.posed_relief(self.relief, moved, grid=self.grid, expression=expression)
        z = visible(posed, camera=camera, to_pixel=to_pixel)
        x, y, slope = camera.rays()
        x, y = x + slope[0] * z, y + slope[1] * z
        source_x, source_y = self.motion.source(x, y, moved, grid=self.grid)
        at_x = source_x * np.float32(to_pixel[0]) + np.float32(to_pixel[1])
        at_y = source_y * np.float32(to_pixel[0]) + np.float32(to_pixel[2])
        color = sample(self.color, at_x, at_y)
        surface = sample(self.surface, at_x, at_y)
        masks = sample(self.masks, at_x, at_y)
        regions = cv2.remap(self.regions, at_x, at_y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
        albedo, nir = color[..., :3], color[..., 3]
        normal, gloss = surface[..., :3], surface[..., 3]
        cover, over, dressed = masks[..., 0], masks[..., 1], masks[..., 2]
        albedo += dressed[..., None] * np.array(clothes.color, np.float32)
        nir += dressed * np.float32(clothes.nir)

        landmarks, box = self._marks(camera, moved)
        layers = Layers(source_x, source_y, albedo, nir, gloss, normal, over, regions)
        self._overlays(layers, expression, landmarks=landmarks, true_x=x, true_y=y, moved=moved)
        normal = np.asarray(cv2.transform(normal, rotation(pose)), np.float32)
        square = normal * normal
        normal /= np.sqrt(square[..., 0] + square[..., 1] + square[..., 2] + np.float32(1e-12))[..., None]
        depth = self._depth(camera, x=x, y=y, z=z)
        return FaceMaps(
            albedo=np.clip(albedo, 0, 1),
            nir=np.clip(nir, 0, 1),
            relief=np.where(cover > 0.08, np.maximum(depth, 0), 0).astype(np.float32),
            normal=np.ascontiguousarray(normal, np.float32),
            gloss=np.clip(gloss, 0, 1),
            coverage=np.clip(cover, 0, 1),
            regions=np.where(cover > 0.5, regions, 0).astype(np.uint8),
            landmarks=landmarks,
            box=box,
            mm_per_pixel=float(self.mm_per_pixel),
            attributes=attributes(self.identity, expression),
        )

    @property
    def landmarks(self) -> NDArray[np.float32]:
        """The five points of the neutral, symmetric head: `(5, 3)` face millimeters."""
        flat = self._points()[:5]
        return np.concatenate([flat, self._heights(flat)[:, None]], axis=1).astype(np.float32)

    def _points(self) -> NDArray[np.float32]:
        shape = self.identity.shape
        tip = shape.nose_y - shape.tip_lift
        half = shape.mouth_width / 2
        px, chin, top = shape.pupil_x, shape.chin_y, max(self.identity.hair.hairline, -70.0)
        return np.array(
            [
                [-px, 0.5], [px, 0.5], [0, tip], [-half, shape.mouth_y + 1.0], [half, shape.mouth_y + 1.0],
                [0, top], [0, chin], [-shape.cheek + 6, 15], [shape.cheek - 6, 15], [-shape.jaw, 75], [shape.jaw, 75],
            ],
            np.float32,
        )  # fmt: skip

    def _heights(self, flat: NDArray[np.float32]) -> NDArray[np.float32]:
        at = np.clip(np.round(self.grid.pixel(flat.copy())).astype(np.intp), 0, self.grid.n - 1)
        return np.asarray(self.relief[at[:, 1], at[:, 0]], np.float32)

    def _depth(self, camera: Camera, *, x: Map, y: Map, z: Map) -> Map:
        r = rotation(camera.pose)
        scale = np.float32(camera.pose.scale)
        out = (r[2, 0] * x + r[2, 1] * (y - np.float32(25.0)) + r[2, 2] * (z - np.float32(35.0))) * scale + 35.0
        return np.asarray(out, np.float32)

    def _marks(self, camera: Camera, moved: Map) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        flat = self._points()
        z = self._heights(flat)
        z[7:] = 25.0
        here = self.motion.destination(flat, moved, grid=self.grid)
        seen = camera.project(np.concatenate([here, z[:, None]], axis=1))
        outline = seen[5:, :2]
        box = np.concatenate([outline.min(axis=0), outline.max(axis=0)]).astype(np.float32)
        return np.ascontiguousarray(seen[:5, :2]), box

    def _overlays(
        self,
        layers: Layers,
        expression: Expression,
        *,
        landmarks: NDArray[np.float32],
        true_x: Map,
        true_y: Map,
        moved: Map,
    ) -> None:
        mm = self.mm_per_pixel
        for k, side in ((0, -1.0), (1, 1.0)):
            rows, cols = self._window(landmarks[k], reach=(21.0, 13.0))
            if rows.stop > rows.start and cols.stop > cols.start:
                part = layers.view(rows, cols)
                paint_eye(part, self.identity, iris=self.iris, expression=expression, side=side, mm=mm)
        drop = self.motion.jaw_drop(expression)
        if drop > 0.8:
            rows, cols = self._window(0.5 * (landmarks[3] + landmarks[4]), reach=(36.0, 26.0))
            if rows.stop > rows.start and cols.stop > cols.start:
                part = layers.view(rows, cols)
                gap, line = mouth_gap(self.identity, part.x, drop=drop)
                along = self.motion.below_lip(true_x[rows, cols], true_y[rows, cols], moved, grid=self.grid) - line
                paint_mouth(part, self.identity, gap=gap, along=np.asarray(along, np.float32))

    def _window(self, at: NDArray[np.float32], *, reach: tuple[float, float]) -> tuple[slice, slice]:
        rx, ry = reach[0] / self.mm_per_pixel, reach[1] / self.mm_per_pixel
        ry = max(ry, 0.6 * rx)  # a rolled head turns the long side into the rows
        x0, x1 = np.clip([at[0] - rx, at[0] + rx + 1], 0, self.size).astype(int)
        y0, y1 = np.clip([at[1] - ry, at[1] + ry + 1], 0, self.size).astype(int)
        return slice(int(y0), int(y1)), slice(int(x0), int(x1))


def prepare(identity: Identity, *, size: int = 256, mm_per_pixel: Number = 1.4) -> PreparedFace:
    """Build everything about one identity that its captures share (about 0.1 s at 256 pixels).

    Args:
        identity: the sampled person.
        size: pixels per side of the frames that will be rendered.
        mm_per_pixel: their scale; 1.4 at 256 pixels shows the whole head with neck and shoulders.
    """
    grid = FaceGrid.build(size=size, mm_per_pixel=mm_per_pixel)
    head = build_head(identity, grid)
    blank = np.zeros_like(grid.x)
    cover = np.maximum.reduce([step(head.skull, width=2.2), head.ears, head.neck, head.body])
    regions = np.full(grid.x.shape, REGIONS.index("skin"), np.uint8)
    canvas = Canvas(
        np.zeros((*blank.shape, 3), np.float32), blank.copy(), blank.copy(), head.relief.copy(), blank.copy(),
        cover.astype(np.float32), blank.copy(), regions,
    )  # fmt: skip
    _basic_regions(canvas, identity, grid=grid, skull=head.skull)
    paint_skin(canvas, identity, grid=grid, head=head)
    clothes = clothes_mask(head, identity, grid=grid)
    weave = 0.92 + 0.10 * generator(identity.seed, "weave").standard_normal(blank.shape, dtype=np.float32)
    canvas.lay(clothes, albedo=np.zeros(3, np.float32), nir=0.0, gloss=0.05)
    canvas.regions[clothes > 0.5] = REGIONS.index("clothes")
    paint_beard(canvas, identity, grid=grid, head=head)
    paint_brows(canvas, identity, grid=grid)
    paint_hair(canvas, identity, grid=grid, head=head)
    soft = blur(canvas.relief, sigma=0.7)
    shade = occlusion(soft, mm=grid.mm)
    # Light that skin scatters back is red, so creases in skin lose blue and green first.
    canvas.albedo *= shade[..., None] ** np.array([0.85, 1.05, 1.1], np.float32)
    canvas.nir *= shade**0.6
    dressed = clothes * (1 - canvas.over) * weave * shade
    canvas.relief = soft
    paint_glasses(canvas, identity, grid=grid)
    normal = normals(canvas.relief, canvas.fine, mm=grid.mm)
    return PreparedFace(
        identity=identity,
        size=size,
        mm_per_pixel=mm_per_pixel,
        grid=grid,
        relief=canvas.relief,
        color=np.ascontiguousarray(np.concatenate([canvas.albedo, canvas.nir[..., None]], axis=2), np.float32),
        surface=np.ascontiguousarray(np.concatenate([normal, canvas.gloss[..., None]], axis=2), np.float32),
        masks=np.ascontiguousarray(np.stack([canvas.cover, canvas.over, dressed], axis=2), np.float32),
        regions=canvas.regions,
        iris=iris_texture(identity),
        motion=Motion.build(identity, grid=grid, smile=head.smile),
    )


def render_face(
    identity: Identity, *, pose: Pose, expression: Expression, size: int = 256, mm_per_pixel: Number = 1.4
) -> FaceMaps:
    """Render one procedural face; for several captures of one identity use `prepare` once and `render` many times.

    Args:
        identity: the sampled person.
        pose: how the head is held.
        expression: what the face does.
        size: pixels per side of the frame.
        mm_per_pixel: scale of the frame; 1.4 at 256 pixels shows the whole head with neck and shoulders.
    """
    return prepare(identity, size=size, mm_per_pixel=mm_per_pixel).render(pose=pose, expression=expression)


def normals(relief: Map, fine: Map, *, mm: Number) -> Map:
    """Unit normals of a height field; slopes are held below 3 so that silhouettes do not alias."""
    total = relief + fine
    gx = np.clip(cv2.Sobel(total, cv2.CV_32F, 1, 0, ksize=3) / np.float32(8 * mm), -3, 3)
    gy = np.clip(cv2.Sobel(total, cv2.CV_32F, 0, 1, ksize=3) / np.float32(8 * mm), -3, 3)
    length = np.sqrt(gx * gx + gy * gy + 1)
    return np.asarray(np.stack([-gx / length, -gy / length, 1 / length], axis=2), np.float32)


def attributes(identity: Identity, expression: Expression) -> MappingProxyType[str, str | int | float | bool]:
    """Describe a face in the words of `FaceMaps.attributes`."""
    bands = ((25, "18-24"), (35, "25-34"), (45, "35-44"), (55, "45-54"), (65, "55-64"), (200, "65+"))
    tone = 1 + min(5, int(identity.skin.melanin * 6))
    return MappingProxyType(
        {
            "sex": "female" if identity.female else "male",
            "age_band": next(name for top, name in bands if identity.skin.age < top),
            "skin_tone": tone,
            "hair": identity.hair.style,
            "beard": identity.hair.beard,
            "glasses": identity.eyes.glasses != "none",
            "celeba": celeba_attributes(identity, expression),
        }
    )


def _basic_regions(canvas: Canvas, identity: Identity, *, grid: FaceGrid, skull: Map) -> None:
    shape = identity.shape
    canvas.regions[(skull < 0) & (grid.y > 40)] = REGIONS.index("neck")
    nose = (np.abs(grid.x) < 0.5 * shape.nose_width * np.clip(0.35 + grid.y / shape.nose_y, 0.3, 1)) & (
        (grid.y > -4) & (grid.y < shape.nose_y + 1)
    )
    canvas.regions[nose] = REGIONS.index("nose")
