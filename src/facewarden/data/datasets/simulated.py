"""The bona fide captures of a manifest as face photos, with their landmarks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from facewarden.data.datasets.parts.base import Dataset, FacePhoto
from facewarden.data.datasets.parts.example import write_pictures
from facewarden.data.manifest import Manifest, Sample


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

    @classmethod
    def example(cls, folder: Path) -> Simulated:
        """Return a tiny set whose files are written into a folder."""
        write_pictures(folder, ["a.png", "b.png", "c.png"])
        rows = (
            Sample("a", "test", 1, "bona_fide", "first", "lab", rgb="a.png", simulated=True),
            Sample("b", "test", 0, "print_flat", "first", "lab", rgb="b.png", simulated=True),
            Sample("c", "test", 1, "bona_fide", "second", "lab", rgb="c.png", simulated=True),
        )
        Manifest(rows, root=folder, name="example").write(folder / "manifest.csv")
        return cls(folder)

    def attributes(self) -> Mapping[str, Mapping[str, str]]:
        """What the columns `attr_NAME` say of each subject, where all its captures agree."""
        found: dict[str, dict[str, set[str]]] = {}
        for sample in self._manifest.where(label=1):
            for name, value in sample.attributes.items():
                found.setdefault(sample.subject, {}).setdefault(name, set()).add(value)
        return {
            who: {name: next(iter(values)) for name, values in held.items() if len(values) == 1}
            for who, held in found.items()
        }

    def _photos(self) -> Iterator[FacePhoto]:
        for sample in self._manifest.where(label=1):
            if sample.rgb is not None:
                yield FacePhoto(self._manifest.root / sample.rgb, sample.subject, sample.key, sample.landmarks)


entry = Simulated
