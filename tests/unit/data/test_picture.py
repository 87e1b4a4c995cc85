"""Pictures that are small on the disk and large in memory or time: refused from header, scans, and the clock."""

from __future__ import annotations

import io
import struct
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facewarden.core.errors import BadInputError
from facewarden.core.guards.limits import LimitError
from facewarden.data import picture
from facewarden.data.photo import read_photo, why_unread
from facewarden.photos.folder import PhotoFolder
from facewarden.photos.reader import Unusable

NOISE = np.random.default_rng(0).integers(0, 256, (96, 128, 3), dtype=np.uint8)


def jpeg(*, progressive: bool) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(NOISE).save(buffer, "JPEG", progressive=progressive, quality=95)
    return buffer.getvalue()


def many_scans(count: int) -> bytes:
    """A progressive JPEG whose last scan is there many times."""
    data = jpeg(progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * count + data[-2:]


def test_a_jpeg_of_many_scans_is_refused_before_it_is_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(many_scans(400))
    monkeypatch.setenv("FACEWARDEN_LIMIT_PICTURE_SCANS", str(100 * 96 * 128))
    monkeypatch.setattr(Image.Image, "load", lambda *_: pytest.fail("the picture was decoded"))
    with pytest.raises(LimitError, match=r"a\.jpg: 101 scans of 12,288 pixels") as caught:
        read_photo(path)
    assert why_unread(path, caught.value) == "a JPEG of too many scans for its size"


def test_scans_of_the_picture_alone_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACEWARDEN_LIMIT_PICTURE_SCANS", str(96 * 128))
    thumb = b"\xff\xda" * 50
    data = jpeg(progressive=False)
    with_thumb = data[:2] + b"\xff\xe5" + struct.pack(">H", 2 + len(thumb)) + thumb + data[2:] + thumb
    path = tmp_path / "a.jpg"
    path.write_bytes(with_thumb)
    assert read_photo(path).shape == (96, 128, 3)


def test_a_picture_that_takes_too_long_is_left_out_of_a_folder_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "photos").mkdir()
    path = tmp_path / "photos" / "a.gif"
    frames = [Image.new("L", (8, 8), value) for value in range(50)]
    frames[0].save(path, save_all=True, append_images=frames[1:])
    moments = iter(range(0, 10**6, 5))
    monkeypatch.setattr(picture.time, "monotonic", lambda: float(next(moments)))
    folder = PhotoFolder(tmp_path / "photos", out=tmp_path / "out")
    with pytest.raises(Unusable, match="more than 20 s to decode"):
        folder.read(path)


def _endless_tiff() -> bytes:
    head = b"II*\x00" + struct.pack("<I", 8)
    entries = [(256, 3, 1, 8), (257, 3, 1, 8), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (273, 4, 1, 0),
               (278, 3, 1, 8), (279, 4, 1, 64)]  # fmt: skip
    first = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *entry) for entry in entries)
    place = 8 + len(first) + 4
    size = len(first) + 4
    more = b"".join(first + struct.pack("<I", place + size * (number + 1)) for number in range(20_000))
    return head + first + struct.pack("<I", place) + more + first + struct.pack("<I", 0)


@pytest.mark.parametrize("make", [_endless_tiff], ids=["a TIFF of 20,000 frames"])
def test_frames_without_end_end_in_time(
    tmp_path: Path, make: Callable[[], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FACEWARDEN_LIMIT_PICTURE_SECONDS", "0.1")
    path = tmp_path / "a.tif"
    path.write_bytes(make())
    started = time.monotonic()
    with pytest.raises(LimitError, match=r"seconds, the limit is 0\.1"):
        read_photo(path)
    assert time.monotonic() - started < 3


def test_a_large_file_is_refused_by_its_size(tmp_path: Path) -> None:
    path = tmp_path / "a.ppm"
    with path.open("wb") as file:
        file.write(b"P6 10 10 255\n")
        file.truncate(2**40)
    with pytest.raises(LimitError, match="bytes, the limit is 536,870,912") as caught:
        read_photo(path)
    assert why_unread(path, caught.value) == "a file of more than 512 MiB"


def test_more_pixels_are_read_where_somebody_raised_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.pgm"
    path.write_bytes(b"P5 20000 20000 255\n")
    with pytest.raises(LimitError, match="pixels, the limit is 50,000,000"):
        read_photo(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", Image.MAX_IMAGE_PIXELS)
    monkeypatch.setenv("FACEWARDEN_LIMIT_PICTURE_PIXELS", "400000000")
    with pytest.raises(BadInputError, match="damaged or cut"):  # only its header is there
        read_photo(path)


def test_jpeg_strips_of_many_scans_in_a_tiff_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.tif"
    Image.fromarray(NOISE).save(path, compression="jpeg")
    monkeypatch.setenv("FACEWARDEN_LIMIT_PICTURE_SCANS", str(4 * 96 * 128))
    assert read_photo(path).shape == (96, 128, 3)
    path.write_bytes(path.read_bytes() + b"\xff\xda" * 40)
    with pytest.raises(LimitError, match="scans in"):
        read_photo(path)
