"""Throw-away set of captures: SPLIT/LABEL_PERSON_NUMBER, as an example of the smallest file that works."""

from __future__ import annotations

from collections.abc import Iterator

from facewarden.core.errors import BadInputError
from facewarden.core.labels import MODALITIES, SPLITS, Split
from facewarden.data.datasets.parts.captures import CaptureSet, Frame
from facewarden.data.datasets.parts.lists import ListRow
from facewarden.data.datasets.parts.twins import Shot, TwinWriter


class ThrowAwayTwin(TwinWriter):
    """Two bona fide frames and two of a print of every person, without defects."""

    def write(self) -> None:
        """Write the twin into its folder."""
        self.mark()
        for split, people in self.by_split().items():
            for person in people:
                for label, species in ((1, "bona_fide"), (0, "print_flat")):
                    where = f"{split}/{label}_{person}"
                    folders = {name: name for name in MODALITIES}
                    self.clip(where, folders, Shot(where, person, species, split), ("1", "2"))


class ThrowAwayCaptures(CaptureSet):
    """Captures whose folder names hold the split, the label and the person; every frame is read."""

    twin = ThrowAwayTwin
    summary = "train, dev and test with LABEL_PERSON folders in them; throw_away_captures:PATH"

    def frames_by_rule(self) -> Iterator[Frame]:
        """Yield every frame of every folder."""
        for split in SPLITS:
            for path in sorted((self.base / split).glob("[01]_*/rgb/*.jpg")):
                label, _, person = path.parent.parent.name.partition("_")
                yield self._frame(split, int(label), person, path.stem)

    def frame_of_row(self, row: ListRow, split: Split) -> Frame:
        """Return the frame that a row of a list names."""
        parts = row.names[0].split("/")
        if len(parts) != 4:
            raise BadInputError(f"{row.names[0]} is not of this set", hint="train/1_0/rgb/1.jpg")
        label, _, person = parts[1].partition("_")
        return self._frame(split, int(label), person, parts[3].removesuffix(".jpg"))

    def _frame(self, split: Split, label: int, person: str, number: str) -> Frame:
        where = f"{split}/{label}_{person}"
        species = "bona_fide" if label else "print_flat"
        paths = {name: f"{where}/{name}/{number}.jpg" for name in MODALITIES}
        return Frame(where, number, split, label, species, person, species.replace("_", " "), paths)


entry = ThrowAwayCaptures
