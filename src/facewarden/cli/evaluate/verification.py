"""Measure recognizers on pairs of photos."""

from __future__ import annotations

from pathlib import Path

from facewarden.cli.parts.checks import check_device, check_path, check_recognizers, check_sets, check_shard
from facewarden.cli.parts.kinds import Device, Faces, Folder, Model, Name, Precision, Setting, Share
from facewarden.cli.parts.outcome import Outcome
from facewarden.cli.parts.settings import settled


def verification(
    *,
    recognizer: tuple[Model, ...] = (),
    set: tuple[Setting, ...] = (),
    dataset: tuple[Faces, ...] = (),
    pairs: tuple[Path, ...] = (),
    aligner: Name = "yunet",
    run: Folder | None = None,
    seed: int = 0,
    shard: Share | None = None,
    device: Device = "auto",
    precision: Precision | None = None,
    workers: int = 0,
    batch: int = 32,
    out: Folder | None = None,
) -> Outcome:
    """Measure recognizers on pairs of photos, with intervals and sample counts.

    Args:
        recognizer: the recognizers; their settings may follow in braces.
        set: settings of the recognizer, key=value; of one of several, its name first: mobilefacenet_128.order=BGR.
        dataset: photos of people: orl, scrapshots, lfw:FOLDER, or a folder with one folder per person.
        pairs: tables of your pairs of photos with the columns first, second and same.
        aligner: how faces are found.
        run: folder that keeps the embeddings for the next time.
        seed: of the bootstrap.
        shard: I/N, such as 1/8: only this share of the photos into --run, and nothing is measured; left out, all.
            facewarden merge joins the shares.
        device: where networks compute: auto (a GPU where there is one), cpu, cuda, cuda:1 or mps.
        precision: what they compute in: auto (bfloat16 where it is native), float32, bfloat16 or float16; left out,
            what the settings of each say, float32 for most.
        workers: processes that read photos and find faces; all cores when 0. No figure depends on it.
        batch: faces that go through a network together.
        out: folder for verification.json and verification.md.
    """
    check_device(device)
    check_shard(shard)
    recognizer = settled(set, main="recognizer", components={"recognizer": recognizer})["recognizer"]
    check_recognizers(recognizer)
    check_sets(dataset)
    for table in pairs:
        check_path(table)
    from facewarden.cli.parts.evaluated import outcome_of
    from facewarden.verbs.evaluate import evaluate_verification

    return outcome_of(
        evaluate_verification(
            recognizer=recognizer,
            dataset=dataset,
            pairs=pairs,
            aligner=aligner,
            seed=seed,
            shard=shard,
            device=device,
            precision=precision,
            workers=workers,
            batch=batch,
            run=run,
            out=out,
        )
    )


entry = verification
