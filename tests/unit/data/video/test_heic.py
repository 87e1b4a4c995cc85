"""HEIC and AVIF: read with the extra, refused with a hint without it, and decoded by another process first."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facewarden.core.errors import BadInputError
from facewarden.data import picture
from facewarden.data.photo import read_photo, upright_size
from facewarden.data.photo_files import list_photos, photos_of

pillow_heif = pytest.importorskip("pillow_heif")


def write(path: Path, form: str) -> Path:
    """A picture that is red at the left and blue at the right."""
    pillow_heif.register_heif_opener()
    pixels = np.zeros((48, 64, 3), np.uint8)
    pixels[:, :32, 0], pixels[:, 32:, 2] = 200, 200
    Image.fromarray(pixels).save(path, form)
    return path


@pytest.mark.parametrize(("name", "form"), [("a.heic", "HEIF"), ("a.avif", "AVIF"), ("renamed.jpg", "HEIF")])
def test_pixels_come_back(tmp_path: Path, name: str, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / name, form)
    decoded: list[str] = []
    monkeypatch.setattr(picture, "check_decodes", lambda path, name: decoded.append(name))
    pixels = read_photo(path)
    assert pixels.shape == (48, 64, 3)
    assert pixels[24, 10].tolist() == pytest.approx([200, 0, 0], abs=25)
    assert pixels[24, 54].tolist() == pytest.approx([0, 0, 200], abs=25)
    assert len(decoded) == 1  # another process tries it first
    assert upright_size(path) == (64, 48)
    assert list_photos(tmp_path).photos == (path,)


def test_it_is_decoded_by_the_process_that_can_be_ended(tmp_path: Path) -> None:
    assert read_photo(write(tmp_path / "a.heic", "HEIF")).shape == (48, 64, 3)


def test_a_damaged_one_is_refused_in_words(tmp_path: Path) -> None:
    path = write(tmp_path / "a.heic", "HEIF")
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(BadInputError, match=r"a\.heic"):
        read_photo(path)


def test_without_the_extra_there_is_a_hint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.heic", "HEIF")
    monkeypatch.setattr("facewarden.data.video.file_kinds.reads_heic", lambda: False)
    with pytest.raises(BadInputError, match="is a HEIC picture") as error:
        photos_of(path)
    assert "facewarden[heif]" in error.value.hint
