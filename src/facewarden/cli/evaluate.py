"""Measure a detector on captures, a recognizer on pairs of photos, or cloaks against trackers that purify."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from facewarden.core.errors import BadInputError
from facewarden.experiments.cloaking.small_grid import evaluate_cloaking
from facewarden.reporting.words import group_text, label, measured
from facewarden.verbs.evaluate import Evaluated, evaluate_presentation, evaluate_verification


def evaluate(
    experiment: Literal["presentation", "verification", "cloaking"],
    /,
    *,
    captures: Path | None = None,
    scores: Path | None = None,
    detector: str = "multi_cnn",
    policy: str = "eer",
    recognizer: tuple[str, ...] = (),
    dataset: tuple[str, ...] = (),
    aligner: str = "yunet",
    cloak: tuple[str, ...] = ("lowkey:8",),
    surrogate: tuple[str, ...] = ("mobilefacenet_512", "dlib_resnet34"),
    purifier: tuple[str, ...] = ("identity", "jpeg"),
    tracker: tuple[str, ...] = ("nearest",),
    judge: tuple[str, ...] = ("mobilefacenet_512", "dlib_resnet34", "mobilefacenet_128", "faceres"),
    users: int = 40,
    passed_over: int = 0,
    splits: int = 1,
    run: Path | None = None,
    seed: int = 0,
    out: Path | None = None,
) -> Evaluated:
    """Measure one model with intervals and sample counts.

    Args:
        experiment: presentation: a detector on a manifest's test split, threshold from its dev split; verification:
            recognizers on pairs of photos; cloaking: one person at a time cloaks their gallery photos, and trackers
            look for them.
        captures: manifest to score with --detector, or give --scores.
        scores: table that facewarden score --out wrote for a manifest.
        detector: registry name, name:PATH, artifact folder or model.onnx with its card.
        policy: how the threshold is set: eer, or bpcer_at_apcer=0.05.
        recognizer: for verification: registry names or ONNX files with their cards.
        dataset: for verification, and one for cloaking: orl, scrapshots, lfw:PATH, or a folder with one folder per
            person.
        aligner: for verification and cloaking: how faces are found.
        cloak: for cloaking: ATTACK:LEVEL, such as lowkey:8 or fawkes:high.
        surrogate: for cloaking: recognizers that every cloak is made on together.
        purifier: for cloaking: what the tracker does to its gallery; identity is nothing.
        tracker: for cloaking: nearest, linear, end_to_end or whole_network.
        judge: for cloaking: recognizers that the tracker uses.
        users: for cloaking: how many people cloak, one at a time.
        passed_over: for cloaking: people of the order left out before them; 16 of LFW chose the recipe of puface.
        splits: for cloaking: how many 70/30 splits, by the seed and those that follow it.
        run: for verification and cloaking: folder that keeps what is costly for the next time.
        seed: of the bootstrap.
        out: folder for scores.parquet and decision.json, or verification.json and verification.md.
    """
    if experiment == "verification":
        return evaluate_verification(
            recognizer=recognizer, dataset=dataset, aligner=aligner, seed=seed, run=run, out=out
        )
    if experiment == "cloaking":
        if len(dataset) != 1:
            raise BadInputError("cloaking needs one set of photos", hint="--dataset lfw:PATH")
        metrics, files, skipped = evaluate_cloaking(
            dataset=dataset[0],
            cloak=cloak,
            surrogate=surrogate,
            purifier=purifier,
            tracker=tracker,
            judge=judge,
            users=users,
            passed_over=passed_over,
            aligner=aligner,
            seeds=tuple(range(seed, seed + splits)),
            run=Path("runs/cloaking") if run is None else run,
            out=out,
        )
        return Evaluated(metrics, None, any(metric.simulated for metric in metrics), files, skipped)
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
