"""WMCA: prints, replays, masks, fake heads and glasses; HDF5 originals or extracted frames; splits of grandtest."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath

import numpy as np

from facewarden.core.errors import BadInputError
from facewarden.core.labels import Modality, Split
from facewarden.data.arrays import channel_list, hdf5_groups, hdf5_shape
from facewarden.data.datasets.parts.captures import Frame
from facewarden.data.datasets.parts.clips import Clip, ClipSet, Parts, frame_of, subfolders
from facewarden.data.datasets.parts.lists import ListRow
from facewarden.data.datasets.parts.protocols import find_one, read_splits
from facewarden.data.datasets.parts.twins import Shot, TwinWriter
from facewarden.data.text import natural, printable

_VIDEO = re.compile(r"(\d+)_(\d+)_(\d+)_(\d)_(\d+)")
_NOMINAL = (12, 24, 36)
_COLOR, _CDIT = 3, 4
_CHANNELS: dict[Modality, tuple[int, ...]] = {"rgb": (0, 1, 2), "depth": (1,), "infrared": (2,)}
"""Channels of the two archives: color, and gray, depth, infrared, thermal."""

_GROUPS: tuple[tuple[str, str, int, tuple[int, ...]], ...] = (
    ("bona fide", "bona_fide", 0, (0, 1, 2)),
    ("glasses", "partial_glasses", 1, (1, 4, 5, 6, 7, 15, 16)),
    ("rigid mask", "mask_rigid", 1, (2, 13, 14)),
    ("rigid mask", "mask_rigid", 2, tuple(range(12, 18))),
    ("fake head", "fake_head", 2, tuple(range(1, 8))),
    ("paper mask", "mask_paper", 2, tuple(range(8, 12))),
    ("flexible mask", "mask_silicone", 2, (18, *range(75, 100))),
    ("print", "print_flat", 3, (*range(1, 5), *range(6, 10), *range(11, 15))),
    ("replay", "replay", 3, (5, 10, 15)),
    ("replay", "replay", 4, tuple(range(1, 19))),
)
GROUP_OF = {(kind, pai): (group, species) for group, species, kind, pais in _GROUPS for pai in pais}
"""(type, PAI) of a video's name -> its attack group and species."""


class WmcaTwin(TwinWriter):
    """A twin of WMCA: frames and HDF5 archives of the same videos, every attack group, the grandtest file, CRLF lists.

    Defects: one video whose color and depth have different frame numbers; of the lists, one row twice and one whose
    depth is not there.
    """

    def write(self) -> None:
        """Write the twin into its folder."""
        self.mark("WMCA-Image", "archives")
        table = ["path,client,group"]
        rows: dict[Split, list[str]] = {"train": [], "dev": [], "test": []}
        for split, people in self.by_split().items():
            for person in people:
                for video, species in _twin_videos(person, split):
                    table.append(f"face-station/01.02.18/{video},{video[:3]},{'eval' if split == 'test' else split}")
                    rows[split] += self._video(video, species, person, split)
        odd = self.folder / "WMCA-Image/R_CDIT" / sorted(row.split("/")[2] for row in rows["train"])[0]
        for folder in ("depth", "ir"):
            (odd / folder / "0012.jpg").rename(odd / folder / "0013.jpg")
        absent = rows["train"][-1].replace("/depth/0036", "/depth/0037")
        kept = [row for row in rows["train"][:-1] if not (odd.name in row and "0012" in row)]
        rows["train"] = [*kept, kept[0], absent]
        for name, lines in rows.items():
            self.text(f"lists/{name}.txt", lines, end="\r\n", last=False)
        for place in ("", "archives/"):
            self.text(f"{place}PROTOCOL-grandtest.csv", table)

    def _video(self, video: str, species: str, person: int, split: Split) -> list[str]:
        import h5py

        shot = Shot(video, person, species, split)
        numbers = ("0012", "0024", "0036")
        rows = self.clip(f"WMCA-Image/R_CDIT/{video}", Wmca.folders, shot, numbers)
        for archive in ("RGB", "CDIT"):
            file = self.folder / "archives" / archive / "face-station" / "01.02.18" / f"{video}.hdf5"
            file.parent.mkdir(parents=True, exist_ok=True)
            with h5py.File(file, "w") as hdf5:
                for place, number in enumerate(numbers):
                    views = self.render(Shot(f"{video} {number}", person, species, split))
                    gray = views.rgb.mean(axis=2).astype(np.uint8)
                    planes = (gray, views.depth, views.infrared, np.full_like(gray, 128))
                    array = views.rgb.transpose(2, 0, 1) if archive == "RGB" else np.stack(planes)
                    hdf5.create_dataset(f"Frame_{place}/array", data=array)
        return [f"{row} {int(species == 'bona_fide')}" for row in rows]


def _twin_videos(person: int, split: Split) -> Iterator[tuple[str, str]]:
    """A bona fide video and attacks of a person; clients and instruments are of one split, as in grandtest."""
    client, turn = 100 + person, {"train": 0, "dev": 1, "test": 2}[split]
    yield f"{client}_01_015_0_0{turn}", "bona_fide"
    shown = {"fake_head": "mask_rigid", "mask_paper": "print_bent", "replay": "replay_tablet"}
    for group, species, kind, pais in _GROUPS[1:]:
        # as published, no paper masks in train; of each other group, instruments of its own in every split
        if not (group == "paper mask" and split == "train"):
            yield f"{client}_02_015_{kind}_{pais[turn % len(pais)]:02d}", shown.get(species, species)


class Wmca(ClipSet):
    """`WMCA-Image/R_CDIT/VIDEO/{color,depth,ir}/NNNN.jpg`, or HDF5 archives `*/face-station/DATE/VIDEO.hdf5`.

    A video is named CLIENT_SESSION_PRESENTER_TYPE_PAI. Of the preprocessed archives, one holds color (3 channels) and
    one gray, depth, infrared and thermal (4), each frame as `Frame_I/array`; they are told apart by their channels.

    Rule: the official grandtest file says which video is train, dev or eval (here test); each video gives frames 12, 24
    and 36, or the nearest that all modalities have; archives with fewer frames, three evenly spread. 565, 557 and 557
    videos give 1,695, 1,671 and 1,671 rows, as the published lists have. Two videos are known to number the frames of
    color and depth differently (100_03_015_2_10 at 12, 101_06_067_1_02 at 20): only frames that all modalities have
    are paired. Source: George et al., TIFS 2020; groups by TYPE and PAI after the lists of the Flex-Modal benchmark.

    Args (beside those of `CaptureSet`):
        protocol: the official grandtest file: any table whose rows name a video and its group. Without it, one whose
            name says grandtest is looked for in the folder.
    """

    twin = WmcaTwin
    twin_site = "alder"
    summary = "WMCA, with R_CDIT (frames) or two face-station archives (HDF5) in it; wmca:PATH"
    heads = ("R_CDIT",)
    outer = ("WMCA-Image",)

    def clip_of(self, parts: Parts) -> Clip | None:
        """Return what a video's name tells; its split is that of the official file, where that is read."""
        match = _VIDEO.fullmatch(parts[-1])
        if match is None or (int(match[4]), int(match[5])) not in GROUP_OF:
            raise BadInputError(
                f"{'/'.join(parts)} is not a video of wmca", hint="CLIENT_SESSION_PRESENTER_TYPE_PAI: 100_01_015_1_02"
            )
        group, species = GROUP_OF[int(match[4]), int(match[5])]
        return Clip(
            video=parts[-1],
            subject=match[1],
            label=int(species == "bona_fide"),
            species=species,
            group=group,
            split=None if self.lists else self.splits.get(parts[-1]),
            session=match[2],
            attributes={"presenter": match[3], "pai": f"{match[4]}-{match[5]}"},
        )

    @cached_property
    def splits(self) -> dict[str, Split]:
        """Video -> split, of the official file."""
        hint = "copy the official grandtest file into the folder; data import wmca:PATH takes --protocol FILE or lists"
        path = self.protocol or find_one(
            self.root, ("*grandtest*", "*grand_test*"), what="official grandtest file", hint=hint
        )
        return read_splits(path, _video_in)

    def choose(self, numbers: Sequence[str], count: int) -> list[str]:
        """Return the frames nearest to 12, 24 and 36; evenly spread ones where a video does not get that far."""
        values = {name: int(digits[-1]) for name in numbers if (digits := re.findall(r"\d+", name))}
        if len(values) <= count or max(values.values()) < _NOMINAL[-1]:
            return super().choose(numbers, count)
        left, chosen = dict(values), []
        for wanted in _NOMINAL:
            best = min(left, key=lambda name: (abs(left[name] - wanted), left[name]))
            chosen.append(best)
            del left[best]
        return chosen

    def frames_by_rule(self) -> Iterator[Frame]:
        """Yield the frames that the rule takes; videos that the official file does not name are left out."""
        frames = list(self._of_archives() if self._archives else super().frames_by_rule())
        absent = set(self.splits) - {frame.video for frame in frames}
        if absent:
            first = ", ".join(sorted(absent)[:5])
            self.note(
                f"videos of the official file that are not there: {len(absent)} of {len(self.splits)}, first {first}"
            )
        yield from frames

    def frame_of_row(self, row: ListRow, split: Split) -> Frame:
        """Return the frame that a row names."""
        if self._archives:
            raise BadInputError(
                f"{row.names[0]!r}: lists name extracted frames, this folder holds archives",
                hint="the folder with R_CDIT in it, or data import with --protocol FILE instead of lists",
            )
        return super().frame_of_row(row, split)

    def _clip_folders(self) -> Iterator[Path]:
        yield from subfolders(self.base / "R_CDIT")

    def _base(self) -> Path:
        self._archives = () if self._has_frames() else self._found_archives()
        return self.root if self._archives else super()._base()

    def _has_frames(self) -> bool:
        return any((folder / "R_CDIT").is_dir() for folder in (self.root, self.root / "WMCA-Image"))

    def _found_archives(self) -> tuple[Path, ...]:
        return tuple(
            sorted({path.parent for depth in ("", "*/", "*/*/") for path in self.root.glob(f"{depth}face-station")})
        )

    def _of_archives(self) -> Iterator[Frame]:
        homes: dict[str, dict[int, Path]] = {}
        for archive in self._archives:
            files = sorted(archive.glob("face-station/*/*.hdf5"), key=lambda path: natural(path.name))
            if not files:
                continue
            channels = _channels(files[0])
            for file in files:
                if homes.setdefault(file.stem, {}).setdefault(channels, file) != file:
                    raise BadInputError(
                        f"{file.name} is in two archives of {channels} channels: {homes[file.stem][channels]}, {file}",
                        hint="one archive of color (3 channels) and one of gray, depth, infrared, thermal (4)",
                    )
        for video, files_of in sorted(homes.items(), key=lambda item: natural(item[0])):
            clip = self.clip_of((video,))
            if clip is not None and clip.split is not None:
                yield from self._of_video(clip, clip.split, files_of)

    def _of_video(self, clip: Clip, split: Split, files: dict[int, Path]) -> Iterator[Frame]:
        groups = {channels: set(hdf5_groups(file)) for channels, file in files.items()}
        common = sorted(set.intersection(*groups.values()), key=natural)
        relative = {channels: file.relative_to(self.base).as_posix() for channels, file in files.items()}
        for number in self.choose(common, clip.frames):
            paths: dict[Modality, str] = {
                name: f"{relative[kind]}#{number}/array:{channel_list(picked)}"
                for name, picked in _CHANNELS.items()
                if (kind := _COLOR if name == "rgb" else _CDIT) in relative
            }
            yield frame_of(clip, number.removeprefix("Frame_"), split, paths)


def _channels(file: Path) -> int:
    names = [name for name in hdf5_groups(file) if name.startswith("Frame_")]
    channels = hdf5_shape(file, f"{names[0]}/array")[0] if names else 0
    if channels not in (_COLOR, _CDIT):
        raise BadInputError(
            f"{printable(file)}: no frames of 3 (color) or 4 (gray, depth, infrared, thermal) channels",
            hint="this reader is for the preprocessed archives",
        )
    return channels


def _video_in(cell: str) -> str | None:
    stem = PurePosixPath(cell.strip().replace("\\", "/")).name.partition(".")[0]
    return stem if _VIDEO.fullmatch(stem) else None


entry = Wmca
