"""Measure recognizers on pairs of photos."""

from __future__ import annotations

from facewarden.cli.parts.checks import check_recognizers, check_sets
from facewarden.cli.parts.kinds import Device, Faces, Folder, Model, Name
from facewarden.cli.parts.outcome import Outcome


def verification(
    *,
    recognizer: tuple[Model, ...] = (),
    dataset: tuple[Faces, ...] = (),
    aligner: Name = "yunet",
    run: Folder | None = None,
    seed: int = 0,
    device: Device = "auto",
    out: Folder | None = None,
) -> Outcome:
    """Measure recognizers on pairs of photos, with intervals and sample counts.

    Args:
        recognizer: the recognizers.
        dataset: photos of people: orl, scrapshots, lfw:FOLDER, or a folder with one folder per person.
        aligner: how faces are found.
        run: folder that keeps the embeddings for the next time.
        seed: of the bootstrap.
        device: where networks compute: auto (a GPU where there is one), cpu, cuda, cuda:1 or mps.
        out: folder for verification.json and verification.md.
    """
    check_recognizers(recognizer)
    check_sets(dataset)
    from facewarden.cli.parts.evaluated import outcome_of
    from facewarden.verbs.evaluate import evaluate_verification

    return outcome_of(
        evaluate_verification(
            recognizer=recognizer, dataset=dataset, aligner=aligner, seed=seed, device=device, run=run, out=out
        )
    )


entry = verification
