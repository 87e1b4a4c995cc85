"""What a file is by its name and first bytes: a HEIC picture, a video, or no file at all but a URL."""

from __future__ import annotations

import importlib.util
import re
from functools import lru_cache
from pathlib import Path

from facewarden.core.errors import BadInputError
from facewarden.data.text import printable

HEIC_SUFFIXES = frozenset({".heic", ".heif", ".hif", ".avif"})
_VIDEO = frozenset({".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv", ".3gp"})
_HEIC_BRANDS = (b"hei", b"hev", b"mif1", b"msf1", b"avif", b"avis")
_READ = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM", b"II*", b"MM\x00*")
_FRAMES = "facewarden score takes videos; elsewhere ffmpeg -i VIDEO -vf fps=1 FOLDER/%05d.png, then give the folder"
_CONVERT = (
    "pip install 'facewarden[heif]', or convert it: heif-convert PHOTO.heic PHOTO.jpg, or set the camera to the most "
    "compatible format"
)
_STORE = re.compile(r"(s3|gs|file):/+")
_URL = re.compile(r"https?:/+", re.IGNORECASE)  # a path has one of the two slashes left


def no_photo(source: str, head: bytes = b"") -> tuple[str, str] | None:
    """What is given where a photo is expected, and what to do: a URL, a video or a HEIC picture; None for the rest.

    Args:
        source: as typed, or a file's name.
        head: the first bytes of the file, which tell what a wrong suffix hides.
    """
    if _STORE.match(source):
        return "is a URL of a store", 'read it in shares: facewarden launch "purify URL --out URL", or score, or cloak'
    if _URL.match(source):
        return "is a URL, not a photo", "download it first: curl -O URL, then give the file"
    if head.startswith(_READ):  # whatever its suffix says
        return None
    brand, suffix = head[8:12] if head[4:8] == b"ftyp" else b"", Path(source).suffix.lower()
    if is_heic(head) or (suffix in HEIC_SUFFIXES and not brand):
        return None if reads_heic() else ("is a HEIC picture", _CONVERT)
    return ("is a video", _FRAMES) if brand or suffix in _VIDEO else None


def is_heic(head: bytes) -> bool:
    """Whether a file is a HEIC or AVIF picture by its first bytes."""
    return head[4:8] == b"ftyp" and head[8:12].startswith(_HEIC_BRANDS)


@lru_cache(maxsize=1)
def reads_heic() -> bool:
    """Whether HEIC pictures can be read: the extra `heif` is installed."""
    return importlib.util.find_spec("pillow_heif") is not None


def register_heic(head: bytes) -> bool:
    """Let Pillow open HEIC and AVIF from now on, where a file is one and the extra `heif` is installed.

    Args:
        head: its first bytes.

    Returns:
        Whether the file is one that can be opened now.
    """
    if not is_heic(head) or not reads_heic():
        return False
    import pillow_heif

    pillow_heif.register_heif_opener()
    return True


def first_bytes(path: Path) -> bytes:
    """The first bytes of a file, none where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(16)
    except (OSError, ValueError):
        return b""


def refuse_no_photo(source: str) -> None:
    """Refuse a URL, a video or a HEIC picture where photos are expected.

    Raises:
        BadInputError: with what to do about it.
    """
    found = no_photo(source)
    if found is not None:
        raise BadInputError(f"{printable(source)}: {found[0]}", hint=found[1])


def is_video(name: str) -> bool:
    """Whether a file is a video by its name."""
    return Path(name).suffix.lower() in _VIDEO
