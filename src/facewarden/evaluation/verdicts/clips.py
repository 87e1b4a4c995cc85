"""One decision a clip: the scores of its frames, and the rule that makes one score of them."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from facewarden.core.errors import BadInputError
from facewarden.data.photo_files import FolderListing, list_photos
from facewarden.data.text import natural, printable
from facewarden.data.video.file_kinds import is_video
from facewarden.data.video.frames import VideoFrame, folder_frames, video_frames
from facewarden.data.video.sampling import Sampling
from facewarden.evaluation.photo_scores import PhotoScore, ScorePhotos

_AT_ONCE = 8
DAMAGED = "damaged in the file"
NO_FRAME = "no frame of the clip could be scored"


@dataclass(frozen=True)
class ClipRule:
    """How the scores of frames become one.

    Attributes:
        kind: "mean", "median" or "share".
        share: of "share": the clip is bona fide when at least this share of its scored frames is. Its score is the
            largest threshold at which that holds.
    """

    kind: str = "median"
    share: float = 0.5

    @classmethod
    def read(cls, text: str) -> ClipRule:
        """Read the rule as a person types it: mean, median, or share=0.8.

        Raises:
            BadInputError: no rule.
        """
        if text in ("mean", "median"):
            return cls(text)
        match = re.fullmatch(r"share=(0?\.\d+|1(?:\.0*)?)", text)
        if match is not None and float(match[1]) > 0:
            return cls("share", float(match[1]))
        raise BadInputError(f"--clip-rule {text}: no such rule", hint="mean, median, or share=0.8")

    def words(self) -> str:
        """The rule for a person."""
        return f"at least {self.share:.0%} of the frames" if self.kind == "share" else f"{self.kind} of the frames"

    def score(self, scores: list[float]) -> float:
        """One score of those of the frames.

        >>> ClipRule("share", 0.5).score([3.0, 1.0, 2.0, 0.0])
        2.0
        """
        if self.kind == "mean":
            return float(np.mean(scores))
        if self.kind == "median":
            return float(np.median(scores))
        return sorted(scores, reverse=True)[math.ceil(self.share * len(scores)) - 1]


@dataclass(frozen=True)
class Clip:
    """A clip that is to be scored.

    Attributes:
        key: its name.
        video: its file, or
        frames: its pictures, in order.
    """

    key: str
    video: Path | None = None
    frames: tuple[Path, ...] = ()

    def read(self, sampling: Sampling) -> Iterator[VideoFrame]:
        """The chosen frames."""
        return folder_frames(self.frames, sampling) if self.video is None else video_frames(self.video, sampling)


@dataclass(frozen=True)
class ClipScore:
    """What scoring a clip gave.

    Attributes:
        key: its name.
        score: by the rule, None where no frame has one.
        frames: a row for each frame that was looked at, with its number and time.
        skipped: why there is no score; empty where there is one.
    """

    key: str
    score: float | None
    frames: tuple[tuple[int, float, PhotoScore], ...]
    skipped: str = ""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know of the clip: how many frames count, and what most often was said of them."""
        scored = [row for _, _, row in self.frames if row.score is not None]
        found = Counter(note for row in scored for note in row.notes)
        lost = Counter(row.skipped for _, _, row in self.frames if row.skipped)
        said = [f"{len(scored)} of {len(self.frames)} frames scored"]
        said += [f"{count} frames: {reason}" for reason, count in lost.most_common()]
        return (*said, *(f"{count} frames: {note}" for note, count in found.most_common(3)))


def clips_of(source: Path) -> tuple[list[Clip], FolderListing | None]:
    """The clips of a video file, or of a folder: its videos, and each of its folders of frames.

    Args:
        source: a video, a folder of videos, a folder of folders of frames, or a folder of frames.

    Returns:
        The clips, and what else was met in the folder.

    Raises:
        BadInputError: there are none.
    """
    if source.is_file():
        return [Clip(printable(source.name), video=source)], None
    if not source.is_dir():
        raise BadInputError(f"{printable(source)}: does not exist", hint="a video, or a folder of videos or frames")
    listing = list_photos(source)
    clips = [
        Clip(printable(path.relative_to(source).as_posix()), video=path)
        for path in listing.others
        if is_video(path.name)
    ]
    folders: dict[Path, list[Path]] = {}
    for path in listing.photos:
        folders.setdefault(path.parent, []).append(path)
    for folder, frames in folders.items():
        key = folder.relative_to(source).as_posix()
        clips.append(Clip(printable(source.name if key == "." else key), frames=tuple(frames)))
    if not clips:
        raise BadInputError(f"{printable(source)}: holds no video and no frames", hint="videos, or folders of photos")
    return sorted(clips, key=lambda clip: natural(clip.key)), listing


def score_clip(scorer: ScorePhotos, key: str, frames: Iterable[VideoFrame], rule: ClipRule) -> ClipScore:
    """Score the frames of a clip, and make one score of them.

    Args:
        scorer: finds and scores faces.
        key: name of the clip.
        frames: the chosen ones.
        rule: of the clip's score.
    """
    rows: list[tuple[int, float, PhotoScore]] = []
    waiting: list[VideoFrame] = []

    def flush() -> None:
        named = [frame.name or f"{key}#{frame.number}" for frame in waiting]
        seen = [(name, frame.image) for name, frame in zip(named, waiting, strict=True) if frame.image.size]
        found = {row.key: row for row in scorer.score_images(seen)}
        for name, frame in zip(named, waiting, strict=True):
            rows.append((frame.number, frame.seconds, found.get(name) or PhotoScore(name, None, skipped=DAMAGED)))
        waiting.clear()

    try:
        for frame in frames:
            waiting.append(frame)
            if len(waiting) == _AT_ONCE:
                flush()
        flush()
    except BadInputError as error:
        return ClipScore(key, None, tuple(rows), f"clip that cannot be read: {error.message.rpartition(': ')[2]}")
    scores = [row.score for _, _, row in rows if row.score is not None]
    if not scores:
        reasons = Counter(row.skipped for _, _, row in rows).most_common(1)
        return ClipScore(key, None, tuple(rows), f"{NO_FRAME}: {reasons[0][0]}" if reasons else NO_FRAME)
    return ClipScore(key, rule.score(scores), tuple(rows))


def frame_table(clips: Iterable[ClipScore]) -> Mapping[str, list[Any]]:
    """Every frame that was looked at, as columns."""
    rows = [(clip.key, *one) for clip in clips for one in clip.frames]
    return {
        "clip": [key for key, *_ in rows],
        "frame": [number for _, number, _, _ in rows],
        "seconds": [None if math.isnan(seconds) else seconds for _, _, seconds, _ in rows],
        "score": [row.score for *_, row in rows],
        "n_faces": [row.faces for *_, row in rows],
        "box": [None if row.box is None else " ".join(f"{side:.1f}" for side in row.box) for *_, row in rows],
        "notes": ["; ".join((*([row.skipped] if row.skipped else []), *row.notes)) for *_, row in rows],
    }
