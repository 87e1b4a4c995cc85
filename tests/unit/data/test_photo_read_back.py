"""A photo whose color profile Pillow refuses to read again is written without it, and that is said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageCms

from facewarden.data.photo import read_photo
from facewarden.data.photo_change import write_changed


def test_a_profile_too_large_to_be_read_again_is_dropped_and_said(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    source, target, notes = tmp_path / "a.jpg", tmp_path / "b.png", []
    Image.fromarray(pixels).save(source, icc_profile=profile + b"\0" * 1_500_000)
    changed = 255 - read_photo(source)
    write_changed(source, changed, target, on_note=notes.append)
    assert np.array_equal(read_photo(target), changed)
    assert notes == ["color profile and EXIF dropped: too large to be read again"]
    Image.fromarray(pixels).save(source, icc_profile=profile)
    write_changed(source, changed, target, on_note=notes.append)
    assert len(notes) == 1
    with Image.open(target) as image:
        assert image.info["icc_profile"] == profile
