"""Every kind of picture that people have, and every kind of damage: converted, or refused with the file's name."""

from __future__ import annotations

import io
import os

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from facewarden.core.errors import BadInputError
from facewarden.data import photo
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
    monkeypatch.setattr(photo, "MAX_PIXELS", 1200)
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
