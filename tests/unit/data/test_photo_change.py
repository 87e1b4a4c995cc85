"""Changed photos keep what the original held beside its pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image, TiffImagePlugin

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


@pytest.mark.parametrize("alpha", [255, 128, 200])
def test_a_photo_that_shows_through_is_changed_as_far_as_was_asked(alpha: int, tmp_path: Path) -> None:
    original = Image.fromarray(np.random.default_rng(0).integers(60, 190, (20, 30, 3), dtype=np.uint8))
    original.putalpha(alpha)
    original.save(tmp_path / "in.png")
    before = read_photo(tmp_path / "in.png")
    changed = (before.astype(np.int16) + np.random.default_rng(1).integers(-20, 21, before.shape)).astype(np.uint8)
    write_changed(tmp_path / "in.png", changed, tmp_path / "out.png")
    assert np.abs(read_photo(tmp_path / "out.png").astype(np.int16) - changed).max() <= 1


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


@pytest.mark.parametrize("kind", ["png", "jpeg"])
def test_exif_of_a_tiff_stays_without_what_lays_out_its_pixels(tmp_path: Path, kind: str) -> None:
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[ExifTags.Base.Make], tags[ExifTags.Base.Copyright], tags[ExifTags.Base.Orientation] = "Camera", "someone", 6
    tags[ExifTags.IFD.Exif] = {ExifTags.Base.LensModel: "a lens", ExifTags.IFD.Interop: {1: "R98"}}
    tags[ExifTags.IFD.GPSInfo] = {ExifTags.GPS.GPSLatitudeRef: "N"}
    picture("RGB").save(tmp_path / "in.tif", tiffinfo=tags)
    changed = change(read_photo(tmp_path / "in.tif"))
    assert changed.shape == (30, 20, 3)
    write_changed(tmp_path / "in.tif", changed, tmp_path / "out", kind=kind)
    with Image.open(tmp_path / "out") as image:
        exif = image.getexif()
        told = {tag: exif[tag] for tag in exif if tag not in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo)}
        assert told == {ExifTags.Base.Make: "Camera", ExifTags.Base.Copyright: "someone"}
        assert exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.LensModel] == "a lens"
        assert exif.get_ifd(ExifTags.IFD.Interop) == {1: "R98"}
        assert exif.get_ifd(ExifTags.IFD.GPSInfo) == {ExifTags.GPS.GPSLatitudeRef: "N"}


def test_exif_of_a_compressed_tiff_stays(tmp_path: Path) -> None:
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[ExifTags.Base.Make] = "Camera"
    picture("RGB").save(tmp_path / "in.tif", tiffinfo=tags, compression="tiff_lzw")
    pixels = read_photo(tmp_path / "in.tif")
    write_changed(tmp_path / "in.tif", pixels, tmp_path / "out.png")
    assert np.array_equal(read_photo(tmp_path / "out.png"), pixels)
    with Image.open(tmp_path / "out.png") as image:
        assert dict(image.getexif()) == {ExifTags.Base.Make: "Camera"}


def test_a_tiff_of_several_pages_keeps_the_exif_of_the_first(tmp_path: Path) -> None:
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[ExifTags.Base.Artist] = "someone"
    picture("RGB").save(tmp_path / "in.tif", tiffinfo=tags, save_all=True, append_images=[picture("L")], big_tiff=True)
    write_changed(tmp_path / "in.tif", read_photo(tmp_path / "in.tif"), tmp_path / "out.png")
    with Image.open(tmp_path / "out.png") as image:
        assert dict(image.getexif()) == {ExifTags.Base.Artist: "someone"}


def test_damaged_exif_is_left_out(tmp_path: Path) -> None:
    picture("RGB").save(tmp_path / "in.jpg", exif=b"Exif\0\0MM\0*" + b"\xff" * 30)
    write_changed(tmp_path / "in.jpg", read_photo(tmp_path / "in.jpg"), tmp_path / "out.png")
    with Image.open(tmp_path / "out.png") as image:
        assert len(image.getexif()) == 0


@pytest.mark.parametrize("mode", ["L", "LA"])
def test_a_gray_photo_keeps_its_profile_as_long_as_it_stays_gray(tmp_path: Path, mode: str) -> None:
    profile = b"\0" * 16 + b"GRAY" + b"\0" * 108
    picture(mode).save(tmp_path / "in.png", icc_profile=profile)
    pixels = read_photo(tmp_path / "in.png")
    write_changed(tmp_path / "in.png", pixels, tmp_path / "out.png")
    with Image.open(tmp_path / "out.png") as image, Image.open(tmp_path / "in.png") as original:
        assert image.mode == mode
        assert image.info["icc_profile"] == profile
        assert np.array_equal(np.asarray(image), np.asarray(original))
    pixels[3, 3] = (1, 2, 3)
    write_changed(tmp_path / "in.png", pixels, tmp_path / "out.png")
    with Image.open(tmp_path / "out.png") as image:
        assert "icc_profile" not in image.info


def test_a_profile_of_cmyk_does_not_go_into_rgb(tmp_path: Path) -> None:
    Image.new("CMYK", (30, 20)).save(tmp_path / "in.tif", icc_profile=b"\0" * 16 + b"CMYK" + b"\0" * 108)
    write_changed(tmp_path / "in.tif", read_photo(tmp_path / "in.tif"), tmp_path / "out.png")
    with Image.open(tmp_path / "out.png") as image:
        assert "icc_profile" not in image.info


def test_sixteen_bit_gray_with_one_transparent_value_keeps_its_grays(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 65536, (20, 30), dtype=np.uint16)
    Image.fromarray(values).save(tmp_path / "in.png", transparency=int(values[0, 0]))
    notes: list[str] = []
    pixels = read_photo(tmp_path / "in.png", on_note=notes.append)
    assert any("transparent value is left out" in note for note in notes)
    write_changed(tmp_path / "in.png", pixels, tmp_path / "out.png")
    assert np.array_equal(read_photo(tmp_path / "out.png"), pixels)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_jpeg_holds_what_is_opaque_everywhere(tmp_path: Path, mode: str) -> None:
    original = picture(mode)
    original.putalpha(255)
    original.save(tmp_path / "in.png")
    write_changed(tmp_path / "in.png", read_photo(tmp_path / "in.png"), tmp_path / "out.jpg", kind="jpeg")
    with Image.open(tmp_path / "out.jpg") as image:
        assert image.mode == mode.removesuffix("A")


def test_a_name_as_long_as_the_file_system_allows(tmp_path: Path) -> None:
    source = tmp_path / f"{'n' * 247}.png"
    picture("RGB").save(source)
    pixels = read_photo(source)
    write_changed(source, pixels, tmp_path / f"{source.name}.png")
    assert np.array_equal(read_photo(tmp_path / f"{source.name}.png"), pixels)
    with pytest.raises(BadInputError, match="name is too long for the output") as caught:
        write_changed(source, pixels, tmp_path / f"{source.name}s.png")
    assert caught.value.hint == "shorten the file's name"
    assert len(list(tmp_path.iterdir())) == 2
