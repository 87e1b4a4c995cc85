"""Depth as 8-bit pictures: each way of scaling against numbers worked out by hand, near, holes and background."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from facewarden.data.simulate.sensor.depth_pictures import DEPTH_PICTURES, DepthPicture, depth_picture

BOX = np.array([8, 8, 24, 24], np.float32)
SPAN = (300.0, 1300.0)
PLAIN = DepthPicture("kept", "sensor", "dark", "black", 0, "")


def ramp() -> NDArray[np.uint16]:
    """32 x 32: a face from 500 mm on, 4 mm more a column, before a wall at 1200 mm."""
    depth = np.full((32, 32), 1200, np.uint16)
    depth[8:24, 8:24] = 500 + 4 * np.arange(16, dtype=np.uint16)
    return depth


def picture(depth: NDArray[np.uint16], **changes: object) -> NDArray[np.uint8]:
    return depth_picture(depth, replace(PLAIN, **changes), box=BOX, span=SPAN)  # type: ignore[arg-type]


def test_a_sensors_range_is_spread_over_the_gray_values() -> None:
    found = picture(ramp())
    assert found[8, 8] == round((500 - 300) / 1000 * 255)
    assert found[0, 0] == round((1200 - 300) / 1000 * 255)
    assert picture(np.full((32, 32), 100, np.uint16)).max() == 0
    assert picture(np.full((32, 32), 2000, np.uint16)).min() == 255


def test_deviations_are_those_of_the_set_that_was_read() -> None:
    depth = ramp()
    depth[10, 10] = 0
    face = depth[8:24, 8:24].astype(float)
    known = face[face > 1]
    middle = np.median(known)
    deviation = np.median(np.abs(known - middle))
    wanted = np.clip((depth - middle + 3 * deviation) / (6 * deviation) * 255, 0, 255)
    wanted[10, 10] = 0
    found = picture(depth, scale="deviations")
    assert np.abs(found - wanted).max() <= 0.5001
    assert found[0, 0] == 255


def test_a_picture_spans_what_it_holds() -> None:
    found = picture(ramp(), scale="picture", background="cut")[9:23, 9:23]
    assert found.min() < 20
    assert found.max() > 235
    kept = picture(ramp(), scale="picture")
    assert kept[8:24, 8:24].max() < 0.1 * 255  # the wall takes the rest of the range


def test_ranks_make_gray_values_equally_frequent() -> None:
    depth = (600 + np.random.default_rng(0).gamma(2.0, 30.0, (64, 64))).astype(np.uint16)
    found = depth_picture(depth, replace(PLAIN, scale="ranks"), box=2 * BOX, span=SPAN)
    counts, _ = np.histogram(found, bins=8, range=(0, 256))
    assert counts.max() < 1.2 * counts.min()


def test_near_bright_is_the_inverse_of_near_dark() -> None:
    dark, bright = picture(ramp()), picture(ramp(), near="bright")
    assert np.abs(dark.astype(int) + bright - 255).max() <= 1


def test_holes_are_black_white_or_filled() -> None:
    depth = ramp()
    depth[14:17, 14:17] = 0
    assert picture(depth)[15, 15] == 0
    assert picture(depth, holes="white")[15, 15] == 255
    filled, whole = picture(depth, holes="filled"), picture(ramp())
    assert abs(int(filled[15, 15]) - int(whole[15, 15])) <= 2
    outside = np.ones((32, 32), bool)
    outside[14:17, 14:17] = False
    assert np.array_equal(filled[outside], whole[outside])


def test_a_cut_background_is_as_far_as_can_be_and_holes_in_the_face_stay_holes() -> None:
    depth = ramp()
    depth[14:17, 14:17] = 0
    for near, far in (("dark", 255), ("bright", 0)):
        found = picture(depth, background="cut", near=near, holes="black")
        assert found[0, 0] == found[31, 31] == far
        assert found[15, 15] == 0
        assert 0 < found[16, 10] < 255


@pytest.mark.parametrize("name", DEPTH_PICTURES)
def test_pictures_of_nothing_are_pictures(name: str) -> None:
    for depth in (np.zeros((32, 32), np.uint16), np.full((32, 32), 700, np.uint16)):
        found = depth_picture(depth, DEPTH_PICTURES[name], box=BOX, span=SPAN)
        assert found.dtype == np.uint8
        assert found.shape == (32, 32)


def test_every_encoding_is_another_one_and_says_what_is_known() -> None:
    kinds = {(how.background, how.scale, how.near, how.holes) for how in DEPTH_PICTURES.values()}
    assert len(kinds) == len(DEPTH_PICTURES) >= 7
    for how in DEPTH_PICTURES.values():
        assert how.source.startswith(("read: ", "guessed: "))
        assert not how.jpeg or "guessed" in how.source  # no set says how strongly its files are compressed
    assert {how.background for how in DEPTH_PICTURES.values()} == {"kept", "cut"}
    assert {how.holes for how in DEPTH_PICTURES.values()} == {"black", "white", "filled"}
