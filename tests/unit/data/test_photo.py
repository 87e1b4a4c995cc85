"""Every kind of picture that people have, and every kind of damage: converted, or refused with the file's name."""

from __future__ import annotations

import io
import os
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from facewarden.core.errors import BadInputError
from facewarden.data.photo import read_photo

GRADIENT = np.stack(np.meshgrid(np.arange(40) * 6, np.arange(30) * 8), axis=-1).astype(np.uint8)
RGB = np.concatenate([GRADIENT, np.full((30, 40, 1), 100, np.uint8)], axis=2)


def save(path, image, **options):
    image.save(path, **options)
    return path


def test_plain_rgb_comes_back_red_first(tmp_path):
    assert np.array_equal(read_photo(save(tmp_path / "a.png", Image.fromarray(RGB))), RGB)


def test_the_array_is_ours_to_write(tmp_path):
    read_photo(save(tmp_path / "a.png", Image.fromarray(RGB)))[0, 0] = 7


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path, orientation):
    block = np.zeros((16, 32, 3), np.uint8)
    block[:8, :8] = 255
    # What a camera stores for this upright picture: the inverse of the turn that a reader applies.
    inverse = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.transpose(1, 0, 2),
        6: lambda a: np.rot90(a, 1),
        7: lambda a: np.rot90(a, 2).transpose(1, 0, 2),
        8: lambda a: np.rot90(a, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.fromarray(np.ascontiguousarray(inverse(block)))
    assert np.array_equal(read_photo(save(tmp_path / "a.png", stored, exif=exif)), block)


def test_gray_and_bilevel(tmp_path):
    gray = RGB[:, :, 0]
    assert np.array_equal(read_photo(save(tmp_path / "a.pgm", Image.fromarray(gray))), np.stack([gray] * 3, axis=2))
    bits = read_photo(save(tmp_path / "b.png", Image.fromarray(gray > 100)))
    assert np.array_equal(bits[:, :, 1], np.where(gray > 100, 255, 0))


def test_sixteen_bit_gray_is_scaled_and_noted(tmp_path):
    values = np.array([[0, 257, 25700, 65535]], np.uint16)
    notes = []
    read = read_photo(save(tmp_path / "a.png", Image.fromarray(values)), on_note=notes.append)
    assert read[0, :, 0].tolist() == [0, 1, 100, 255]
    assert len(notes) == 1
    assert "16-bit" in notes[0]


def test_palette(tmp_path):
    image = Image.fromarray(RGB).quantize(16)
    assert np.array_equal(read_photo(save(tmp_path / "a.png", image)), np.asarray(image.convert("RGB")))


def test_cmyk_keeps_the_colors(tmp_path):
    image = Image.new("CMYK", (4, 4), (0, 255, 255, 0))
    assert read_photo(save(tmp_path / "a.tif", image))[0, 0].tolist() == [255, 0, 0]


def notes_of(path):
    notes = []
    read_photo(path, on_note=notes.append)
    return [note.removeprefix(f"{path}: ") for note in notes]


def profile(space: bytes) -> bytes:
    """The head of an ICC profile, which says what pixels it is for."""
    return b"\0" * 16 + space + b"\0" * 108


def deep_png(path: Path, *, color_type: int, channels: int) -> Path:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = np.full((3, 4 * channels), 25700, ">u2")
    raw = b"".join(b"\0" + row.tobytes() for row in rows)
    head = struct.pack(">IIBBBBB", 4, 3, 16, color_type, 0, 0, 0)
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + parts)
    return path


def deep_tiff(path: Path) -> Path:
    """A 4 x 3 RGB picture of 16 bits a channel, which Pillow reads and cannot write."""
    pixels = np.full((3, 4, 3), 25700, "<u2").tobytes()
    tags = [(256, 4), (257, 3), (258, 3), (259, 1), (262, 2), (273, 200), (277, 3), (278, 3), (279, len(pixels))]
    entries = b"".join(
        struct.pack("<HHII", tag, 3, 3, 180) if tag == 258 else struct.pack("<HHII", tag, 4, 1, value)
        for tag, value in tags
    )
    head = b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + b"\0" * 4
    path.write_bytes((head.ljust(180, b"\0") + struct.pack("<3H", 16, 16, 16)).ljust(200, b"\0") + pixels)
    return path


def test_sixteen_bit_color_is_scaled_and_noted(tmp_path):
    color = deep_png(tmp_path / "a.png", color_type=2, channels=3)
    assert notes_of(color) == ["16-bit color is reduced to 8 bits"]
    assert read_photo(color)[0, 0].tolist() == [100, 100, 100]
    tiff = deep_tiff(tmp_path / "a.tif")
    assert notes_of(tiff) == ["16-bit color is reduced to 8 bits"]
    assert read_photo(tiff)[0, 0].tolist() == [100, 100, 100]
    (tmp_path / "a.ppm").write_bytes(b"P6 4 3 65535\n" + np.full((3, 4, 3), 25700, ">u2").tobytes())
    assert notes_of(tmp_path / "a.ppm") == ["16-bit color is reduced to 8 bits"]
    faint = notes_of(deep_png(tmp_path / "b.png", color_type=4, channels=2))
    assert faint == ["its transparent parts are laid on white", "16-bit gray is reduced to 8 bits"]


@pytest.mark.parametrize("bits", [10, 12, 13])
def test_a_picture_that_fills_fewer_than_its_16_bits_is_told_to_be_nearly_black(tmp_path, bits):
    values = np.linspace(0, 2**bits - 1, 48).astype(np.uint16).reshape(4, 4, 3)
    dim = "{0} is reduced to 8 bits", "{0} fills fewer than 16 bits and is read as nearly black; save it with 8 bits"
    for name, pixels, deep in (("c", values, "16-bit color"), ("g", values[:, :, 0], "16-bit gray")):
        cv2.imwrite(str(tmp_path / f"{name}.png"), pixels)
        assert notes_of(tmp_path / f"{name}.png") == [words.format(deep) for words in dim]
        cv2.imwrite(str(tmp_path / f"{name}.png"), pixels << (16 - bits))
        assert notes_of(tmp_path / f"{name}.png") == [dim[0].format(deep)]


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.ppm", "a.jpg"])
def test_eight_bits_are_nothing_to_note(tmp_path, name):
    assert notes_of(save(tmp_path / name, Image.fromarray(RGB))) == []
    assert notes_of(save(tmp_path / name, Image.fromarray(RGB[..., 0]))) == []


def test_cmyk_and_lab_are_noted_with_the_profile_that_they_lose(tmp_path):
    ink = save(tmp_path / "a.tif", Image.new("CMYK", (4, 4)), icc_profile=profile(b"CMYK"))
    assert notes_of(ink) == [
        "its CMYK pixels are converted to RGB",
        "its color profile is of CMYK pixels and is left out",
    ]
    assert notes_of(save(tmp_path / "b.jpg", Image.new("CMYK", (4, 4)))) == ["its CMYK pixels are converted to RGB"]
    assert notes_of(save(tmp_path / "c.tif", Image.new("LAB", (4, 4)))) == ["its LAB pixels are converted to RGB"]


def test_a_profile_that_stays_usable_is_nothing_to_note(tmp_path):
    gray, color = Image.fromarray(RGB[..., 0]), Image.fromarray(RGB)
    assert notes_of(save(tmp_path / "a.png", gray, icc_profile=profile(b"GRAY"))) == []
    assert notes_of(save(tmp_path / "b.png", color, icc_profile=profile(b"RGB "))) == []
    wrong = notes_of(save(tmp_path / "c.jpg", gray, icc_profile=profile(b"RGB ")))
    assert wrong == ["its color profile is of RGB pixels and is left out"]
    wrong = notes_of(save(tmp_path / "d.png", color, icc_profile=profile(b"GRAY")))  # as 16-bit gray with alpha is read
    assert wrong == ["its color profile is of gray pixels and is left out"]


def test_alpha_is_laid_on_white_and_noted(tmp_path):
    rgba = np.dstack([np.zeros((1, 2, 3), np.uint8), np.array([[0, 255]], np.uint8)])
    notes = []
    read = read_photo(save(tmp_path / "a.png", Image.fromarray(rgba)), on_note=notes.append)
    assert read[0].tolist() == [[255, 255, 255], [0, 0, 0]]
    assert "white" in notes[0]


def test_first_frame_of_an_animation_and_a_note(tmp_path):
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "blue")]
    notes = []
    read = read_photo(
        save(tmp_path / "a.gif", frames[0], save_all=True, append_images=frames[1:]), on_note=notes.append
    )
    assert read[0, 0].tolist() == [255, 0, 0]
    assert "first of 2 frames" in notes[0]


@pytest.mark.parametrize("mode", ["F", "I"])
def test_pixels_of_unknown_range_are_refused(tmp_path, mode):
    with pytest.raises(BadInputError, match="unknown range"):
        read_photo(save(tmp_path / "a.tif", Image.new(mode, (4, 4), 70000)))


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.bmp", "a.ppm", "a.tif"])
def test_truncated(tmp_path, name):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    path = save(tmp_path / name, Image.fromarray(noise))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(BadInputError, match=name) as caught:
        read_photo(path)
    assert caught.value.hint


def test_empty_missing_folder_text_pipe(tmp_path):
    (tmp_path / "zero.jpg").touch()
    (tmp_path / "text.jpg").write_text("hello")
    (tmp_path / "folder.jpg").mkdir()
    os.mkfifo(tmp_path / "pipe.jpg")
    for name, what in [
        ("zero.jpg", "empty"),
        ("text.jpg", "not a picture"),
        ("folder.jpg", "folder"),
        ("none.jpg", "does not exist"),
        ("pipe.jpg", "not a plain file"),
        ("nul\0.jpg", "nul"),
    ]:
        with pytest.raises(BadInputError, match=what):
            read_photo(tmp_path / name)


def test_name_that_is_not_utf8(tmp_path):
    path = os.fsencode(tmp_path) + b"/\xff.png"
    with open(path, "wb") as out:  # noqa: PTH123
        Image.fromarray(RGB).save(out, format="png")
    assert np.array_equal(read_photo(os.fsdecode(path)), RGB)
    with open(path, "wb") as out:  # noqa: PTH123
        out.write(b"damaged")
    with pytest.raises(BadInputError) as caught:
        read_photo(os.fsdecode(path))
    str(caught.value).encode("utf-8")


def test_a_bomb_is_refused_from_its_header(tmp_path, monkeypatch):
    monkeypatch.setattr(Image.Image, "load", lambda *_: pytest.fail("the picture was unpacked"))
    path = tmp_path / "a.pgm"
    path.write_bytes(b"P5 10000 5001 255\n")
    with pytest.raises(BadInputError, match="10000 x 5001 pixels"):
        read_photo(path)
    path.write_bytes(b"P5 100000 100000 255\n")
    with pytest.raises(BadInputError, match="pixels"):
        read_photo(path)


def test_the_limit_itself_is_read(tmp_path, monkeypatch):
    monkeypatch.setenv("FACEWARDEN_LIMIT_PICTURE_PIXELS", "1200")
    assert read_photo(save(tmp_path / "a.png", Image.fromarray(RGB))).shape == (30, 40, 3)


def seeds():
    out = []
    for kind, options in [("JPEG", {}), ("PNG", {}), ("GIF", {}), ("TIFF", {}), ("WEBP", {}), ("BMP", {}), ("PPM", {})]:
        buffer = io.BytesIO()
        Image.fromarray(RGB).save(buffer, format=kind, **options)
        out.append(buffer.getvalue())
    return out


SEEDS = seeds()


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_garbage_gives_a_picture_or_one_kind_of_error(tmp_path, data):
    content = bytearray(data.draw(st.sampled_from([b"", *SEEDS])))
    if content:
        for place, value in data.draw(st.lists(st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255)))):
            content[place] = value
        cut = data.draw(st.integers(0, len(content)))
        content = (
            content[:cut] + data.draw(st.binary(max_size=20)) + content[data.draw(st.integers(cut, len(content))) :]
        )
    else:
        content = data.draw(st.binary(max_size=200))
    path = tmp_path / "garbage"
    path.write_bytes(bytes(content))
    problem = None
    try:
        image = read_photo(path)
    except BadInputError as error:
        problem = error
    if problem is None:
        assert image.dtype == np.uint8
        assert image.ndim == 3
        assert image.shape[2] == 3
    else:
        assert "garbage" in problem.message
        assert problem.hint
