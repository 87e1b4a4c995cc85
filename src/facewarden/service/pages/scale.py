"""Where a score stands beside the threshold, as coordinates of a small drawing."""

from __future__ import annotations

from dataclasses import dataclass

from facewarden.reporting.format import number

WIDTH, HALF = 320.0, 150.0
"""Of the drawing in its own units; the threshold is in the middle."""
_SPAN = 4.0
"""Distance in units of the score that is always shown on both sides of the threshold."""


@dataclass(frozen=True)
class ScoreScale:
    """One score on the scale of its threshold.

    Attributes:
        score, threshold: as text.
        at: horizontal place of the score, 0 to `WIDTH`.
        low, high: scores at both ends, as text.
        distance: of the score from the threshold, with its sign.
    """

    score: str
    threshold: str
    at: float
    low: str
    high: str
    distance: str


def score_scale(score: float, threshold: float) -> ScoreScale:
    """Place a score.

    Args:
        score, threshold: finite; higher is more bona fide.
    """
    distance = score - threshold
    span = max(_SPAN, abs(distance) * 1.15)
    return ScoreScale(
        score=number(score), threshold=number(threshold), at=round(WIDTH / 2 + HALF * distance / span, 1),
        low=number(threshold - span), high=number(threshold + span),
        distance=f"{'+' if distance > 0 else ''}{number(distance)}",
    )  # fmt: skip
