"""A folder of photos that a verb changes: names, unusable photos with reasons, and notes."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from pathlib import Path

from facewarden.core.errors import BadInputError
from facewarden.core.files import remove_stale, write_text
from facewarden.core.guards.lock import hold
from facewarden.data.photo_files import photos_of, share_of_photos
from facewarden.data.text import printable
from facewarden.photos.reader import PhotoReader

_SKIPPED = "skipped: "


class PhotoFolder(PhotoReader):
    """The input folder of a verb, with counts and notes.

    Args:
        source: a photo or a folder of photos at any depth.
        out: another folder.

    Attributes:
        paths: the photos that the call works on, sorted.
        skipped: name and reason of every photo that is left out.

    Raises:
        BadInputError: no photos, or an output inside the input, or around it so that results would land inside.
    """

    def __init__(self, source: Path, *, out: Path) -> None:
        super().__init__(source if source.is_dir() else source.parent)
        listing = share_of_photos(photos_of(source), base=self.base)
        self.source, self.out, self.paths = source, out, listing.photos
        within = source.is_dir() and out.resolve().is_relative_to(self.base.resolve())
        if within or out.resolve() == self.base.resolve():
            raise BadInputError(f"{out} lies inside the input {self.base}", hint="choose an --out beside it")
        if source.is_dir():
            self._keep_apart(out)
        self.notes.update(listing.unread)
        self.skipped: list[tuple[str, str]] = []

    def _keep_apart(self, out: Path) -> None:
        """Refuse an output folder that contains the input if a result would be written among the originals."""
        base = self.base.resolve()
        for folder in {path.relative_to(self.base).parent for path in self.paths}:
            if (out / folder).resolve().is_relative_to(base):
                raise BadInputError(
                    f"results of {self.base / folder} would be written into the input, as {out / folder} lies in it",
                    hint="choose an --out beside the input, not around it",
                )

    def claim(self, mark: Path) -> None:
        """Reserve an output folder for this input folder: photos of two folders may have the same names.

        Args:
            mark: file in the output that remembers the folder, by a hash, since outputs may be published.

        Raises:
            BadInputError: another process writes there, it holds results of another folder, or cannot be written.
        """
        mine = hashlib.sha256(os.fsencode(self.base.resolve())).hexdigest()
        self._lock = hold(self.out)
        try:
            theirs = mark.read_text(encoding="ascii", errors="replace").strip() if mark.is_file() else mine
            mark.parent.mkdir(parents=True, exist_ok=True)
            if theirs == mine:
                remove_stale(mark.parent)
                write_text(mark, f"{mine}\n")
        except OSError as error:
            raise BadInputError(f"{mark}: cannot be written: {error}", hint="choose a writable --out") from error
        if theirs != mine:
            raise BadInputError(
                f"{self.out} holds results of another folder than {self.base}",
                hint=f"give every folder an --out of its own; if it is the same one and was moved, delete {mark}",
            )

    def leave_out(self, path: Path, reason: str) -> None:
        """Record a photo that is excluded."""
        self.skipped.append((printable(path.relative_to(self.base).as_posix()), reason))

    @property
    def counts(self) -> dict[str, int]:
        """Reason -> photos."""
        return dict(Counter(reason for _, reason in self.skipped))

    def rows(self) -> list[dict[str, str]]:
        """Rows of a table for the excluded photos: `source`, and `treatment` with the reason."""
        return [{"source": name, "treatment": f"{_SKIPPED}{reason}"} for name, reason in self.skipped]

    def nothing_done(self, done: str, *, manifest: Path) -> BadInputError:
        """Return the error for a call that produced no result.

        Args:
            done: what was to be done, "cloaked".
            manifest: the table, which names every photo.
        """
        reasons = ", ".join(f"{count} x {reason}" for reason, count in self.counts.items())
        hint = f"{manifest} names every photo"
        if "no face found" in self.counts:
            hint += "; folders of aligned square crops need --aligner precropped"
        return BadInputError(f"{self.source}: no photo could be {done}: {reasons}", hint=hint)
