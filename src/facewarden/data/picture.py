"""Open pictures of untrusted files: known formats, limits from the header, and a deadline while the file is read."""

from __future__ import annotations

import io
import mmap
import os
import re
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

from facewarden.core.guards.limits import check_limit, limit_of
from facewarden.data.decoding import check_decodes, suspicion
from facewarden.data.text import printable
from facewarden.data.video.file_kinds import first_bytes, register_heic

# Pillow opens many more formats; some of them start other programs or are rarely tested against hostile files.
FORMATS = ("JPEG", "PNG", "BMP", "GIF", "TIFF", "WEBP", "PPM")

_MARKER = re.compile(rb"\xff([\x01-\xcf\xda-\xfe]|\xd9)")  # of JPEG; 00 and D0 to D8 belong to the pixels
_SCAN, _END = 0xDA, 0xD9
_STRIPS, _TILES = 273, 324  # tags of a TIFF: where its pieces begin


@contextmanager
def open_picture(
    path: str | os.PathLike[str], *, formats: Sequence[str] = FORMATS, header: bool = False
) -> Iterator[Image.Image]:
    """Open a picture whose size, by its header, is within the limits; its pixels are not decoded yet.

    A suspicious one was decoded once by another process, which is ended when that takes too long.

    Args:
        path: the file.
        formats: names of Pillow's formats that are tried.
        header: only the header is read, so that the scans of a JPEG need not be counted.

    Raises:
        LimitError: its file, its pixels, or the scans of a JPEG are beyond a limit, or reading takes too long; also
            inside the block.
        OSError: it cannot be read.
        Exception: Pillow's decoders raise almost any type on damaged data.
    """
    name = printable(path)
    size = Path(path).stat().st_size
    check_limit("picture_bytes", size, what=name)
    largest = limit_of("picture_pixels")
    if Image.MAX_IMAGE_PIXELS is not None and largest > Image.MAX_IMAGE_PIXELS:
        Image.MAX_IMAGE_PIXELS = int(largest)  # somebody raised ours: Pillow's own must not stop before it
    wanted = [*formats, "HEIF", "AVIF"] if register_heic(first_bytes(Path(path))) else list(formats)
    with warnings.catch_warnings(), _TimedFile(path, name) as file:
        # Pillow warns of large pictures, odd EXIF and odd palettes; each is either handled or refused.
        warnings.simplefilter("ignore")
        with Image.open(file, formats=tuple(wanted)) as image:
            pixels = image.width * image.height
            check_limit("picture_pixels", pixels, what=f"{name} has {image.width} x {image.height} pixels")
            if not header:
                scans = 0
                if image.format in ("JPEG", "MPO"):
                    scans = _scans(path, most=limit_of("picture_scans") / max(pixels, 1), file=file)
                    check_limit("picture_scans", scans * pixels, what=f"{name}: {scans} scans of {pixels:,} pixels")
                elif image.format == "TIFF":
                    _check_tiff(image, path, pixels, name)
                if suspicion(image, size=size, scans=scans):
                    check_decodes(path, name)
                    file.restart()
            yield image


class _TimedFile(io.BufferedReader):
    """A file that cannot be read any more once the time for one picture is over."""

    def __init__(self, path: str | os.PathLike[str], name: str) -> None:
        super().__init__(io.FileIO(path))
        self._shown = name
        self._most = limit_of("picture_seconds")
        self.restart()

    def restart(self) -> None:
        """Count the time from now on."""
        self._started = time.monotonic()

    def check_time(self) -> None:
        """Refuse to go on when the time is over."""
        spent = time.monotonic() - self._started
        if spent > self._most:
            check_limit("picture_seconds", spent, what=f"{self._shown} takes long to decode")

    def read(self, size: int | None = -1, /) -> bytes:
        self.check_time()
        return super().read(size)


def _check_tiff(image: Image.Image, path: str | os.PathLike[str], pixels: int, name: str) -> None:
    """Refuse JPEG strips of many scans inside a TIFF, also where many strips are one and the same piece of the file."""
    if image.info.get("compression") not in ("jpeg", "tiff_jpeg"):
        return
    tags = getattr(image, "tag_v2", {})
    pieces = {*tags.get(_STRIPS, ()), *tags.get(_TILES, ())}
    with Path(path).open("rb") as plain, mmap.mmap(plain.fileno(), 0, access=mmap.ACCESS_READ) as data:
        scans = sum(1 for _ in re.finditer(b"\xff\xda", data))
    decoded = scans * pixels / max(len(pieces), 1)
    check_limit("picture_scans", decoded, what=f"{name}: {scans} scans in {len(pieces)} pieces of {pixels:,} pixels")


def _scans(path: str | os.PathLike[str], *, most: int | float, file: _TimedFile) -> int:
    """How many scans the first picture of a JPEG file has, counted until there are more than `most`."""
    count, place = 0, 2
    with Path(path).open("rb") as plain, mmap.mmap(plain.fileno(), 0, access=mmap.ACCESS_READ) as data:
        while (found := _MARKER.search(data, place)) is not None:
            code = found.group(1)[0]
            if code == _END:
                break
            count += code == _SCAN
            if count > most:
                break
            place = found.end() + int.from_bytes(data[found.end() : found.end() + 2], "big")
            file.check_time()
    return count
