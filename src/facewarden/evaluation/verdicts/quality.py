"""The input-quality gate: photos beyond limits of size, blur, pose, covering and number of faces."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Annotated, Literal, cast

import cv2
import numpy as np
from annotated_types import Ge, Le
from numpy.typing import NDArray

from facewarden.align import align_face
from facewarden.core.errors import BadInputError
from facewarden.core.roles import FaceLocation
from facewarden.core.settings import NotNegative, read_settings
from facewarden.core.sources.grammar import split_settings

LOW_QUALITY = "low quality: "
"""How the reason of a non-response begins that the gate gives."""

Mode = Literal["note", "refuse", "off"]
Share = Annotated[float, Ge(0), Le(1)]
Degrees = Annotated[float, Ge(0), Le(180)]

_SIDE = 112.0
_WHITE = (0.950456, 1.0, 1.088754)
"""X, Y and Z of white, D65."""
_REBLUR = 2.0
_POINTS = np.array(
    [[-31.0, -33.0, 24.0], [31.0, -33.0, 24.0], [0.0, 0.0, 0.0], [-25.0, 33.0, 20.0], [25.0, 33.0, 20.0]]
)
"""Eyes, nose tip and mouth corners of an ordinary face in millimeters: x right, y down, z away from the camera."""
_LOOKING = 9.0
"""Degrees of pitch that this face shows when it looks straight ahead: finders place the points so."""


@dataclass(frozen=True)
class QualityLimits:
    """Below or beyond these, a photo is told apart; none of them says whether it is an attack.

    Attributes:
        size: least side of the face box in pixels.
        sharpness: least share of the gradients of a face of 112 pixels that a blur of 2 pixels takes away.
        yaw, pitch, roll: largest turn of the head in degrees: to the side, up or down, in the image.
        confidence: least confidence of the face finder; covered faces have less.
        eyes: least lightness of the eyes as a share of that of the nose; dark glasses have less.
        mouth: largest difference in color (a* and b* of CIELAB) of mouth and nose; masks and scarves have more.
        faces: most faces in the photo.
    """

    size: NotNegative = 48.0
    sharpness: Share = 0.26
    yaw: Degrees = 40.0
    pitch: Degrees = 30.0
    roll: Degrees = 45.0
    confidence: Share = 0.87
    eyes: Share = 0.28
    mouth: NotNegative = 24.0
    faces: Annotated[int, Ge(1)] = 1


@dataclass(frozen=True)
class QualityGate:
    """What becomes of photos beyond the limits.

    Attributes:
        mode: "note" says it and decides anyhow, "refuse" makes a non-response of it, "off" does not look.
        limits: of the measures.
    """

    mode: Mode = "note"
    limits: QualityLimits = QualityLimits()

    @property
    def looks(self) -> bool:
        """Whether photos are looked at."""
        return self.mode != "off"

    @classmethod
    def read(cls, text: str) -> QualityGate:
        """Read the gate as a person types it: note, refuse or off, with limits in braces.

        Args:
            text: such as `refuse{"size": 64, "yaw": 30}`.

        Raises:
            BadInputError: another word, or a limit that is none.
        """
        mode, settings = split_settings(text)
        if mode not in ("note", "refuse", "off"):
            raise BadInputError(f"--quality {text}: no such gate", hint='note, refuse or off, refuse{"size": 64}')
        if not settings:  # what checks limits takes a tenth of a second to load
            return cls(cast(Mode, mode))
        return cls(cast(Mode, mode), read_settings(QualityLimits, settings, source=f"--quality {mode}"))

    def identity(self) -> str:
        """What decides which photos it refuses."""
        return repr(asdict(self)) if self.mode == "refuse" else ""


def quality_problems(
    image: NDArray[np.uint8], face: FaceLocation, count: int, *, limits: QualityLimits
) -> Iterator[str]:
    """What of a photo is beyond the limits, a phrase each that can be counted.

    Args:
        image: `(h, w, 3)` RGB.
        face: the one that is decided on.
        count: how many faces there are.
        limits: of the measures.
    """
    x0, y0, x1, y1 = face.box
    if count > limits.faces:
        yield "several faces" if limits.faces == 1 else f"more than {limits.faces} faces"
    if min(x1 - x0, y1 - y0) < limits.size:
        yield f"the face is smaller than {limits.size:g} pixels"
    if sharpness(image, face) < limits.sharpness:
        yield "the face is blurred"
    yaw, pitch, roll = head_pose(face, size=(image.shape[1], image.shape[0]))
    if abs(yaw) > limits.yaw or abs(pitch) > limits.pitch:
        yield "the head is turned away"
    if abs(roll) > limits.roll:
        yield "the face does not stand upright"
    if face.score < limits.confidence:
        yield "the face may be covered or cut"
    eyes, mouth = coverings(image, face)
    if eyes < limits.eyes:
        yield "the eyes may be covered"
    if mouth > limits.mouth:
        yield "the mouth may be covered"


def sharpness(image: NDArray[np.uint8], face: FaceLocation) -> float:
    """Share of the gradients of a face that a small blur takes away: little is left to take from a blurred one.

    Source: the idea of Crété-Roffet et al., "The blur effect", 2007.
    """
    height, width = image.shape[:2]
    x0, y0, x1, y1 = (round(value) for value in face.box)
    part = image[max(y0, 0) : min(y1, height), max(x0, 0) : min(x1, width)]
    if min(part.shape[:2]) < 3:
        return 0.0
    gray = cv2.cvtColor(part, cv2.COLOR_RGB2GRAY).astype(np.float32)
    scale = _SIDE / max(gray.shape)
    if scale < 1:
        gray = cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA).astype(np.float32)
    whole = _gradients(gray)
    return 0.0 if whole <= 0 else 1.0 - _gradients(cv2.GaussianBlur(gray, (0, 0), _REBLUR).astype(np.float32)) / whole


def _gradients(gray: NDArray[np.float32]) -> float:
    return float(np.abs(np.diff(gray, axis=0)).sum() + np.abs(np.diff(gray, axis=1)).sum())


def head_pose(face: FaceLocation, *, size: tuple[int, int]) -> tuple[float, float, float]:
    """Yaw, pitch and roll of a head in degrees, 0 for one that looks straight into the camera.

    Args:
        face: with five landmarks.
        size: width and height of the photo in pixels; the camera is taken to have an ordinary angle of view.
    """
    focal = 1.2 * max(size)
    camera = np.array([[focal, 0.0, size[0] / 2], [0.0, focal, size[1] / 2], [0.0, 0.0, 1.0]])
    points = np.array(face.landmarks, dtype=np.float64)
    found, turn, _ = cv2.solvePnP(_POINTS, points, camera, None, flags=cv2.SOLVEPNP_SQPNP)
    if not found:
        return (90.0, 0.0, 0.0)
    matrix = cv2.Rodrigues(turn)[0]
    # turned up or down first, then to the side, then in the image
    yaw = math.degrees(math.asin(-min(max(float(matrix[2, 0]), -1.0), 1.0)))
    pitch = math.degrees(math.atan2(matrix[2, 1], matrix[2, 2]))
    roll = math.degrees(math.atan2(matrix[1, 0], matrix[0, 0]))
    return (yaw, pitch - _LOOKING, roll)


def coverings(image: NDArray[np.uint8], face: FaceLocation) -> tuple[float, float]:
    """Lightness of the eyes by that of the nose, and difference in color of mouth and nose.

    They tell dark glasses, and masks of another color than skin; a mask of the color of skin is not told.
    """
    crop = np.asarray(align_face(image, face.landmarks)).reshape(112, 112, 3)
    nose = np.median(cielab(crop[58:76, 48:64]).reshape(-1, 3), axis=0)
    mouth = np.median(cielab(crop[82:108, 36:76]).reshape(-1, 3), axis=0)
    eyes = cielab(np.concatenate([crop[44:58, 28:48], crop[44:58, 64:84]]))[..., 0].mean()
    return float(eyes) / max(float(nose[0]), 1.0), float(np.hypot(*(mouth[1:] - nose[1:])))


def cielab(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """CIELAB of sRGB, `(h, w, 3)`, white D65. OpenCV's own first fills tables, a tenth of a second for one photo.

    Source: IEC 61966-2-1 (sRGB), CIE 15 (L*, a*, b*).
    """
    share = picture.astype(np.float32) / 255
    light = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4).astype(np.float32)
    xyz = cv2.cvtColor(light, cv2.COLOR_RGB2XYZ) / np.array(_WHITE, np.float32)
    x, y, z = np.moveaxis(np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29), -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1).astype(np.float32)
