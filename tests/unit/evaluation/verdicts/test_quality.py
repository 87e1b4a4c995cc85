"""The input-quality gate on drawn faces whose blur, pose and coverings are known."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from facewarden.core.errors import BadInputError
from facewarden.core.roles import FaceLocation
from facewarden.evaluation.verdicts.quality import (
    QualityGate,
    QualityLimits,
    cielab,
    coverings,
    head_pose,
    quality_problems,
    sharpness,
)

POINTS = ((75.0, 90.0), (125.0, 90.0), (100.0, 118.0), (80.0, 145.0), (120.0, 145.0))
FACE = FaceLocation((50.0, 40.0, 150.0, 180.0), POINTS, 0.95)


def drawn() -> np.ndarray:  # type: ignore[type-arg]
    """A face of skin color with eyes, mouth and texture."""
    rng = np.random.default_rng(0)
    image = np.full((220, 200, 3), (200, 150, 130), np.float32)
    image += cv2.resize(rng.normal(0, 14, (110, 100, 1)).astype(np.float32), (200, 220))[..., None]
    image += rng.normal(0, 6, (220, 200, 1))
    for x, y in POINTS[:2]:
        cv2.ellipse(image, (int(x), int(y)), (9, 5), 0, 0, 360, (70, 60, 60), -1)
    cv2.ellipse(image, (100, 145), (20, 5), 0, 0, 360, (170, 90, 90), -1)
    return image.clip(0, 255).astype(np.uint8)


def problems(image: np.ndarray, face: FaceLocation = FACE, count: int = 1, **limits: float) -> list[str]:  # type: ignore[type-arg]
    return list(quality_problems(image, face, count, limits=QualityLimits(**limits)))  # type: ignore[arg-type]


def test_an_ordinary_face_has_no_problem_and_a_blurred_one_is_told() -> None:
    image = drawn()
    assert problems(image) == []
    blurred = cv2.GaussianBlur(image, (0, 0), 4).astype(np.uint8)
    assert problems(blurred) == ["the face is blurred"]
    values = [sharpness(cv2.GaussianBlur(image, (0, 0), s).astype(np.uint8), FACE) for s in (0.5, 1, 2, 4)]
    assert values == sorted(values, reverse=True)
    assert problems(blurred, sharpness=0.0) == []


def test_small_several_and_unsure_faces_are_told() -> None:
    image = drawn()
    assert problems(image, count=2) == ["several faces"]
    assert problems(image, count=2, faces=2) == []
    assert problems(image, size=120.0) == ["the face is smaller than 120 pixels"]
    assert problems(image, FaceLocation(FACE.box, POINTS, 0.6)) == ["the face may be covered or cut"]


def test_dark_glasses_and_a_mask_of_another_color_are_told() -> None:
    glasses, mask = drawn(), drawn()
    for x, y in POINTS[:2]:
        cv2.ellipse(glasses, (int(x), int(y)), (22, 16), 0, 0, 360, (10, 10, 12), -1)
    cv2.rectangle(mask, (55, 122), (145, 178), (90, 150, 230), -1)
    assert problems(glasses) == ["the eyes may be covered"]
    assert problems(mask, sharpness=0.0) == ["the mouth may be covered"]
    assert coverings(drawn(), FACE)[0] > 2 * coverings(glasses, FACE)[0]


@pytest.mark.parametrize("yaw", [-50, -20, 0, 20, 50])
@pytest.mark.parametrize("roll", [0, 30])
def test_the_pose_of_projected_points_comes_back(yaw: int, roll: int) -> None:
    """Points of a head turned by known angles, seen by a camera of known focal length."""
    model = np.array([[-31, -33, 24], [31, -33, 24], [0, 0, 0], [-25, 33, 20], [25, 33, 20]], np.float64)
    y, r = np.radians([yaw, roll])
    turn = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]]) @ np.array(
        [[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]]
    )
    seen = model @ turn.T + [0, 0, 600]
    points = 768 * seen[:, :2] / seen[:, 2:] + [320, 240]
    face = FaceLocation((1.0, 1.0, 2.0, 2.0), tuple((float(a), float(b)) for a, b in points))
    found = head_pose(face, size=(640, 480))
    assert found == pytest.approx((yaw, found[1], roll), abs=0.1)
    if roll == 0:
        seen_face = FaceLocation(FACE.box, face.landmarks, 0.95)
        told = problems(np.zeros((480, 640, 3), np.uint8), seen_face, eyes=0.0, sharpness=0.0)
        assert ("the head is turned away" in told) == (abs(yaw) == 50)


def test_the_gate_is_read_as_typed() -> None:
    gate = QualityGate.read('refuse{"size": 64, "yaw": 30}')
    assert (gate.mode, gate.limits.size, gate.limits.yaw, gate.limits.faces) == ("refuse", 64.0, 30.0, 1)
    assert QualityGate.read("note") == QualityGate()
    for wrong in ("strict", 'refuse{"sise": 3}', 'refuse{"sharpness": 2}', "refuse{"):
        with pytest.raises(BadInputError):
            QualityGate.read(wrong)


def test_lightness_and_color_are_those_of_cielab() -> None:
    pure = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255], [0, 0, 0]]], dtype=np.uint8)
    known = [[53.24, 80.09, 67.20], [87.73, -86.18, 83.18], [32.30, 79.19, -107.86], [100, 0, 0], [0, 0, 0]]
    np.testing.assert_allclose(cielab(pure)[0], known, atol=0.03)
    picture = np.random.default_rng(0).integers(0, 256, (60, 50, 3), dtype=np.uint8)
    picture[:8] //= 40  # the straight part near black
    by_tables = cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    assert np.abs(cielab(picture) - by_tables).max() < 0.5
