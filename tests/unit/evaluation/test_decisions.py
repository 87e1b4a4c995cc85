"""Decisions are correct where the threshold's side is the label's, the threshold itself included."""

from __future__ import annotations

import torch

from facewarden.core.batch import FaceBatch
from facewarden.core.card import Card
from facewarden.core.roles import Detector, PadOutput
from facewarden.evaluation.decisions import correct_batches, correct_scores, decided_correctly


class Mean(Detector):
    """The score is the mean of the color image."""

    card = Card("mean", "mean", "pad")

    def predict(self, batch: FaceBatch) -> PadOutput:
        return PadOutput(batch.images["rgb"].mean(dim=(1, 2, 3)))


def faces(means: list[float], labels: list[int]) -> FaceBatch:
    images = torch.tensor(means)[:, None, None, None].expand(-1, 3, 4, 4).clone()
    return FaceBatch(
        images={"rgb": images}, key=tuple(f"s{i}" for i in range(len(means))), label=torch.tensor(labels),
        species=("x",) * len(means), subject=tuple(map(str, means)), domain=("d",) * len(means),
    )  # fmt: skip


MEANS, LABELS = [0.25, 0.5, 0.75, 0.25, 0.5, 0.75], [1, 1, 1, 0, 0, 0]
CORRECT = [False, True, True, True, False, False]


def test_scores_and_detectors_are_judged_alike() -> None:
    assert correct_scores(MEANS, LABELS, threshold=0.5).tolist() == CORRECT
    assert decided_correctly(Mean(), faces(MEANS, LABELS), threshold=0.5).tolist() == CORRECT


def test_wrong_samples_leave_the_batches_and_empty_batches_go() -> None:
    kept = correct_batches([faces(MEANS, LABELS), faces([0.0], [1])], Mean(), threshold=0.5)
    assert [batch.key for batch in kept] == [("s1", "s2", "s3")]
