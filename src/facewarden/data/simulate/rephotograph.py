"""A photo of a person before a simulated camera: as if the person stood there, and on a print or a screen.

Real photos that are learned from as bona fide alone teach a detector that a real photo is bona fide. Here every photo
gives a pair, one of each class, by the same camera in the same light, so that neither the photo nor the camera tells
the class; only the sheet or the panel does. Both pictures are *simulated*: no camera took them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray

from facewarden.core.errors import BadInputError
from facewarden.data.simulate.capture import CaptureSpec, Scene, generator, make_scene
from facewarden.data.simulate.person.maps import FaceMaps
from facewarden.data.simulate.person.people import FACE_MM
from facewarden.data.simulate.scene.view import F32
from facewarden.data.simulate.species.parts.stage import Photo, decode, face_of

_ROLL = 0.09
"""Largest angle, in radians, by which the camera is turned about its axis."""


@dataclass(frozen=True)
class TakenPhoto:
    """A color picture by a simulated camera.

    Attributes:
        image: `(h, w, 3)` uint8.
        box: `(4,)` pixels of the face.
        landmarks: `(5, 2)` pixels.
        attributes: of the instrument; empty where there is none.
    """

    image: NDArray[np.uint8]
    box: F32
    landmarks: F32
    attributes: Mapping[str, str | int | float | bool] = field(default_factory=lambda: MappingProxyType({}))


def square_photo(image: NDArray[np.uint8], *, box: NDArray[np.floating], landmarks: NDArray[np.floating]) -> Photo:
    """The largest square of a photo about a face, as an attacker would print or show it.

    Args:
        image: `(h, w, 3)` uint8 sRGB.
        box: `(4,)` pixels of the face.
        landmarks: `(5, 2)` pixels.

    Raises:
        BadInputError: the box has no area.
    """
    if not (box[2] > box[0] and box[3] > box[1]):
        raise BadInputError(
            f"a face box of {', '.join(f'{value:g}' for value in box)} has no area", hint="x0 y0 x1 y1 in pixels"
        )
    size = np.array([image.shape[1], image.shape[0]])
    side = int(size.min())
    middle = (np.asarray(box[:2]) + np.asarray(box[2:])) / 2
    left, top = (int(v) for v in np.clip(np.round(middle - side / 2), 0, size - side))
    codes = np.asarray(image[top : top + side, left : left + side], np.float32) / np.float32(255)
    corner = np.array([left, top], np.float32)
    return Photo(
        np.ascontiguousarray(codes), np.asarray(landmarks - corner, np.float32),
        np.asarray(box - np.tile(corner, 2), np.float32), FACE_MM / float(box[2] - box[0]),
    )  # fmt: skip


def rephotographed(spec: CaptureSpec, photo: Photo, *, holder: FaceMaps) -> tuple[TakenPhoto, TakenPhoto]:
    """Take a bona fide picture and an attack of one photo, by the same camera in the same light.

    Both faces have the same width and place in the frame. The bona fide picture goes straight from the photo to the
    camera; the attack is printed or shown first, by the species of the spec.

    Args:
        spec: of the attack: one of `facewarden.data.simulate.species.FLAT`, version 2.
        photo: as `square_photo` makes it.
        holder: whose hands and head are seen beside the sheet.

    Returns:
        The bona fide picture and the attack.

    Raises:
        BadInputError: another species or version.
    """
    scene = make_scene(spec, holder, photo=photo)
    attack, _ = scene.color_picture(generator(spec.seed, "sensor", spec.key), scene.radiance)
    return _in_person(spec, scene, photo), TakenPhoto(
        attack, scene.shown.box, scene.shown.landmarks, scene.shown.attributes
    )


def _in_person(spec: CaptureSpec, scene: Scene, photo: Photo) -> TakenPhoto:
    """The photo's own light, in the color of the scene's, as it comes to the camera without sheet or panel."""
    rng = generator(spec.seed, "in person", spec.key)
    stage = scene.stage
    scale = stage.face_pixels / float(photo.box[2] - photo.box[0])
    place = _placed(photo, scale=scale, center=stage.center, roll=float(rng.uniform(-_ROLL, _ROLL)))
    moved = cv2.warpAffine(
        photo.to_shrink(scale), place, (spec.size, spec.size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
    )
    white = stage.light.key * np.float32(0.6) + stage.light.sky + stage.light.bounce
    radiance = decode(np.asarray(moved, np.float32)) * (white / white.mean())
    landmarks, box = face_of(photo.marks @ place[:, :2].T + place[:, 2])
    taken, _ = scene.color_picture(
        generator(spec.seed, "sensor", spec.key, "in person"), np.asarray(radiance, np.float32), box=box
    )
    return TakenPhoto(taken, box, landmarks)


def _placed(photo: Photo, *, scale: float, center: tuple[float, float], roll: float) -> F32:
    """The matrix `(2, 3)` that brings the middle of the photo's face box to a pixel of the frame."""
    turn = scale * np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]])
    return np.column_stack([turn, np.array(center) - turn @ photo.middle]).astype(np.float32)
