"""Score photos or captures with a presentation attack detector."""

from __future__ import annotations

from facewarden.verbs.score import ScoreResult, score


def show(result: ScoreResult) -> int:
    """Print the scores, or where they are."""
    for reason, count in result.skipped.items():
        print(f"skipped {count}: {reason}")
    if result.out is not None:
        print(f"{len(result.key)} scores: {result.out}")
        return 0
    for key, value in zip(result.key, result.score, strict=True):
        print(f"{value:+9.4f}  {key}")
    return 0


entry = score
