"""Which files of a folder are photos, and what else lies there."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from facewarden.core.errors import BadInputError

PHOTO_SUFFIXES = {
    ".jpg", ".jpeg", ".jfif", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".pgm", ".ppm", ".pnm",
}  # fmt: skip


def photos_below(source: Path) -> list[Path]:
    """Photos of a folder at any depth, sorted, or the one photo given.

    Raises:
        BadInputError: neither, or a folder without photos.
    """
    if source.is_file():
        return [source]
    found = sorted(path for path in source.rglob("*") if path.suffix.lower() in PHOTO_SUFFIXES and path.is_file())
    if not found:
        what = "holds no photos" if source.is_dir() else "does not exist"
        raise BadInputError(f"{source}: {what}", hint=f"photos end in {', '.join(sorted(PHOTO_SUFFIXES))}")
    return found


def unread_below(folder: Path) -> dict[str, int]:
    """What of a folder is no photo that is read: sentence -> number; hidden files are nobody's photos."""
    found: Counter[str] = Counter()
    for path in folder.rglob("*"):
        if path.name.startswith("."):
            continue
        if path.is_symlink() and path.is_dir():
            found["link to a folder, not followed"] += 1
        elif path.is_symlink() and not path.exists():
            found["link that leads nowhere"] += 1
        elif path.is_dir():
            continue
        elif not path.is_file():
            found["no plain file"] += 1
        elif path.suffix.lower() not in PHOTO_SUFFIXES:
            found[f"not read: {path.suffix.lower() or 'a name without a suffix'}"] += 1
    return dict(found)
