"""The contract of a published set of captures: a manifest, made by the set's own rule or from list files."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar, Literal, cast, final

from facewarden.core.errors import BadInputError
from facewarden.core.labels import BONA_FIDE, MODALITIES, DepthEncoding, Modality, Split
from facewarden.data.arrays import array_file
from facewarden.data.datasets.parts.lists import ListRow, read_list
from facewarden.data.datasets.parts.twins import MARK, TwinWriter, noise
from facewarden.data.manifest import Manifest
from facewarden.data.sample import Box, Sample
from facewarden.data.text import printable

Missing = Literal["refuse", "skip", "absent"]
NAMED = 5
"""How many files of a kind are named; the others are counted."""


@dataclass(frozen=True)
class Frame:
    """One frame of a published set as its layout describes it, before any check.

    Attributes:
        video: the clip or trial that it is from, unique in the set.
        number: of the frame in its clip, as the file name has it.
        split: where the set's rule or a list puts it.
        label: 1 = bona fide, 0 = attack presentation; None where the layout does not tell.
        species: one of `facewarden.core.labels.ALL_SPECIES`.
        subject: whose face is shown, unique in the set.
        group: what the set calls its kind of attack; "bona fide" without one.
        paths: modality -> file relative to the set's base, or a place inside an array file.
        session, environment: where the layout tells them.
        attributes: codes of the set worth keeping.
        illumination: one of `ILLUMINATIONS`, where the layout tells it.
        box: of the face, where the frame is more than the face.
        extra: further columns.
    """

    video: str
    number: str
    split: Split
    label: int | None
    species: str
    subject: str
    group: str
    paths: Mapping[Modality, str]
    session: str | None = None
    environment: str | None = None
    attributes: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    illumination: str | None = None
    box: Box | None = None
    extra: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


class CaptureSet(ABC):
    """A published layout of multi-modal captures; subclasses implement `frames_by_rule` and `frame_of_row`.

    Samples have the set's name as domain, the clip in `extra["video"]`, the frame's number in `extra["frame"]`, and
    the set's own term for the attack in `attributes["attack_group"]`. They have no box: frames are faces cut out.

    Attributes:
        summary: one sentence.
        twin: writes simulated captures in this layout.
        twin_site: simulated site that stands for the set in its twin, one of `facewarden.data.simulate.sensor.domains`.
        depth_encoding: how the set stores depth.
        modalities: what a complete capture of the set has.
        root: the folder that was given.

    Args:
        path: the set's folder.
        lists: split -> list file in a published format; the set's own rule decides where there is none.
        protocol: the set's official file of splits, for sets that have one; by default it is looked for in the folder.
        missing: what becomes of rows whose files are not there: "refuse" all, "skip" those rows, or leave what is there
            of a row and mark the rest "absent" (color must be there).
        dedup: leave out rows that are in a list or clip twice; by default they stay, as published.

    Raises:
        BadInputError: no such folder, or it does not hold this layout.
    """

    summary: ClassVar[str]
    twin: ClassVar[type[TwinWriter]]
    twin_site: ClassVar[str] = "alder"
    depth_encoding: ClassVar[DepthEncoding] = "picture"
    modalities: ClassVar[tuple[Modality, ...]] = MODALITIES

    def __init__(
        self,
        path: Path | None = None,
        *,
        lists: Mapping[Split, Path] | None = None,
        protocol: Path | None = None,
        missing: Missing = "refuse",
        dedup: bool = False,
    ) -> None:
        if path is None:
            raise BadInputError(f"{self.name} cannot be fetched, it needs a path", hint=f"{self.name}:PATH")
        if not path.is_dir():
            raise BadInputError(f"{printable(path)}: no such folder", hint=f"{self.name}:PATH")
        self.root, self.lists, self.protocol = path, dict(lists or {}), protocol
        self.missing, self.dedup = missing, dedup
        self.base = self._base()
        self._notes: list[str] = []

    @property
    def name(self) -> str:
        """What reports and manifests call the set: its registry name."""
        return type(self).__module__.rpartition(".")[2]

    @final
    def manifest(self) -> Manifest:
        """Return every capture.

        Raises:
            BadInputError: nothing is there; a list names files that are not there, or labels that its paths contradict;
                one file stands for two modalities; a name is not of the layout.
        """
        self._notes = []
        frames = list(self._from_lists()) if self.lists else list(self.frames_by_rule())
        if not frames:
            raise BadInputError(f"{printable(self.root)}: no captures of {self.name}", hint=type(self).summary)
        self._check_distinct(frames)
        frames = self._existing(frames) if self.lists else self._complete(frames)
        if not frames:
            raise BadInputError(f"{printable(self.root)}: no complete capture of {self.name}", hint="check the path")
        rows = tuple(self._samples(frames))
        simulated = any((folder / MARK).is_file() for folder in (self.root, self.base))
        rows = tuple(replace(row, simulated=True) for row in rows) if simulated else rows
        return Manifest(rows, root=self.base, name=self.name, notes=tuple(self._notes))

    @classmethod
    def example(cls, folder: Path) -> CaptureSet:
        """Return a tiny set of noise whose files are written into a folder."""
        cls.twin(folder, noise()).write()
        return cls(folder)

    @abstractmethod
    def frames_by_rule(self) -> Iterator[Frame]:
        """Yield the frames that the set's own rule takes."""

    @abstractmethod
    def frame_of_row(self, row: ListRow, split: Split) -> Frame:
        """Return the frame that a row of a list file names; its label is not looked at.

        Raises:
            BadInputError: it is none of this set.
        """

    def note(self, text: str) -> None:
        """Keep a note that readers of results must know."""
        if text not in self._notes:
            self._notes.append(text)

    def _base(self) -> Path:
        """The folder that paths are relative to."""
        return self.root

    def _from_lists(self) -> Iterator[Frame]:
        for split, path in self.lists.items():
            rows = read_list(path)
            contradicted = []
            for row in rows:
                try:
                    frame = self.frame_of_row(row, split)
                except BadInputError as error:
                    raise BadInputError(
                        f"{printable(path)}: row {row.number}: {error.message}", hint=error.hint
                    ) from error
                if frame.label is not None and frame.label != row.label:
                    contradicted.append(row)
                yield _labeled(frame, row.label)
            if contradicted:
                turned = len(contradicted) == len(rows)
                raise BadInputError(
                    f"{printable(path)}: {len(contradicted)} of {len(rows)} labels contradict the paths, first in row "
                    f"{contradicted[0].number}: {contradicted[0].names[0]} {contradicted[0].label}",
                    hint="1 = bona fide, 0 = attack presentation" + ("; all are the other way round" if turned else ""),
                )

    def _check_distinct(self, frames: Iterable[Frame]) -> None:
        for frame in frames:
            if len(set(frame.paths.values())) < len(frame.paths):
                raise BadInputError(
                    f"{self.name}: one file stands for two modalities of {frame.video}: {dict(frame.paths)}",
                    hint="color, depth and infrared are three files or three places in one",
                )

    def _complete(self, frames: Iterable[Frame]) -> list[Frame]:
        """Frames by rule: their files were listed, but a modality may have none."""
        lacking = [frame for frame in frames if len(frame.paths) < len(self.modalities)]
        if not lacking:
            return list(frames)
        named = [
            f"{frame.video} ({', '.join(name for name in self.modalities if name not in frame.paths)})"
            for frame in lacking
        ]
        return self._without(list(frames), set(map(id, lacking)), named, what="captures that lack a modality")

    def _existing(self, frames: list[Frame]) -> list[Frame]:
        """Frames of lists: every file is looked for."""
        there: dict[Path, bool] = {}
        existing, incomplete, absent = [], set(), []
        for frame in frames:
            kept: dict[Modality, str] = {}
            for name, path in frame.paths.items():
                file = self.base / array_file(path)
                if file not in there:
                    there[file] = file.is_file()
                if there[file]:
                    kept[name] = path
                else:
                    absent.append(printable(array_file(path)))
            existing.append(replace(frame, paths=kept) if len(kept) < len(frame.paths) else frame)
            if len(kept) < len(frame.paths):
                incomplete.add(id(existing[-1]))
        if not absent:
            return existing
        unique = list(dict.fromkeys(absent))
        return self._without(existing, incomplete, unique, what="files that lists name and that are not there")

    def _without(self, frames: list[Frame], bad: set[int], named: list[str], *, what: str) -> list[Frame]:
        first = ", ".join(named[:NAMED]) + (f" and {len(named) - NAMED} more" if len(named) > NAMED else "")
        sentence = f"{what}: {len(named)}, in {len(bad)} of {len(frames)} rows: {first}"
        if self.missing == "refuse":
            raise BadInputError(
                f"{printable(self.base)}: {sentence}",
                hint="check the path; data import takes --missing skip (leaves such rows out) and --missing absent",
            )
        if self.missing == "skip":
            kept = [frame for frame in frames if id(frame) not in bad]
        else:
            kept = [frame for frame in frames if "rgb" in frame.paths]
        lost = len(frames) - len(kept)
        self.note(f"{sentence}; {lost} rows are left out, {len(bad) - lost} keep their other modalities")
        return kept

    def _samples(self, frames: Iterable[Frame]) -> Iterator[Sample]:
        times: Counter[str] = Counter()
        homes: dict[str, Split] = {}
        twice = shared = 0
        for frame in frames:
            key = f"{self.name}/{frame.video}/{frame.number}"
            home = homes.setdefault(key, frame.split)
            times[key] += 1
            if home != frame.split:
                shared += 1
            elif times[key] > 1:
                twice += 1
                if self.dedup:
                    continue
            yield Sample(
                key=key if times[key] == 1 else f"{key} again {times[key] - 1}",
                split=frame.split,
                label=cast(int, frame.label),
                species=frame.species,
                subject=f"{self.name}/{frame.subject}",
                domain=self.name,
                rgb=frame.paths.get("rgb"),
                depth=frame.paths.get("depth"),
                infrared=frame.paths.get("infrared"),
                depth_encoding=self.depth_encoding,
                session=frame.session,
                environment=frame.environment,
                illumination=frame.illumination,
                box=frame.box,
                attributes={"attack_group": frame.group, **frame.attributes},
                extra={"video": f"{self.name}/{frame.video}", "frame": frame.number, **frame.extra},
            )
        if twice:
            self.note(f"rows that repeat an earlier one{', left out' if self.dedup else ''}: {twice}")
        if shared:
            self.note(f"rows that are in an earlier split too: {shared}")


def _labeled(frame: Frame, label: int) -> Frame:
    """The frame with a list's label; where the layout says nothing of the species, neither does the list of attacks."""
    if frame.label is None and label == BONA_FIDE:
        return replace(frame, label=label, species="bona_fide", group="bona fide")
    return replace(frame, label=label)
