"""What scoring gives: scores with decisions, probabilities, and where the threshold came from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from facewarden.core.roles import Detector
from facewarden.data.results import RowsResult
from facewarden.evaluation.verdicts.rule import VerdictRule, simulation_notes

NO_RESPONSE = "no_response"
"""Decision of a photo without a score."""


@dataclass(frozen=True, repr=False)
class ScoreResult(RowsResult):
    """What was scored.

    Attributes:
        key: file or capture name.
        score: logit, higher = more bona fide.
        out: the table on disk, if one was asked for; it also holds what has no score, with a note.
        skipped: reason -> count of non-responses: photos and captures that get no decision.
        computed: device and precision of the network.
        n_faces: of each photo, how many faces were found; empty for captures and clips.
        box: of each photo, x0 y0 x1 y1 in pixels of the face that was scored; empty for captures and clips.
        notes: of each photo or clip, what a reader must know of it, separated by semicolons; empty for captures.
        warnings: what a reader must know before any score.
        probability: of a bona fide presentation at equal priors; empty where it was not calibrated.
        decision: "bona_fide" or "attack"; empty where there is no threshold.
        rule: the threshold and where it came from, None where there is none.
        model: the detector's name.
        clip_rule: how the frames of a clip were chosen and make one score; empty where there are no clips.
    """

    key: tuple[str, ...]
    score: tuple[float, ...]
    out: Path | None
    skipped: dict[str, int]
    computed: dict[str, str] = field(default_factory=dict)
    n_faces: tuple[int, ...] = ()
    box: tuple[tuple[float, float, float, float], ...] = ()
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    probability: tuple[float, ...] = ()
    decision: tuple[str, ...] = ()
    rule: VerdictRule | None = None
    model: str = ""
    clip_rule: str = ""

    def columns(self) -> Mapping[str, Sequence[Any]]:
        """Key, score, probability and decision of every sample, and of photos which face was scored."""
        told: dict[str, Sequence[Any]] = {"key": self.key, "score": self.score}
        told |= {"probability": self.probability} if self.probability else {}
        told |= {"decision": self.decision} if self.decision else {}
        if self.clip_rule:
            return {**told, "notes": self.notes}
        if len(self.n_faces) < len(self.key):
            return told
        return {**told, "n_faces": self.n_faces, "box": [box_text(box) for box in self.box], "notes": self.notes}


def warnings_of(model: Detector, *, color_alone: bool = False) -> tuple[str, ...]:
    """What a reader must know of a detector before any score.

    Args:
        model: the detector.
        color_alone: whether it is given photos, which no other sensor goes with.
    """
    absent = [modality for modality in model.modalities if modality != "rgb"]
    if not color_alone or not absent:
        return simulation_notes(model.card)
    told = (
        f"{model.card.name} was made for {', '.join(model.modalities)}, and photos have color alone: its error rates "
        "with all sensors do not hold"
    )
    return (told, *simulation_notes(model.card))


def verdicts_of(values: Sequence[float], rule: VerdictRule | None, model: Detector) -> dict[str, Any]:
    """Fields of a result that a rule gives to scores."""
    sure = [] if rule is None else [one for value in values if (one := rule.probability_of(value)) is not None]
    decided = () if rule is None else tuple(map(rule.decision, values))
    return {"probability": tuple(sure), "decision": decided, "rule": rule, "model": model.card.name}


def verdict_columns(
    values: Sequence[float | None], rule: VerdictRule | None, model: Detector
) -> dict[str, list[float | str | None]]:
    """Columns of a table; a row without a score is a non-response."""
    decided = [NO_RESPONSE if one is None else None if rule is None else rule.decision(one) for one in values]
    return {
        "probability": [None if one is None or rule is None else rule.probability_of(one) for one in values],
        "decision": list(decided),
        "threshold": [None if rule is None else rule.threshold] * len(values),
        "threshold_from": ["none" if rule is None else rule.origin] * len(values),
        "model": [model.card.name] * len(values),
    }


def box_text(box: tuple[float, float, float, float]) -> str:
    """A box as a cell of a table."""
    return " ".join(f"{value:.1f}" for value in box)
