"""Measure one model: a detector on captures (presentation), or a recognizer on pairs of photos (verification)."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from facewarden.bench.evaluate import Evaluated, evaluate_presentation, evaluate_verification
from facewarden.report.words import group_text, label, measured


def evaluate(
    experiment: Literal["presentation", "verification"],
    /,
    *,
    captures: Path | None = None,
    scores: Path | None = None,
    detector: str = "multi_cnn",
    policy: str = "eer",
    recognizer: tuple[str, ...] = (),
    dataset: tuple[str, ...] = (),
    aligner: str = "yunet",
    run: Path | None = None,
    seed: int = 0,
    out: Path | None = None,
) -> Evaluated:
    """Measure one model with intervals and sample counts.

    Args:
        experiment: presentation: a detector on a manifest's test split, threshold from its dev split; verification:
            recognizers on pairs of photos.
        captures: manifest to score with --detector, or give --scores.
        scores: table that facewarden score --out wrote for a manifest.
        detector: registry name, name:PATH, artifact folder or model.onnx with its card.
        policy: how the threshold is set: eer, or bpcer_at_apcer=0.05.
        recognizer: for verification: registry names or ONNX files with their cards.
        dataset: for verification: orl, scrapshots, lfw:PATH, or a folder with one folder per person.
        aligner: for verification: how faces are found.
        run: for verification: folder that keeps the embeddings for the next time.
        seed: of the bootstrap.
        out: folder for scores.parquet and decision.json, or verification.json and verification.md.
    """
    if experiment == "verification":
        return evaluate_verification(
            recognizer=recognizer, dataset=dataset, aligner=aligner, seed=seed, run=run, out=out
        )
    return evaluate_presentation(captures=captures, scores=scores, detector=detector, policy=policy, seed=seed, out=out)


def show(result: Evaluated) -> int:
    """Print what was left out and every figure."""
    for reason, count in result.skipped.items():
        print(f"skipped {count}: {reason}")
    for metric in result.metrics:
        where = group_text(metric.group)
        mark = "  simulated" if metric.simulated else ""
        print(f"{label(metric.name) + (f' ({where})' if where else ''):<56} {measured(metric)}{mark}")
    for path in result.files:
        print(f"wrote {path}")
    return 0


entry = evaluate
