"""The bona fide captures of a manifest as face photos, with their landmarks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from facewarden.data.datasets._base import Dataset, FacePhoto
from facewarden.data.manifest import Manifest


class Simulated(Dataset):
    """The color images of the rows with label 1; attack presentations show a face too, but not the one that is there.

    Args:
        path: a manifest, or the folder of one. Its rows tell whether they were rendered.
    """

    summary = "bona fide captures of a manifest, as facewarden simulate writes it; simulated:PATH"

    def __init__(self, path: Path | None = None) -> None:
        super().__init__(path)
        self._manifest = Manifest.read(self.root)
        self.simulated = self._manifest.simulated

    @property
    def name(self) -> str:
        """The manifest's name."""
        return self._manifest.name

    def _photos(self) -> Iterator[FacePhoto]:
        for sample in self._manifest.where(label=1):
            if sample.rgb is not None:
                yield FacePhoto(self._manifest.root / sample.rgb, sample.subject, sample.key, sample.landmarks)


entry = Simulated
