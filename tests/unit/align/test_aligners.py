"""The three aligners, and the policies for no face and several faces."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from facewarden.align import FaceLocation, align_face, find_face
from facewarden.align.landmarks import Landmarks
from facewarden.align.precropped import Precropped
from facewarden.align.yunet import YuNet, merged
from facewarden.core.errors import BadInputError
from facewarden.core.roles import Aligner
from facewarden.data.photo import read_photo
from facewarden.data.simulate.capture import CaptureSpec, make_capture
from facewarden.data.simulate.person.face import prepare
from facewarden.data.simulate.person.identity import sample_identity
from facewarden.data.simulate.person.pose import Pose

FIVE = ((10.0, 10.0), (30.0, 10.0), (20.0, 20.0), (12.0, 30.0), (28.0, 30.0))
PHOTO = np.zeros((100, 200, 3), dtype=np.uint8)


class Fixed(Aligner):
    def __init__(self, *faces):
        self.faces = faces

    def locate(self, image):
        return self.faces


LARGE = FaceLocation((0.0, 0.0, 60.0, 60.0), FIVE, 0.7)
CENTRAL = FaceLocation((90.0, 40.0, 110.0, 60.0), FIVE, 0.9)


def test_policy_for_several_faces_is_what_the_caller_says():
    both = Fixed(CENTRAL, LARGE)
    assert find_face(PHOTO, both) is LARGE
    assert find_face(PHOTO, both, several="most_central") is CENTRAL
    with pytest.raises(BadInputError, match="a photo shows 2 faces"):
        find_face(PHOTO, both, several="error", name="a photo")
    assert find_face(PHOTO, Fixed(LARGE), several="error") is LARGE


def test_policy_for_no_face():
    with pytest.raises(BadInputError, match="a photo shows no face") as caught:
        find_face(PHOTO, Fixed(), name="a photo")
    assert caught.value.hint
    assert find_face(PHOTO, Fixed(), no_face="skip") is None


def test_precropped_is_the_identity_at_112_and_an_average_at_224():
    image = np.random.default_rng(0).integers(0, 256, (112, 112, 3), dtype=np.uint8)
    (face,) = Precropped().locate(image)
    assert face.box == (0.0, 0.0, 112.0, 112.0)
    assert np.array_equal(align_face(image, face.landmarks), image)
    double = np.random.default_rng(1).integers(0, 256, (224, 224, 3), dtype=np.uint8)
    (face,) = Precropped().locate(double)
    mean = double.reshape(112, 2, 112, 2, 3).mean(axis=(1, 3))
    assert np.abs(align_face(double, face.landmarks) - mean).max() <= 1


def test_precropped_refuses_what_is_not_square():
    with pytest.raises(BadInputError, match="200 x 100"):
        Precropped().locate(PHOTO)


def test_given_landmarks_come_back():
    (face,) = Landmarks(FIVE).locate(PHOTO)
    assert face.landmarks == FIVE
    assert face.box == (0.0, 0.0, 40.0, 40.0)


def test_landmarks_beside_a_photo(tmp_path):
    photo = tmp_path / "a.jpg"
    (tmp_path / "a.jpg.landmarks.txt").write_text("\n".join(f"{x} {y}" for x, y in FIVE) + "\n")
    assert Landmarks.beside(photo).locate(PHOTO)[0].landmarks == FIVE


@pytest.mark.parametrize("text", ["", "1 2\n3 4\n", "1 2 3\n" * 5, "x y\n" * 5, "nan 1\n" * 5])
def test_bad_landmark_files_are_refused(tmp_path, text):
    (tmp_path / "a.jpg.landmarks.txt").write_text(text)
    with pytest.raises(BadInputError, match="landmark"):
        Landmarks.beside(tmp_path / "a.jpg")


def test_missing_landmark_file_is_named(tmp_path):
    with pytest.raises(BadInputError, match=r"b\.png\.landmarks\.txt"):
        Landmarks.beside(tmp_path / "b.png")


def test_landmarks_of_another_size_are_refused():
    with pytest.raises(BadInputError, match="outside the photo"):
        Landmarks(tuple((x + 190, y) for x, y in FIVE)).locate(PHOTO)


def test_yunet_finds_every_face_of_both_sets(need_asset):
    need_asset("yunet")
    yunet = YuNet()
    orl = sorted(need_asset("orl").rglob("*.pgm"))[::8]
    scrap = sorted(need_asset("scrapshots").rglob("*.pgm"))[::8]
    for path in (*orl, *scrap):
        assert len(yunet.locate(read_photo(path))) == 1, path


def test_yunet_sees_no_face_in_noise(need_asset):
    need_asset("yunet")
    assert YuNet().locate(np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)) == ()


def drawn_face() -> tuple[np.ndarray, tuple[float, float, float, float]]:
    face = prepare(sample_identity(3))
    capture = make_capture(CaptureSpec("one", "one", "bona_fide", "alder", size=320), face.render(pose=Pose()))
    return capture.rgb, tuple(float(value) for value in capture.box)


def test_yunet_finds_small_faces_in_a_large_photo_each_once(need_asset):
    need_asset("yunet")
    drawn, box = drawn_face()
    photo = np.full((3000, 4000, 3), 128, dtype=np.uint8)
    wanted = []
    # the second lies across the border of two tiles, the third is too large for any
    for x, y, width in ((300, 400, 36), (1200, 900, 90), (2500, 1500, 500)):
        scale = width / (box[2] - box[0])
        side = round(320 * scale)
        photo[y : y + side, x : x + side] = cv2.resize(drawn, (side, side), interpolation=cv2.INTER_AREA)
        wanted.append((x + box[0] * scale, y + box[1] * scale, width))
    found = YuNet().locate(photo)
    assert len(found) == 3
    assert [face.score for face in found] == sorted((face.score for face in found), reverse=True)
    for x, y, width in wanted:
        (near,) = [face for face in found if abs(face.box[0] - x) < width / 2 and abs(face.box[1] - y) < width / 2]
        assert near.box[2] - near.box[0] == pytest.approx(width, rel=0.35)


def test_yunet_looks_once_at_photos_that_are_not_large(need_asset, monkeypatch):
    need_asset("yunet")
    looks = []
    yunet = YuNet(side=160)
    monkeypatch.setattr(yunet, "_search", lambda image, scale: looks.append(image.shape[:2]) or ())
    yunet.locate(np.zeros((480, 640, 3), dtype=np.uint8))
    assert set(looks) == {(480, 640)}
    yunet.locate(np.zeros((480, 641, 3), dtype=np.uint8))
    assert (320, 320) in looks


def test_overlapping_faces_are_one():
    def face(x, score):
        return FaceLocation((x, 0.0, x + 100.0, 100.0), FIVE, score)

    assert merged([face(0.0, 0.7), face(20.0, 0.9), face(300.0, 0.8)]) == (face(20.0, 0.9), face(300.0, 0.8))


def test_yunet_points_are_ordered_and_follow_the_picture(need_asset):
    need_asset("yunet")
    image = read_photo(need_asset("scrapshots") / "faces" / "00003aa.pgm")
    yunet = YuNet()
    (face,) = yunet.locate(image)
    (lx, ly), (rx, ry), (nx, ny), (mlx, mly), (mrx, mry) = face.landmarks
    assert lx < nx < rx
    assert mlx < mrx
    assert max(ly, ry) < ny < min(mly, mry)
    wide = np.pad(image, ((40, 10), (100, 0), (0, 0)))
    (moved,) = yunet.locate(wide)
    assert np.array(moved.landmarks) == pytest.approx(np.array(face.landmarks) + np.array([100, 40]), abs=8)
    # A picture that the face fills and that is far larger than the network's range.
    large = np.repeat(np.repeat(image, 8, axis=0), 8, axis=1)
    (scaled,) = yunet.locate(large)
    assert np.array(scaled.landmarks) == pytest.approx(np.array(face.landmarks) * 8, abs=0.2 * 8 * (rx - lx))
