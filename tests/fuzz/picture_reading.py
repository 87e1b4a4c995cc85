"""Everything that facewarden does with the picture of a person's folder, compared with itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fuzz.case import DroppedError, WrongError


def read_everywhere(path: Path) -> None:
    """Read a photo, write it with other pixels, and look at its folder as `data check` does.

    Raises:
        FacewardenError: it cannot be read; with its name.
        DroppedError: the walk of folders or the check passes over it.
        WrongError: what was written differs, or is not what was to be written.
    """
    from facewarden.core.errors import FacewardenError
    from facewarden.data.checking.check import check
    from facewarden.data.photo import read_photo
    from facewarden.data.photo_files import list_photos

    root = path.parent.parent
    listing = list_photos(root)
    if path not in listing.photos and not listing.unread and not (path.is_dir() and not path.is_symlink()):
        raise DroppedError(f"{path.name} is neither a photo nor counted as something else")
    try:
        found = read_photo(path)
    except FacewardenError:
        found = None
    if path in listing.photos:
        report = check(root)
        if report.ok != (found is not None):
            raise DroppedError(f"data check: {report.lines()} of a photo that {'is' if found is None else 'was'} read")
    _depth(path)
    if found is None:
        read_photo(path)  # raises again, with its reason
        return
    if found.dtype != np.uint8 or found.ndim != 3 or found.shape[2] != 3 or 0 in found.shape:
        raise WrongError(f"read as {found.dtype} of {found.shape}")
    _write(path, found, root.with_name(f"{root.name}-changed.png"))


def _depth(path: Path) -> None:
    """Read it as depth, which most pictures are not; a refusal names the file."""
    from facewarden.core.errors import FacewardenError
    from facewarden.data.depth import read_depth
    from facewarden.data.text import printable

    try:
        depth = read_depth(path)
    except FacewardenError as error:
        if printable(path.name) not in str(error):
            raise
        return
    if depth.dtype != np.uint16 or depth.ndim != 2:
        raise WrongError(f"depth read as {depth.dtype} of {depth.shape}")


def _write(path: Path, found: np.ndarray, target: Path) -> None:
    from facewarden.data.photo import read_photo
    from facewarden.data.photo_change import write_changed

    before = path.stat().st_mtime_ns
    write_changed(path, found, target)
    try:
        again = read_photo(target)
    finally:
        target.unlink()
    if again.shape != found.shape or int(np.abs(again.astype(np.int16) - found).max()) > 3:
        raise WrongError(f"written unchanged and read again it differs: {again.shape} for {found.shape}")
    if path.stat().st_mtime_ns != before:
        raise WrongError("the original was changed")
