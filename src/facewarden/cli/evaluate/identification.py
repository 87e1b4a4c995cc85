"""Measure recognizers on a gallery and probes: rank-k, and misses at a rate of false alarms."""

from __future__ import annotations

from facewarden.cli.parts.checks import check_device, check_recognizers, check_sets, check_shard
from facewarden.cli.parts.kinds import Device, Faces, Folder, Model, Name, Precision, Setting, Share
from facewarden.cli.parts.outcome import Outcome
from facewarden.cli.parts.settings import settled


def identification(
    *,
    gallery: Faces,
    probes: Faces,
    recognizer: tuple[Model, ...] = (),
    set: tuple[Setting, ...] = (),
    rank: tuple[int, ...] = (1, 5),
    fpir: tuple[float, ...] = (0.01, 0.1),
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
    """Measure recognizers on your gallery and probes: rank-k, and FNIR at FPIR where strangers are among the probes.

    Args:
        gallery: photos of the enrolled people: a table with the columns file and subject, or one folder per person.
        probes: photos that are searched, in the same form; who is not in the gallery is a stranger.
        recognizer: the recognizers; their settings may follow in braces.
        set: settings of the recognizer, key=value; of one of several, its name first: mobilefacenet_128.order=BGR.
        rank: how many candidates are looked at.
        fpir: shares of strangers' searches that may find anybody.
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
        out: folder for identification.json.
    """
    check_device(device)
    check_shard(shard)
    recognizer = settled(set, main="recognizer", components={"recognizer": recognizer})["recognizer"]
    check_recognizers(recognizer)
    check_sets([gallery, probes])
    from facewarden.cli.parts.evaluated import outcome_of
    from facewarden.verbs.own.identification import evaluate_identification

    return outcome_of(
        evaluate_identification(
            recognizer=recognizer,
            gallery=gallery,
            probes=probes,
            rank=rank,
            fpir=fpir,
            aligner=aligner,
            run=run,
            seed=seed,
            shard=shard,
            device=device,
            precision=precision,
            workers=workers,
            batch=batch,
            out=out,
        )
    )


entry = identification
