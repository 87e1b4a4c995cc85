"""Score photos or captures with a presentation attack detector."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from facewarden.cli.parts.checks import check_detectors, check_sets
from facewarden.cli.parts.kinds import Device, Model
from facewarden.cli.parts.outcome import Outcome


def score(
    source: Annotated[str, "CAPTURES|PHOTOS"],
    /,
    *,
    detector: Model = "multi_cnn",
    device: Device = "auto",
    out: Path | None = None,
) -> Outcome:
    """Score photos or captures with a presentation attack detector: a logit each, higher is more bona fide.

    Args:
        source: captures (a manifest, or NAME:PATH of a published set), a photo, or a folder of photos at any depth.
        detector: the detector.
        device: where it computes: auto (a GPU where there is one), cpu, cuda, cuda:1 or mps.
        out: table to write, .parquet or .csv.
    """
    check_detectors([detector])
    check_sets([source])
    from facewarden.verbs.score import score as run

    result = run(Path(source), detector=detector, device=device, out=out)
    lines = [f"skipped {count}: {reason}" for reason, count in result.skipped.items()]
    if result.out is not None:
        lines.append(f"{len(result.key)} scores: {result.out}")
    else:
        lines += [f"{value:+9.4f}  {key}" for key, value in zip(result.key, result.score, strict=True)]
    return Outcome(result, lines)


entry = score
