"""A comparison in strips says what one of the whole photo says, and takes no photo's worth of memory."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio

from facewarden.nn.ssim import ssim
from facewarden.photos.aligned import to_images
from facewarden.photos.similarity import likeness


def pair(height: int = 90, width: int = 70, rows: slice = slice(30, 60)) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(0)
    before = draw.integers(0, 256, (height, width, 3), dtype=np.uint8)
    after = before.copy()
    after[rows] = np.clip(after[rows].astype(int) + draw.integers(-9, 10, after[rows].shape), 0, 255)
    return before, after


@pytest.mark.parametrize("strip", [None, 1, 7, 79, 80, 81, 1000])
@pytest.mark.parametrize("rows", [slice(30, 60), slice(0, 3), slice(88, 90), slice(0, 90)])
def test_strips_say_what_the_whole_says(strip: int | None, rows: slice) -> None:
    before, after = pair(rows=rows)
    psnr, alike = likeness(before, after, strip=strip)
    assert psnr == pytest.approx(peak_signal_noise_ratio(before, after), abs=1e-9)
    whole = float(ssim(to_images(before[None]), to_images(after[None])))
    assert alike == pytest.approx(whole, abs=2e-6)
    assert alike < 1


def test_equal_photos_are_alike_and_small_ones_are_compared() -> None:
    before, after = pair()
    assert likeness(before, before) == (100.0, 1.0)
    psnr, alike = likeness(before[30:38], after[30:38])
    assert 20 < psnr < 60
    assert 0 < alike < 1


def test_a_photo_of_a_telephone_takes_no_gigabyte() -> None:
    code = """
import resource, numpy as np
from facewarden.photos.similarity import likeness
before = np.zeros((3000, 4000, 3), np.uint8)
likeness(before[:16, :16], before[:16, :16] + 1)
held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
after = before.copy(); after[1000:1100, 1000:1100] = 9
likeness(before, after)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - held)
"""
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert int(told) < 1_000_000, f"{told.strip()} KiB"


def test_what_changed_in_a_corner_is_compared_like_the_whole() -> None:
    draw = np.random.default_rng(2)
    before = draw.integers(0, 256, (90, 70, 3), dtype=np.uint8)
    for rows, columns in ((slice(30, 60), slice(20, 33)), (slice(0, 1), slice(69, 70)), (slice(85, 90), slice(0, 4))):
        after = before.copy()
        after[rows, columns] ^= 8
        whole = float(ssim(to_images(before[None]), to_images(after[None])))
        assert likeness(before, after)[1] == pytest.approx(whole, abs=2e-6)
        assert likeness(before, after)[1] < 1
