"""Automatic exposure, white balance and infrared gain: what they bring to the site's value, and where they stop."""

import numpy as np
import pytest

from facewarden.data.simulate.scene.light import LUMA
from facewarden.data.simulate.sensor.automatics import Automatics, gray_world, infrared_crop, infrared_gain, metered

BOX = np.array([8, 8, 24, 24], np.float32)


def test_the_face_or_the_center_is_measured() -> None:
    image = np.full((32, 32), 0.2, np.float32)
    image[8:24, 8:24] = 0.6
    assert metered(image, box=BOX, metering="face") == pytest.approx(0.6)
    aside = BOX - np.array([8, 8, 8, 8], np.float32)
    assert metered(image, box=aside, metering="face") < 0.5
    assert metered(image, box=aside, metering="center") == pytest.approx(0.6)


def test_a_lamp_in_the_picture_does_not_darken_it() -> None:
    image = np.full((32, 32), 0.2, np.float32)
    image[12:14, 12:14] = 1000
    assert metered(image, box=BOX, metering="face") < 0.3


def test_a_gray_world_has_gray_pictures_of_the_same_luminance() -> None:
    rng = np.random.default_rng(0)
    image = rng.uniform(0.1, 0.5, (32, 32, 3)).astype(np.float32) * np.array([1.4, 1.0, 0.6], np.float32)
    image = np.clip(image, 0, 1)
    gains = gray_world(image, balance=1.0)
    after = (image * gains).mean((0, 1))
    assert after == pytest.approx([after.mean()] * 3, rel=1e-3)
    assert float(after @ LUMA) == pytest.approx(float(image.mean((0, 1)) @ LUMA), rel=1e-3)
    assert gray_world(image, balance=0.0) == pytest.approx([1, 1, 1])


@pytest.mark.parametrize(("level", "gain"), [(0.3, 1.0), (0.1, 3.0), (0.001, 8.0), (40.0, 0.125)])
def test_infrared_comes_to_the_sites_level_within_reach(level: float, gain: float) -> None:
    image = np.full((32, 32), level, np.float32)
    assert infrared_gain(image, Automatics("face", 1.0, 0.3), box=BOX) == pytest.approx(gain, rel=1e-5)


def test_a_crop_of_its_own_is_larger_and_moved() -> None:
    image = np.zeros((41, 41), np.uint8)
    image[15:26, 15:26] = 200
    assert infrared_crop(image, zoom=1.0, shift=(0.0, 0.0)) is image
    larger = infrared_crop(image, zoom=1.2, shift=(0.0, 0.0))
    assert (larger > 100).sum() == pytest.approx(1.44 * (image > 100).sum(), rel=0.1)
    x = np.arange(41)
    moved = infrared_crop(image, zoom=1.0, shift=(0.1, 0.0)).astype(float)
    assert float((moved.sum(0) @ x) / moved.sum()) == pytest.approx(20 + 4.1, abs=0.1)
