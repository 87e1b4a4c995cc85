"""Pictures of the fuzz corpus: damaged, lying, odd and whole ones, read as photos and as depth."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from fuzz.case import DAMAGES, Family, FuzzInput, Wants, damaged, one
from fuzz.picture_reading import read_everywhere

SUFFIXES = {"JPEG": ".jpg", "PNG": ".png", "BMP": ".bmp", "GIF": ".gif", "TIFF": ".tif", "WEBP": ".webp", "PPM": ".ppm"}


def pixels(rng: np.random.Generator, mode: str = "RGB", *, largest: int = 96) -> Image.Image:
    """A small smooth picture of random colors and sides."""
    small = Image.fromarray(rng.integers(0, 256, (6, 5, 3), dtype=np.uint8))
    width, height = (int(side) for side in rng.integers(4, largest + 1, 2))
    return small.resize((width, height), Image.Resampling.BICUBIC).convert(mode)


def encoded(picture: Image.Image, form: str, **options: Any) -> bytes:
    """A picture as the bytes of a file."""
    buffer = io.BytesIO()
    picture.save(buffer, format=form, **options)
    return buffer.getvalue()


def whole(rng: np.random.Generator) -> tuple[bytes, str]:
    """Bytes of a whole picture of any format, with its suffix."""
    form = one(rng, list(SUFFIXES))
    options: dict[str, Any] = {}
    if form == "JPEG":
        options = {"quality": int(rng.integers(10, 96)), "progressive": bool(rng.integers(2))}
    elif form == "TIFF":
        options = {"compression": one(rng, ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"])}
    elif form == "WEBP":
        options = {"lossless": bool(rng.integers(2))}
    mode = one(rng, ["RGB", "L"]) if form != "GIF" else "P"
    return encoded(pixels(rng, mode), form, **options), SUFFIXES[form]


def laid(
    folder: Path, data: bytes, suffix: str, wants: Wants = "any", *, name: str = "photo", once: bool = False
) -> FuzzInput:
    """Write a picture into a person's folder; what takes seconds is read once, not by every reader."""
    from facewarden.data.photo import read_photo

    path = folder / "person" / f"{name}{suffix}"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    return FuzzInput(lambda: read_photo(path) if once else read_everywhere(path), (path.name,), wants)


def _damaged(how: str, rng: np.random.Generator, folder: Path) -> FuzzInput:
    data, suffix = whole(rng)
    if how == "random":
        heads = [data[: int(rng.integers(1, 32))], b""]
        return laid(folder, one(rng, heads) + damaged(rng, data, how), suffix, "refused" if heads == [b""] else "any")
    return laid(folder, damaged(rng, data, how), suffix)


def _wrong_suffix(rng: np.random.Generator, folder: Path) -> FuzzInput:
    suffixes = [*SUFFIXES.values(), ".jpeg", ".PNG", ".pgm", ".jfif", ".TIFF"]
    return laid(folder, whole(rng)[0], one(rng, suffixes), "read")


def _huge_declared(rng: np.random.Generator, folder: Path) -> FuzzInput:
    width, height = (int(2 ** rng.uniform(14, 15.9)) for _ in range(2))
    form = one(rng, ["PNG", "BMP", "GIF", "JPEG", "PPM"])
    if form == "PPM":
        return laid(folder, f"P6 {width} {height} 255\n".encode() + rng.bytes(99), ".ppm", "refused")
    data = bytearray(encoded(pixels(rng, "P" if form == "GIF" else "RGB"), form))
    if form == "PNG":
        data[16:24] = struct.pack(">II", width, height)
        data[29:33] = struct.pack(">I", zlib.crc32(bytes(data[12:29])))
    elif form == "BMP":
        data[18:26] = struct.pack("<ii", width, one(rng, [height, -height]))
    elif form == "GIF":
        data[6:10] = struct.pack("<HH", width, height)
    else:
        place = data.index(b"\xff\xc0") + 5
        data[place : place + 4] = struct.pack(">HH", height, width)
    return laid(folder, bytes(data), SUFFIXES[form], "refused")


def _large(rng: np.random.Generator, folder: Path) -> FuzzInput:
    """Some are close to the limit of pixels; those are read once, each takes seconds."""
    largest = rng.random() < 0.05
    side = int(rng.integers(6000, 7000)) if largest else int(rng.integers(200, 900))
    mode = one(rng, ["L", "RGB", "RGBA", "1", "P"])
    data = encoded(Image.new(mode, (side, side)), "PNG", compress_level=1)
    return laid(folder, data, ".png", "read", once=largest)


def _animated(rng: np.random.Generator, folder: Path) -> FuzzInput:
    form = one(rng, ["GIF", "PNG", "WEBP", "TIFF"])
    first = pixels(rng)
    more = [pixels(rng).resize(first.size) for _ in range(int(rng.integers(1, 8)))]
    options: dict[str, Any] = {} if form == "TIFF" else {"duration": int(rng.integers(1, 500)), "loop": 0}
    return laid(folder, encoded(first, form, save_all=True, append_images=more, **options), SUFFIXES[form], "read")


def _sixteen_bit(rng: np.random.Generator, folder: Path) -> FuzzInput:
    height, width = rng.integers(2, 60, 2)
    deep = rng.integers(0, 65536, (height, width), dtype=np.uint16)
    form = one(rng, ["PNG", "TIFF", "PPM"])
    return laid(folder, encoded(Image.fromarray(deep), form), ".pgm" if form == "PPM" else SUFFIXES[form], "read")


def _unusual_mode(rng: np.random.Generator, folder: Path) -> FuzzInput:
    mode, form = one(
        rng,
        [("CMYK", "JPEG"), ("CMYK", "TIFF"), ("P", "PNG"), ("1", "PNG"), ("1", "TIFF"), ("LA", "PNG"), ("RGBA", "PNG"),
         ("RGBA", "WEBP"), ("RGBA", "TIFF"), ("YCbCr", "TIFF"), ("YCbCr", "JPEG"), ("P", "BMP"),
         ("1", "PPM")],
    )  # fmt: skip
    picture = pixels(rng, "RGB")
    picture = picture.convert(mode)
    options: dict[str, Any] = {}
    if mode == "P" and form == "PNG" and rng.random() < 0.5:
        options["transparency"] = int(rng.integers(256))
    if mode in ("LA", "RGBA"):
        picture.putalpha(pixels(rng, "L").resize(picture.size))
    return laid(folder, encoded(picture, form, **options), SUFFIXES[form], "read")


def _floating(rng: np.random.Generator, folder: Path) -> FuzzInput:
    values = rng.normal(0, 1e3, (9, 8)).astype(one(rng, [np.float32, np.int32]))
    return laid(folder, encoded(Image.fromarray(values), "TIFF"), ".tif", "refused")


def _exif(rng: np.random.Generator, folder: Path) -> FuzzInput:
    form = one(rng, ["JPEG", "PNG", "WEBP"])
    kept = Image.Exif()
    kept[0x0112] = int(rng.integers(0, 12))
    kept[0x010E] = "x" * int(rng.integers(1, 200))
    kept[0x8825] = {1: "N", 2: (1.0, 2.0, 3.0)}
    held = kept.tobytes()
    how = one(rng, [*DAMAGES, "whole"])
    garbage = held if how == "whole" else b"Exif\x00\x00" + damaged(rng, held[6:], how)
    return laid(folder, encoded(pixels(rng), form, exif=garbage), SUFFIXES[form], "read")


def _profile(rng: np.random.Generator, folder: Path) -> FuzzInput:
    form = one(rng, ["JPEG", "PNG", "WEBP", "TIFF"])
    size = one(rng, [0, 1, 127, 128, 4000, 70_000, 1_500_000])
    profile = rng.bytes(size) if rng.random() < 0.5 else b"\x00" * 16 + b"RGB XYZ " + b"\x00" * size
    return laid(folder, encoded(pixels(rng), form, icc_profile=profile), SUFFIXES[form])


def _polyglot(rng: np.random.Generator, folder: Path) -> FuzzInput:
    data, suffix = whole(rng)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.txt", rng.bytes(50))
    before = one(rng, [b"", b"%PDF-1.7\n", b"<script>", b"\x00" * 40, b"#!/bin/sh\n", b"PK\x03\x04"])
    return laid(folder, before + data + packed.getvalue(), suffix, "any" if before else "read")


def _scans(rng: np.random.Generator, folder: Path) -> FuzzInput:
    """A progressive JPEG whose last scan stands hundreds of times; each decodes the whole picture."""
    large = rng.random() < 0.03
    side = 1500 if large else int(rng.integers(16, 200))
    noise = rng.integers(0, 256, (side, side, 3), dtype=np.uint8)  # what takes longest to decode
    data = encoded(Image.fromarray(noise), "JPEG", progressive=True, quality=60)
    last = data.rindex(b"\xff\xda")
    return laid(folder, data[:last] + data[last:-2] * int(rng.integers(2, 400)) + b"\xff\xd9", ".jpg", once=large)


def _text(rng: np.random.Generator, folder: Path) -> FuzzInput:
    texts = [b"", b" ", b"hello", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"<html>", b"{}", b"key,label\n1,1\n"]
    texts += [b"\xef\xbb\xbftext", b"P", b"P6", b"P6\n", b"GIF89a", b"BM", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"]
    return laid(folder, one(rng, texts), one(rng, list(SUFFIXES.values())), "refused")


def _other_format(rng: np.random.Generator, folder: Path) -> FuzzInput:
    heads = [
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        b"8BPS\x00\x01",
        b"\x00\x00\x00\x18ftypheic",
        b"RIFF",
    ]
    heads += [b"\x00\x00\x00\x18ftypavif", b"\x00\x00\x00\x18ftypisom", b"SIMPLE  =", b"DDS |", b"\xd7\xcd\xc6\x9a"]
    written = [encoded(pixels(rng), form) for form in ("ICO", "TGA", "PCX", "SGI", "DIB")]
    data = one(rng, [*written, *(head + rng.bytes(200) for head in heads)])
    return laid(folder, data, one(rng, list(SUFFIXES.values())), "refused")


def _chunks(rng: np.random.Generator, folder: Path) -> FuzzInput:
    """A PNG with chunks that repeat, change places, inflate to much, or have the wrong sum."""
    data = encoded(pixels(rng), "PNG")
    chunks, place = [], 8
    while place < len(data):
        (size,) = struct.unpack(">I", data[place : place + 4])
        chunks.append(data[place : place + 12 + size])
        place += 12 + size
    bomb = zlib.compress(b"\x00" * one(rng, [10_000, 10_000_000]), 9)
    extra = [(b"zTXt", b"a\x00\x00" + bomb), (b"iTXt", b"a\x00\x01\x00\x00\x00" + bomb), (b"iCCP", b"a\x00\x00" + bomb),
             (b"IDAT", bomb), (b"PLTE", rng.bytes(9)), (b"tRNS", rng.bytes(7)), (b"eXIf", rng.bytes(30)),
             (b"acTL", rng.bytes(8)), (b"IHDR", rng.bytes(13)), (b"gAMA", rng.bytes(4)), (b"abcd", b"")]  # fmt: skip
    for _ in range(int(rng.integers(1, 4))):
        name, content = one(rng, extra)
        total = zlib.crc32(name + content) ^ int(rng.random() < 0.2)
        made = struct.pack(">I", len(content)) + name + content + struct.pack(">I", total)
        chunks.insert(int(rng.integers(1, len(chunks) + 1)), made)
    if rng.random() < 0.2:
        rng.shuffle(chunks)
    return laid(folder, data[:8] + b"".join(chunks), ".png")


def _tiff(rng: np.random.Generator, folder: Path) -> FuzzInput:
    """A TIFF whose tags have random numbers, counts and values, or whose directories lead in a circle."""
    data = bytearray(encoded(pixels(rng), "TIFF", compression=one(rng, ["raw", "tiff_lzw", "tiff_adobe_deflate"])))
    (place,) = struct.unpack("<I", data[4:8])
    (count,) = struct.unpack("<H", data[place : place + 2])
    for _ in range(int(rng.integers(1, 6))):
        tag = place + 2 + 12 * int(rng.integers(count))
        start = tag + one(rng, [0, 2, 4, 8])
        data[start : start + 4] = struct.pack("<I", one(rng, [0, 1, 7, 255, 65535, 2**31, 2**32 - 1, place]))
    if rng.random() < 0.3:
        data[place + 2 + 12 * count : place + 6 + 12 * count] = struct.pack("<I", place)
    return laid(folder, bytes(data), ".tif")


def _numbers_of_header(rng: np.random.Generator, folder: Path) -> FuzzInput:
    """A PNM file with odd numbers, or a BMP, GIF or WebP file whose sizes and offsets are replaced."""
    if rng.random() < 0.4:
        words = ["0", "-1", "1", "2", "255", "256", "65535", "70000", "1e3", "x", "#c\n3", "9" * 400, ""]
        head = f"P{one(rng, '123456789')} {' '.join(one(rng, words) for _ in range(3))}\n"
        return laid(folder, head.encode() + rng.bytes(int(rng.integers(0, 90))), ".ppm")
    form = one(rng, ["BMP", "GIF", "WEBP"])
    data = bytearray(encoded(pixels(rng, "P" if form == "GIF" else "RGB"), form))
    for _ in range(int(rng.integers(1, 5))):
        place = int(rng.integers(4, 50))
        data[place : place + 4] = struct.pack("<I", one(rng, [0, 1, 4, 40, 0xFF, 2**31 - 1, 2**32 - 1]))
    return laid(folder, bytes(data), SUFFIXES[form])


def _thin(rng: np.random.Generator, folder: Path) -> FuzzInput:
    size = one(rng, [(1, 1), (1, 5000), (5000, 1), (2, 1), (1, 2), (60_000, 1)])
    form = one(rng, ["PNG", "JPEG", "BMP", "TIFF", "PPM"])
    return laid(folder, encoded(Image.new("RGB", size, (9, 99, 200)), form), SUFFIXES[form], "read")


def _name(rng: np.random.Generator, folder: Path) -> FuzzInput:
    """A whole picture with an unusual name, which is printed as `printable` shows it."""
    from facewarden.data.text import printable

    names = ["a b", "\x1b[2Jx", "x\ny", "x\ry", "\u202egpj", "ü" * 100, "é\u0301", "=1+1", "-rf", "%s{0}", "a;b|c`d"]
    names += ["'\"", "\udcff\udcfe", "CON", "~", "*?[a]", "x#y:0", "a.npz#b", " ", "\u200b", "\U0001f600"]
    name, (data, suffix) = one(rng, names), whole(rng)
    made = laid(folder, data, suffix, "read", name=name)
    return FuzzInput(made.read, [printable(f"{name}{suffix}")], made.wants)


def _no_file(rng: np.random.Generator, folder: Path) -> FuzzInput:
    """Something else than a file that is named like a picture; reading a pipe would wait for ever."""
    import os

    path = folder / "person" / f"photo{one(rng, list(SUFFIXES.values()))}"
    path.parent.mkdir()
    makers: list[Callable[[], Any]] = [
        path.mkdir, lambda: os.mkfifo(path), lambda: path.symlink_to("nowhere"), lambda: path.symlink_to(path.name),
        lambda: path.symlink_to("/dev/zero"), lambda: path.symlink_to(".."), lambda: path.symlink_to("/dev/null"),
    ]  # fmt: skip
    one(rng, makers)()
    return FuzzInput(lambda: read_everywhere(path), (path.name,), "refused")


FAMILIES: dict[str, Family] = {
    **{how: partial(_damaged, how) for how in DAMAGES},
    "wrong suffix": _wrong_suffix,
    "huge sizes declared": _huge_declared,
    "large": _large,
    "animated": _animated,
    "16 bit": _sixteen_bit,
    "CMYK, palette, transparency": _unusual_mode,
    "32 bit": _floating,
    "EXIF": _exif,
    "color profile": _profile,
    "polyglot": _polyglot,
    "many scans": _scans,
    "empty or text": _text,
    "other format": _other_format,
    "PNG chunks": _chunks,
    "TIFF tags": _tiff,
    "numbers of the header": _numbers_of_header,
    "one pixel high or wide": _thin,
    "file names": _name,
    "no file": _no_file,
}
