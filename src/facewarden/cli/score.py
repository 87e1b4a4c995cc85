"""Score photos or captures with a presentation attack detector."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from facewarden.cli.parts.checks import check_detectors, check_device, check_path, check_sets, check_shard, named
from facewarden.cli.parts.kinds import Captures, Device, Folder, Model, Precision, Rule, Setting, Share
from facewarden.cli.parts.outcome import Outcome
from facewarden.cli.parts.own_folders import check_own_folders
from facewarden.cli.parts.settings import settled
from facewarden.data.video.file_kinds import is_video

if TYPE_CHECKING:
    from facewarden.evaluation.verdicts.rule import VerdictRule


groups = {"clips": ("camera", "seconds", "clips", "frames", "clip_rule", "frame_table")}


def score(
    source: Annotated[str, "CAPTURES|PHOTOS"] | None = None,
    /,
    *,
    bona_fide: tuple[Folder, ...] = (),
    attacks: tuple[Folder, ...] = (),
    mapping: Path | None = None,
    subject: Rule = "auto",
    detector: Model = "auto",
    rule: Path | None = None,
    dev: Captures | None = None,
    policy: Annotated[str, "POLICY"] | None = None,
    quality: Annotated[str, "GATE"] = "note",
    camera: int | None = None,
    seconds: float = 5.0,
    clips: bool = False,
    frames: Annotated[str, "SAMPLING"] = "count=8",
    clip_rule: Annotated[str, "mean|median|share=X"] = "median",
    frame_table: Path | None = None,
    set: tuple[Setting, ...] = (),
    device: Device = "auto",
    precision: Precision | None = None,
    workers: int = 0,
    batch: int | None = None,
    shard: Share | None = None,
    out: Path | None = None,
) -> Outcome:
    """Score photos or captures with a presentation attack detector, and decide: a logit each, higher is more bona fide.

    The threshold is that of --rule, of dev captures, or of the detector's own folder; without any nothing is decided.

    Args:
        source: captures (a manifest or its folder, or NAME:PATH of a published set), a photo, or a folder of photos at
            any depth.
        bona_fide: instead of these, folders of bona fide photos; the table then holds label, species and subject.
        attacks: folders of attack photos; the species is read from the names of folders.
        mapping: table of which folder is what, edited.
        subject: whose face a photo shows: auto, level:2, pattern:REGEX, table:FILE.csv or photo.
        detector: the detector; its settings may follow in braces. auto takes color_cnn where there is color alone, and
            multi_cnn elsewhere.
        rule: threshold and probability that facewarden calibrate wrote, or a decision.json.
        dev: instead, captures whose dev rows set the threshold, or a table of their scores.
        policy: eer, or apcer=0.05: sets the threshold on dev rows, those of --dev or of the captures that are scored.
        quality: photos that are small, blurred, turned away, covered or show several faces: note (say it), refuse (no
            decision), or off; limits may follow in braces.
        camera: number of a camera instead of a source, 0 for the first; what it shows is one clip.
        seconds: how long the camera looks.
        clips: score videos, and each folder of frames, as one clip; a video by itself is one in any case.
        frames: which frames of a clip are scored: count=8 (evenly spread), every=0.5 (seconds) or all.
        clip_rule: how their scores become one: mean, median, or share=0.8 (bona fide when at least that share is).
        frame_table: table to write with a row for each frame, .parquet or .csv.
        set: settings of the detector, key=value.
        device: where it computes: auto (a GPU where there is one), cpu, cuda, cuda:1 or mps.
        precision: what it computes in: auto (bfloat16 where it is native), float32, bfloat16 or float16; left out,
            what its own settings say, float32 for most.
        workers: processes, each with one thread; all cores when 0. No score depends on it.
        batch: photos of one size, or captures, that go through the network together: 8 and 32 when left out. Another
            one may change the sixth digit of a score.
        shard: I/N, such as 1/8: only this share of the photos or captures; left out, all. facewarden merge joins the
            shares.
        out: table to write, .parquet or .csv.
    """
    check_device(device)
    check_shard(shard)
    detector = settled(set, main="detector", components={"detector": detector})["detector"]
    check_detectors(named(detector))
    video = source is not None and is_video(source)
    check_sets([dev] if video else [source, dev])
    check_path(Path(source) if video and source is not None else None)
    check_path(rule)
    check_own_folders(bona_fide, attacks, mapping=mapping, subject=subject, instead_of=source)
    from facewarden.data.photo_files import is_no_presentation
    from facewarden.evaluation.verdicts.default_detector import COLOR_ALONE
    from facewarden.verbs.score import score as run

    result = run(
        None if source is None else Path(source),
        bona_fide=bona_fide,
        attacks=attacks,
        mapping=mapping,
        subject=subject,
        detector=detector,
        rule=rule,
        dev=dev,
        policy=policy,
        quality=quality,
        camera=camera,
        seconds=seconds,
        clips=clips,
        frames=frames,
        clip_rule=clip_rule,
        frame_table=frame_table,
        device=device,
        precision=precision,
        workers=workers,
        batch=batch,
        shard=shard,
        out=out,
    )
    lines = [f"note: {warning}" for warning in result.warnings if warning != COLOR_ALONE]  # standard error has it
    lines += _rule_lines(result.rule)
    for reason, count in result.skipped.items():
        lines.append(f"{'left out' if is_no_presentation(reason) else 'no response'} {count}: {reason}")
    told = Counter(note for notes in result.notes for note in notes.split("; ") if note)
    if result.clip_rule:
        lines.append(f"clips: {result.clip_rule}")
    else:
        lines += [f"note for {count}: {note}" for note, count in told.items()]
    if result.out is not None:
        lines += [f"{word}: {count}" for word, count in Counter(result.decision).items()]
        lines.append(f"{len(result.key)} scores: {result.out}")
    else:
        about = [_face(*face) for face in zip(result.n_faces, result.box, result.notes, strict=False)]
        about = [f"  ({note})" for note in result.notes] if result.clip_rule else about or [""] * len(result.key)
        sure = [f"  p {value:.3f}" for value in result.probability] or [""] * len(result.key)
        said = [f"  {word:<9}" for word in result.decision] or [""] * len(result.key)
        rows = zip(result.key, result.score, sure, said, about, strict=True)
        lines += [f"{value:+9.4f}{chance}{word}  {key}{face}" for key, value, chance, word, face in rows]
    return Outcome(result, lines)


def _rule_lines(rule: VerdictRule | None) -> list[str]:
    """The threshold and where it came from, or how to get one."""
    if rule is None:
        return ["no decision: no threshold is known (facewarden calibrate DETECTOR, then --rule; or --dev CAPTURES)"]
    return list(rule.lines())


def _face(faces: int, box: tuple[float, float, float, float], notes: str) -> str:
    """Which face of a photo was scored."""
    where = " ".join(f"{value:.0f}" for value in box)
    return f"  ({faces} face{'s' if faces > 1 else ''}, box {where}{'; ' if notes else ''}{notes})"


entry = score
