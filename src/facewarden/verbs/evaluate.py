"""Evaluation of one model: a detector on captures, or a recognizer on pairs of photos."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from facewarden.core.decision import DecisionRule
from facewarden.core.errors import BadInputError
from facewarden.core.resolve import resolve_detector
from facewarden.core.seeding import checked_seed
from facewarden.data.captures import open_captures
from facewarden.evaluation.presentation import measure_presentation
from facewarden.evaluation.scores import Scores, score_manifest
from facewarden.evaluation.verification import verify
from facewarden.evaluation.verification_report import verification_metrics, write_verification
from facewarden.reporting.document import Metric


@dataclass(frozen=True)
class Evaluated:
    """Figures of a model.

    Attributes:
        metrics: each with interval and sample count.
        rule: the decision rule, for a detector.
        simulated: whether the data are.
        files: what was written.
        skipped: reason -> how many captures or photos could not be used.
    """

    metrics: tuple[Metric, ...]
    rule: DecisionRule | None
    simulated: bool
    files: tuple[Path, ...] = ()
    skipped: dict[str, int] = field(default_factory=dict)


def evaluate_presentation(
    *,
    captures: Path | None,
    scores: Path | None,
    detector: str,
    policy: str,
    seed: int,
    out: Path | None,
) -> Evaluated:
    """Measure a detector on a manifest's test split with the threshold of its development split.

    Args:
        captures: manifest to score, or NAME:PATH of a published set; or
        scores: table that `facewarden score --out` wrote for a manifest.
        detector: which detector, where captures are given.
        policy: how the threshold is set.
        seed: of the bootstrap.
        out: folder for scores.parquet and decision.json.
    """
    checked_seed(seed)
    if (captures is None) == (scores is None):
        raise BadInputError(
            "give either --captures or --scores", hint="facewarden evaluate presentation --captures M.csv"
        )
    if captures is not None:
        manifest = open_captures(captures).where(split=("dev", "test"))
        found = score_manifest(resolve_detector(detector), manifest)
    else:
        assert scores is not None
        found = Scores.read(scores, source=scores.stem)
    measured = measure_presentation(found, policy=policy, seed=seed, rounds=1000)
    files: tuple[Path, ...] = ()
    if out is not None:
        files = (out / "scores.parquet", out / "decision.json")
        found.write(files[0])
        measured.rule.write(files[1])
    return Evaluated(measured.section.metrics, measured.rule, found.simulated, files, dict(found.skipped))


def evaluate_verification(
    *,
    recognizer: tuple[str, ...],
    dataset: tuple[str, ...],
    aligner: str,
    seed: int,
    run: Path | None,
    out: Path | None,
) -> Evaluated:
    """Measure recognizers on pairs of photos.

    Args:
        recognizer: which recognizers.
        dataset: which sets.
        aligner: the face finder.
        seed: of the bootstrap.
        run: folder that keeps the embeddings.
        out: folder for verification.json and verification.md.
    """
    checked_seed(seed)
    if not recognizer or not dataset:
        raise BadInputError(
            "verification needs recognizers and sets",
            hint="facewarden evaluate verification --recognizer mobilefacenet_512 --dataset orl",
        )
    results = verify(recognizer, dataset, aligner=aligner, seed=seed, run=run)
    left_out: dict[str, int] = {}
    for reason, count in {result.dataset: result.left_out for result in results}.items():
        left_out |= {f"{what} in {reason}": number for what, number in count.items()}
    files: tuple[Path, ...] = ()
    if out is not None:
        # Results are published: they name a file by its name and a set by its reader, not by this machine's folders.
        models = " ".join(Path(name).name for name in recognizer)
        sets = " ".join(f"{name.partition(':')[0]}:PATH" if ":" in name else Path(name).name for name in dataset)
        command = f"facewarden evaluate verification --recognizer {models} --dataset {sets} --out DIR"
        files = write_verification(results, out, command=command)
    return Evaluated(verification_metrics(results), None, any(r.simulated for r in results), files, left_out)
