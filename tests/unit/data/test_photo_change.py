"""Changed photos keep what the original held beside its pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facewarden.core.errors import BadInputError
from facewarden.data.photo import read_photo
from facewarden.data.photo_change import TransparencyError, write_changed


def picture(mode: str) -> Image.Image:
    draw = np.random.default_rng(0)
    channels = {"RGB": 3, "RGBA": 4, "L": 1, "LA": 2, "CMYK": 4}[mode]
    return Image.fromarray(draw.integers(30, 220, (20, 30, channels), dtype=np.uint8).squeeze())


def change(photo: np.ndarray, by: int = 5) -> np.ndarray:
    signs = np.where(np.indices(photo.shape[:2]).sum(axis=0) % 2 == 0, by, -by)[..., None]
    return (photo.astype(int) + signs).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_opaque_pixels_come_back_exactly(mode: str, tmp_path: Path) -> None:
    picture(mode).save(tmp_path / "in.png")
    changed = change(read_photo(tmp_path / "in.png"))
    write_changed(tmp_path / "in.png", changed, tmp_path / "deep" / "out.png")
    assert np.array_equal(read_photo(tmp_path / "deep" / "out.png"), changed)
    with Image.open(tmp_path / "deep" / "out.png") as image:
        assert image.mode == mode


def test_transparency_stays_and_the_colors_under_it_change(tmp_path: Path) -> None:
    original = picture("RGBA")
    alpha = np.full((20, 30), 255, dtype=np.uint8)
    alpha[:, 20:] = 0
    original.putalpha(Image.fromarray(alpha))
    original.save(tmp_path / "in.png")
    changed = change(read_photo(tmp_path / "in.png"))
    write_changed(tmp_path / "in.png", changed, tmp_path / "out.png")
    with Image.open(tmp_path / "out.png") as image:
        assert np.array_equal(np.asarray(image.getchannel("A")), alpha)
    assert np.array_equal(read_photo(tmp_path / "out.png")[:, :20], changed[:, :20])
    with pytest.raises(TransparencyError, match="transparency"):
        write_changed(tmp_path / "in.png", changed, tmp_path / "out.jpg", kind="jpeg")
    assert not (tmp_path / "out.jpg").exists()


def test_exif_and_profile_stay_and_the_picture_is_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a description"
    picture("RGB").save(tmp_path / "in.jpg", exif=exif.tobytes(), icc_profile=b"profile", quality=95)
    changed = change(read_photo(tmp_path / "in.jpg"))
    assert changed.shape == (30, 20, 3)
    write_changed(tmp_path / "in.jpg", changed, tmp_path / "out.png")
    with Image.open(tmp_path / "out.png") as image:
        assert image.getexif().get(0x010E) == "a description"
        assert 0x0112 not in image.getexif()
        assert image.info["icc_profile"] == b"profile"
    assert np.array_equal(read_photo(tmp_path / "out.png"), changed)


def test_a_color_change_of_a_gray_photo_makes_it_a_color_photo(tmp_path: Path) -> None:
    picture("L").save(tmp_path / "in.png")
    changed = read_photo(tmp_path / "in.png")
    changed[3, 3] = (1, 2, 3)
    write_changed(tmp_path / "in.png", changed, tmp_path / "out.png")
    assert np.array_equal(read_photo(tmp_path / "out.png"), changed)


def test_jpeg_is_as_good_as_asked(tmp_path: Path) -> None:
    picture("RGB").save(tmp_path / "in.png")
    pixels = read_photo(tmp_path / "in.png")
    errors = []
    for quality in (95, 20):
        write_changed(tmp_path / "in.png", pixels, tmp_path / "out.jpg", kind="jpeg", quality=quality)
        errors.append(float(np.abs(read_photo(tmp_path / "out.jpg").astype(int) - pixels).mean()))
    assert errors[0] < 5 < errors[1]


def test_what_cannot_be_written_is_said(tmp_path: Path) -> None:
    picture("RGB").save(tmp_path / "in.png")
    pixels = read_photo(tmp_path / "in.png")
    (tmp_path / "file").write_text("x")
    with pytest.raises(BadInputError, match="cannot be written"):
        write_changed(tmp_path / "in.png", pixels, tmp_path / "file" / "out.png")
    with pytest.raises(BadInputError, match="no format"):
        write_changed(tmp_path / "in.png", pixels, tmp_path / "out.jpg", kind="jpeg", quality=100)
