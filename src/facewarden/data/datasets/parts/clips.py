"""Sets of clips: one folder a clip, in it one folder a modality, in it numbered frames."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import ClassVar

from facewarden.core.errors import BadInputError
from facewarden.core.labels import MODALITIES, Modality, Split
from facewarden.data.datasets.parts.captures import CaptureSet, Frame
from facewarden.data.datasets.parts.lists import ListRow, below
from facewarden.data.photo_files import PHOTO_SUFFIXES
from facewarden.data.text import natural, printable

Parts = tuple[str, ...]
Listing = Iterable[tuple[Parts, Mapping[Modality, Sequence[str]]]]
"""Clip folder, as components below the base -> file names of each modality's folder."""


@dataclass(frozen=True)
class Clip:
    """Properties of a clip that its folder's name contains.

    Attributes:
        video: the clip, unique in the set.
        subject: whose face is shown.
        label: 1 = bona fide, 0 = attack presentation.
        species: one of `facewarden.core.labels.ALL_SPECIES`.
        group: what the set calls its kind of attack.
        split: where the set's rule puts it; None leaves it out of the rule.
        frames: how many frames the rule takes.
        session, environment, attributes: as in `Frame`.
    """

    video: str
    subject: str
    label: int
    species: str
    group: str
    split: Split | None
    frames: int = 3
    session: str | None = None
    environment: str | None = None
    attributes: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


class ClipSet(CaptureSet):
    """A set of clip folders; subclasses name their folders and read a clip's name.

    Attributes:
        folders: the folder of each modality inside a clip.
        heads: the first folders of the layout, which mark where a path of a list begins.
        outer: names of the folder that holds them.
    """

    folders: ClassVar[Mapping[Modality, str]] = MappingProxyType({"rgb": "color", "depth": "depth", "infrared": "ir"})
    heads: ClassVar[tuple[str, ...]]
    outer: ClassVar[tuple[str, ...]]

    @abstractmethod
    def clip_of(self, parts: Parts) -> Clip | None:
        """Return what a clip's folder tells, given as components below the base; None for one that is not used.

        Raises:
            BadInputError: a name that is not of the layout.
        """

    @abstractmethod
    def _clip_folders(self) -> Iterator[Path]:
        """Yield the folders of all clips."""

    def frames_by_rule(self) -> Iterator[Frame]:
        """Yield the frames that the set's own rule takes."""
        return self.select(self._listing())

    def select(self, listing: Listing) -> Iterator[Frame]:
        """Apply the rule to file names alone.

        Only frames that all modalities have are taken, so that no two moments are paired; of a clip without one, the
        modalities that are there.
        """
        unpaired = 0
        empty: list[str] = []
        for parts, names in listing:
            clip = self.clip_of(parts)
            if clip is None or clip.split is None:
                continue
            by_number = {
                name: {PurePosixPath(file).stem: file for file in files} for name, files in names.items() if files
            }
            common = set.intersection(*map(set, by_number.values())) if by_number else set[str]()
            if not common:
                empty.append("/".join(parts))
            if not by_number:
                continue
            unpaired += len(set.union(*map(set, by_number.values())) - common)
            for number in self.choose(sorted(common, key=natural), clip.frames):
                paths = {
                    name: "/".join((*parts, self.folders[name], files[number])) for name, files in by_number.items()
                }
                yield frame_of(clip, number, clip.split, paths)
        if unpaired:
            self.note(f"frame numbers that some modality of their clip lacks, not used: {unpaired}")
        if empty:
            self.note(f"clips without a frame that all their sensors have, not used: {len(empty)}, first {empty[0]}")

    def choose(self, numbers: Sequence[str], count: int) -> list[str]:
        """Return which frames of a clip the rule takes, given sorted: evenly spread, a short clip's ones repeatedly."""
        return [numbers[(2 * place + 1) * len(numbers) // (2 * count)] for place in range(count)] if numbers else []

    def frame_of_row(self, row: ListRow, split: Split) -> Frame:
        """Return the frame that a row names; with one path, the others are its neighbors in the clip's folders."""
        rgb = below(row.names[0], self.heads)
        if len(rgb) < 3 or rgb[-2] != self.folders["rgb"]:
            raise BadInputError(
                f"{row.names[0]!r} is no color image of {self.name}", hint=f"…/CLIP/{self.folders['rgb']}/FRAME.jpg"
            )
        clip = self.clip_of(rgb[:-2])
        if clip is None:
            raise BadInputError(f"{row.names[0]!r} is of a part of {self.name} that is not used", hint=self.summary)
        if len(row.names) == 1:
            names = {name: (*rgb[:-2], folder, rgb[-1]) for name, folder in self.folders.items()}
        else:
            names = {name: below(text, self.heads) for name, text in zip(MODALITIES, row.names, strict=True)}
            for name, parts in names.items():
                self._check_folder(name, parts, row)
        paths: dict[Modality, str] = {name: "/".join(parts) for name, parts in names.items()}
        if len({PurePosixPath(path).stem for path in paths.values()}) > 1:
            self.note("some rows of the lists pair frames of different numbers")
        return frame_of(clip, PurePosixPath(rgb[-1]).stem, split, paths)

    def _check_folder(self, name: Modality, parts: Parts, row: ListRow) -> None:
        wanted = self.folders[name]
        # siblings such as depth_nb hold the same frames without their black borders
        if len(parts) < 2 or parts[-2].removesuffix("_nb") != wanted:
            raise BadInputError(
                f"{'/'.join(parts)!r} stands where {name} should be", hint=f"columns are rgb depth ir; …/{wanted}/…"
            )

    def _listing(self) -> Iterator[tuple[Parts, Mapping[Modality, Sequence[str]]]]:
        for folder in self._clip_folders():
            parts = folder.relative_to(self.base).parts
            yield parts, {name: picture_names(folder / inner) for name, inner in self.folders.items()}

    def _base(self) -> Path:
        for folder in (self.root, *(self.root / name for name in self.outer)):
            if any((folder / head).is_dir() for head in self.heads):
                return folder
        if self.root.name in self.heads:
            return self.root.parent
        raise BadInputError(
            f"{printable(self.root)}: not the layout of {self.name}", hint=f"it holds {' and '.join(self.heads)}"
        )


def frame_of(clip: Clip, number: str, split: Split, paths: Mapping[Modality, str]) -> Frame:
    """One frame of a clip as a row of a manifest."""
    return Frame(
        video=clip.video, number=number, split=split, label=clip.label, species=clip.species, subject=clip.subject,
        group=clip.group, paths=paths, session=clip.session, environment=clip.environment, attributes=clip.attributes,
    )  # fmt: skip


def picture_names(folder: Path) -> list[str]:
    """Names of the pictures in a folder, the last one first; nothing where there is no folder."""
    if not folder.is_dir():
        return []
    # sorted: of two files of one number the same one is taken on every machine
    found = sorted(folder.iterdir(), reverse=True)
    return [path.name for path in found if path.suffix.lower() in PHOTO_SUFFIXES and path.name[0] != "."]


def subfolders(folder: Path) -> list[Path]:
    """Folders inside one, in a fixed order; none where it is not there."""
    if not folder.is_dir():
        return []
    folders = (path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    return sorted(folders, key=lambda path: natural(path.name))
