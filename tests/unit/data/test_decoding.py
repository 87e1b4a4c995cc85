"""A decoder that hangs or crashes is ended with its process, and the file is named; ordinary photos start none."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facewarden.core.errors import BadInputError
from facewarden.core.guards.limits import LimitError
from facewarden.data import decoding
from facewarden.data.decoding import DecodingProcess, suspicion
from facewarden.data.photo import read_photo, why_unread
from facewarden.photos.folder import PhotoFolder
from facewarden.photos.reader import Unusable

NOISE = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)


@pytest.fixture(autouse=True)
def own_process() -> Iterator[None]:
    """No process of another test, and none left behind."""
    decoding._worker.cache_clear()
    yield
    worker = decoding._worker(os.getpid())
    assert worker is not None
    worker._end()
    decoding._worker.cache_clear()


def patched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    """Let every Python process that starts from here on have another decoder of TIFF; this one keeps its own."""
    (tmp_path / "site").mkdir()
    text = f"import os, signal, time\nfrom PIL import TiffImagePlugin\n\ndef load(self):\n    {body}\n\n"
    (tmp_path / "site" / "sitecustomize.py").write_text(text + "TiffImagePlugin.TiffImageFile.load = load\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"), prepend=os.pathsep)


def tiff(folder: Path, name: str = "a.tif") -> Path:
    folder.mkdir(exist_ok=True)
    Image.fromarray(NOISE).save(folder / name, compression="tiff_lzw")
    return folder / name


def test_a_decoder_that_hangs_is_ended_and_the_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    patched(tmp_path, monkeypatch, "time.sleep(600)")
    monkeypatch.setenv("FACEWARDEN_LIMIT_PICTURE_SECONDS", "0.5")
    path = tiff(tmp_path / "photos")
    Image.fromarray(NOISE).save(path.with_name("b.png"))
    started = time.monotonic()
    with pytest.raises(LimitError, match=r"a\.tif takes long to decode: .* seconds, the limit is 0\.5") as caught:
        read_photo(path)
    assert time.monotonic() - started < 10
    worker = decoding._worker(os.getpid())
    assert worker is not None
    assert worker._running is None  # ended, not left to sleep
    assert why_unread(path, caught.value) == "more than 0.5 s to decode"
    photos = PhotoFolder(tmp_path / "photos", out=tmp_path / "out")
    with pytest.raises(Unusable, match=r"^more than 0\.5 s to decode$"):
        photos.read(path)
    assert np.array_equal(photos.read(path.with_name("b.png")), NOISE)


def test_a_decoder_that_crashes_leaves_this_process_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    patched(tmp_path, monkeypatch, "os.kill(os.getpid(), signal.SIGSEGV)")
    with pytest.raises(BadInputError, match=r"a\.tif is damaged: its decoder crashed"):
        read_photo(tiff(tmp_path / "photos"))


def test_a_suspicious_picture_that_decodes_in_time_is_read_as_before_and_asked_for_once(tmp_path: Path) -> None:
    path = tiff(tmp_path)
    assert np.array_equal(read_photo(path), NOISE)
    worker = decoding._worker(os.getpid())
    assert worker is not None
    assert worker._running is not None
    first = worker._running.pid
    assert np.array_equal(read_photo(path), NOISE)
    assert len(worker._good) == 1
    tiff(tmp_path, "b.tif")
    read_photo(tmp_path / "b.tif")
    assert worker._running.pid == first  # one process for all of them


def test_a_damaged_picture_is_refused_as_without_the_process(tmp_path: Path) -> None:
    path = tiff(tmp_path)
    data = path.read_bytes()
    path.write_bytes(data[:8] + b"\xff" * 4000 + data[4008:])
    with pytest.raises(BadInputError, match="damaged or cut"):
        read_photo(path)


def test_the_process_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    path = tiff(tmp_path)
    script = (
        "import os, sys, time; from facewarden.data import decoding; from facewarden.data.photo import read_photo; "
        "read_photo(sys.argv[1]); print(decoding._worker(os.getpid())._running.pid, flush=True); time.sleep(600)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    parent = subprocess.Popen([sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE, env=environment)
    assert parent.stdout is not None
    worker = int(parent.stdout.readline())
    os.kill(worker, 0)
    parent.send_signal(signal.SIGKILL)
    parent.communicate()
    ends = time.monotonic() + 5
    while Path(f"/proc/{worker}").exists() and "Z" not in _state(worker) and time.monotonic() < ends:
        time.sleep(0.02)
    assert not Path(f"/proc/{worker}").exists() or "Z" in _state(worker)


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"


def opened(kind: str, shape: tuple[int, int] = (48, 64), **options: object) -> tuple[Image.Image, int]:
    buffer = io.BytesIO()
    tiled = np.resize(NOISE, (*shape, 3))
    Image.fromarray(tiled).save(buffer, kind, **options)
    return Image.open(buffer), len(buffer.getvalue())


def test_ordinary_photos_are_decoded_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DecodingProcess, "check", lambda *_: pytest.fail("a process was started"))
    for kind in ("JPEG", "PNG", "BMP", "GIF", "WEBP", "PPM"):
        path = tmp_path / f"a.{kind.lower()}"
        Image.fromarray(NOISE).save(path, kind)
        assert read_photo(path).shape == (48, 64, 3)
    Image.fromarray(NOISE).save(tmp_path / "p.jpg", progressive=True)
    Image.fromarray(NOISE).save(tmp_path / "raw.tif")
    assert read_photo(tmp_path / "p.jpg").shape == read_photo(tmp_path / "raw.tif").shape == (48, 64, 3)


def test_what_is_suspicious() -> None:
    image, size = opened("TIFF", compression="tiff_lzw")
    assert suspicion(image, size=size, scans=0) == "a compressed TIFF"
    image, size = opened("JPEG", (3000, 4000))
    assert not suspicion(image, size=size, scans=10)  # a progressive photo of 12 MP
    assert suspicion(image, size=size, scans=40) == "40 scans"
    white, buffer = Image.new("RGB", (4000, 3000), "white"), io.BytesIO()
    white.save(buffer, "JPEG")
    assert not suspicion(Image.open(buffer), size=len(buffer.getvalue()), scans=1)
    black = Image.new("L", (6000, 6000))
    black.save(buffer := io.BytesIO(), "PNG", optimize=True)
    assert suspicion(Image.open(buffer), size=len(buffer.getvalue()), scans=0).endswith("pixels a byte")
    frames = [Image.fromarray(NOISE), Image.fromarray(255 - NOISE)]
    frames[0].save(buffer := io.BytesIO(), "WEBP", save_all=True, append_images=frames[1:])
    assert suspicion(Image.open(buffer), size=len(buffer.getvalue()), scans=0) == "an animated WebP"
