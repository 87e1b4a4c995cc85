"""Measure a detector on the test split of captures, with the threshold of their dev split."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from facewarden.cli.parts.checks import check_detectors, check_device, check_path, check_sets, check_shard, named
from facewarden.cli.parts.kinds import Captures, Device, Folder, Model, Precision, Rule, Setting, Share
from facewarden.cli.parts.outcome import Outcome
from facewarden.cli.parts.own_folders import check_own_folders
from facewarden.cli.parts.settings import settled


def presentation(
    *,
    captures: Captures | None = None,
    bona_fide: tuple[Folder, ...] = (),
    attacks: tuple[Folder, ...] = (),
    mapping: Path | None = None,
    subject: Rule = "auto",
    quality: Annotated[str, "GATE"] = "off",
    scores: Path | None = None,
    detector: Model = "auto",
    set: tuple[Setting, ...] = (),
    policy: str = "eer",
    seed: int = 0,
    shard: Share | None = None,
    device: Device = "auto",
    precision: Precision | None = None,
    workers: int = 0,
    batch: int = 32,
    out: Folder | None = None,
) -> Outcome:
    """Measure a detector with intervals and sample counts (ISO/IEC 30107-3).

    Args:
        captures: captures to score with --detector; or give --scores.
        bona_fide: instead of captures, folders of bona fide photos.
        attacks: folders of attack photos; the species is read from the names of folders.
        mapping: table of which folder is what, edited.
        subject: whose face a photo shows: auto, level:2, pattern:REGEX, table:FILE.csv or photo.
        quality: photos of these folders that are small, blurred, turned away, covered or show several faces: refuse (no
            decision), or off; limits may follow in braces.
        scores: table that facewarden score --out wrote for captures.
        detector: the detector; its settings may follow in braces. auto takes color_cnn where there is color alone, and
            multi_cnn elsewhere.
        set: settings of the detector, key=value.
        policy: how the threshold is set: eer, or apcer=0.05.
        seed: of the bootstrap.
        shard: I/N, such as 1/8: only this share of the captures, and nothing is measured; left out, all. facewarden
            merge joins the shares.
        device: where networks compute: auto (a GPU where there is one), cpu, cuda, cuda:1 or mps.
        precision: what they compute in: auto (bfloat16 where it is native), float32, bfloat16 or float16; left out,
            what the settings of each say, float32 for most.
        workers: processes that read captures; all cores when 0. No figure depends on it.
        batch: captures that go through a network together.
        out: folder for scores.parquet and decision.json.
    """
    check_device(device)
    check_shard(shard)
    detector = settled(set, main="detector", components={"detector": detector})["detector"]
    check_sets([captures])
    check_own_folders(bona_fide, attacks, mapping=mapping, subject=subject, instead_of=captures or scores)
    check_path(scores)
    check_detectors(named(detector))
    from facewarden.cli.parts.evaluated import outcome_of
    from facewarden.verbs.evaluate_presentations import evaluate_presentation

    return outcome_of(
        evaluate_presentation(
            captures=None if captures is None else Path(captures),
            bona_fide=bona_fide,
            attacks=attacks,
            mapping=mapping,
            subject=subject,
            quality=quality,
            scores=scores,
            detector=detector,
            policy=policy,
            seed=seed,
            shard=shard,
            device=device,
            precision=precision,
            workers=workers,
            batch=batch,
            out=out,
        )
    )


entry = presentation
