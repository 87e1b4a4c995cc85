"""One decision a clip: of videos, of folders of frames, and of what a camera shows."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

from facewarden.core.compute.computing import computed_by
from facewarden.core.errors import BadInputError
from facewarden.core.identity.given import PathLike, path_of
from facewarden.core.progress import track
from facewarden.data.manifest import check_results_target
from facewarden.data.photo_files import list_photos
from facewarden.data.table import write_table
from facewarden.data.text import counted_reasons
from facewarden.data.video.file_kinds import is_video
from facewarden.data.video.frames import camera_frames
from facewarden.data.video.sampling import Sampling
from facewarden.evaluation.photo_scores import ScorePhotos
from facewarden.evaluation.verdicts.clips import ClipRule, ClipScore, clips_of, frame_table, score_clip
from facewarden.evaluation.verdicts.rule import VerdictRule
from facewarden.verbs.own.verdict_result import ScoreResult, verdict_columns, verdicts_of, warnings_of


@dataclass(frozen=True)
class ClipsAsked:
    """Clips that are to be scored.

    Attributes:
        source: a video or a folder; None for a camera.
        camera: its number.
        seconds: how long it looks.
        sampling: which frames.
        rule: how their scores become one.
        frame_table: where the scores of frames are written.
    """

    source: Path | None
    camera: int | None
    seconds: float
    sampling: Sampling
    rule: ClipRule
    frame_table: Path | None

    @classmethod
    def read(
        cls,
        source: PathLike | None,
        *,
        camera: int | None,
        seconds: float,
        clips: bool,
        frames: str,
        clip_rule: str,
        frame_table: Path | None,
    ) -> ClipsAsked | None:
        """What of the arguments of `score` is about clips; None where photos or captures are to be scored.

        Raises:
            BadInputError: a rule that is none, a camera and a source, or frames asked of photos.
        """
        sampling, rule = Sampling.read(frames), ClipRule.read(clip_rule)
        if camera is not None:
            if source is not None:
                raise BadInputError(f"{os.fspath(source)} and a camera", hint="give one of them")
            if not 0 < seconds <= 3600 or camera < 0:
                raise BadInputError(f"camera {camera} for {seconds:g} s", hint="--camera 0 --seconds 5")
            asked = cls(None, camera, seconds, sampling, rule, frame_table)
        elif source is not None and (clips or _holds_videos(path_of(source))):
            asked = cls(path_of(source), None, seconds, sampling, rule, frame_table)
        elif clips or frame_table is not None:
            raise BadInputError("no clips to look at", hint="a video, a folder with --clips, or --camera 0")
        else:
            return None
        if frame_table is not None:
            check_results_target(frame_table)
        return asked

    def words(self) -> str:
        """The rules, for a person."""
        return f"{self.rule.words()}, of {self.sampling.words()}"


def _holds_videos(source: Path) -> bool:
    """Whether a source is a video, or a folder of videos without any photo."""
    try:
        if source.is_file():
            return is_video(source.name)
        if not source.is_dir():
            return False
    except (OSError, ValueError):  # whoever reads it says what is wrong with it
        return False
    listing = list_photos(source)
    return not listing.photos and any(is_video(path.name) for path in listing.others)


def score_clips(scorer: ScorePhotos, asked: ClipsAsked, rule: VerdictRule | None, *, out: Path | None) -> ScoreResult:
    """Score the frames of clips and decide on each clip.

    Args:
        scorer: finds and scores faces.
        asked: the clips.
        rule: threshold and probability, None where there is none.
        out: table to write.

    Raises:
        BadInputError: no clips, or none that could be scored.
    """
    skipped: Counter[str] = Counter()
    if asked.source is None:
        number = asked.camera or 0
        shown = camera_frames(number, asked.sampling, seconds=asked.seconds)
        first = list(islice(shown, 1))  # a camera that cannot be opened is told as such, not as a clip without a score
        found = [score_clip(scorer, f"camera {number}", chain(first, shown), asked.rule)]
    else:
        clips, listing = clips_of(asked.source)
        unread = {} if listing is None else listing.unread
        skipped.update({
            reason: count for reason, count in unread.items() if not is_video(f"a{reason.rpartition(' ')[2]}")
        })  # fmt: skip
        found = [
            score_clip(scorer, clip.key, clip.read(asked.sampling), asked.rule)
            for clip in track(clips, label="scoring", total=len(clips), unit="clips")
        ]
    if asked.frame_table is not None:
        write_table(asked.frame_table, frame_table(found))
    skipped.update(clip.skipped for clip in found if clip.skipped)
    if out is not None:
        write_table(out, _table(found, rule, scorer, asked))
    scored = [clip for clip in found if clip.score is not None]
    if not scored:
        raise BadInputError(f"no clip could be scored: {counted_reasons(skipped)}", hint="clips with one visible face")
    values = [clip.score for clip in scored if clip.score is not None]
    return ScoreResult(
        key=tuple(clip.key for clip in scored),
        score=tuple(values),
        out=out,
        skipped=dict(skipped),
        computed=computed_by([scorer.detector]),
        notes=tuple("; ".join(clip.notes) for clip in scored),
        warnings=warnings_of(scorer.detector, color_alone=True),
        clip_rule=asked.words(),
        **verdicts_of(values, rule, scorer.detector),
    )


def _table(
    clips: Iterable[ClipScore], rule: VerdictRule | None, scorer: ScorePhotos, asked: ClipsAsked
) -> dict[str, list[Any]]:
    """Every clip, also those without a score."""
    rows = list(clips)
    return {
        "key": [row.key for row in rows],
        "score": [row.score for row in rows],
        **verdict_columns([row.score for row in rows], rule, scorer.detector),
        "frames": [len(row.frames) for row in rows],
        "frames_scored": [sum(one.score is not None for *_, one in row.frames) for row in rows],
        "clip_rule": [asked.words()] * len(rows),
        "notes": ["; ".join((*([row.skipped] if row.skipped else []), *row.notes)) for row in rows],
    }
