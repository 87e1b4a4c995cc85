"""The baseline's loss against NumPy, its masks, and what the base class refuses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from facewarden.core.batch import FaceBatch
from facewarden.core.card import Card
from facewarden.core.errors import ContractError
from facewarden.core.labels import MODALITIES
from facewarden.core.roles import Detector, PadOutput
from facewarden.training.objectives.cross_entropy import CrossEntropy
from facewarden.training.objectives.parts.base import Loss, TrainingObjective
from stand_ins import make_batch


class Fixed(Detector):
    """Says what it was told."""

    card = Card(name="fixed", summary="A stand-in.", role="pad")
    modalities, optional, heads = MODALITIES, MODALITIES, MODALITIES

    def __init__(self, score: Tensor, tasks: dict[str, Tensor]) -> None:
        super().__init__()
        self.said = PadOutput(score=score, tasks=tasks)

    def predict(self, batch: FaceBatch) -> PadOutput:
        return self.said


SCORE = torch.tensor([1.5, -0.3, 0.2, 4.0])
TASKS = {name: torch.tensor([[0.4], [1.0], [-2.0], [0.1]]) * (i + 1) for i, name in enumerate(MODALITIES)}


def bce(score: np.ndarray, target: np.ndarray) -> np.ndarray:
    p = 1 / (1 + np.exp(-score.astype(np.float64)))
    return -(target * np.log(p) + (1 - target) * np.log(1 - p))


def test_total_and_parts_are_the_formula() -> None:
    batch = make_batch(4)
    depth = torch.tensor([True, False, True, False])
    batch = replace(batch, present={**batch.present, "depth": depth})
    loss = CrossEntropy(branch=0.25, smoothing=0.1)(Fixed(SCORE, TASKS), batch)
    target = np.array([0, 1, 0, 1]) * 0.9 + 0.05
    fused = bce(SCORE.numpy(), target).mean()
    single = {name: bce(TASKS[name][:, 0].numpy(), target) for name in MODALITIES}
    means = {name: value[depth.numpy()].mean() if name == "depth" else value.mean() for name, value in single.items()}
    assert loss.parts["fused"].item() == pytest.approx(fused, rel=1e-5)
    for name, value in means.items():
        assert loss.parts[f"loss/{name}"].item() == pytest.approx(value, rel=1e-5)
    assert loss.total.item() == pytest.approx(fused + 0.25 * np.mean(list(means.values())), rel=1e-5)


def test_a_detector_without_heads_has_the_fused_term_alone() -> None:
    loss = CrossEntropy(smoothing=0.0)(Fixed(SCORE, {}), make_batch(4))
    assert set(loss.parts) == {"fused"}
    assert loss.total.item() == pytest.approx(bce(SCORE.numpy(), np.array([0, 1, 0, 1])).mean(), rel=1e-5)


def test_labels_are_needed() -> None:
    with pytest.raises(ContractError, match="labels"):
        CrossEntropy()(Fixed(SCORE, {}), replace(make_batch(4), label=None))


@pytest.mark.parametrize("total", [torch.tensor(float("nan")), torch.zeros(2)])
def test_a_loss_that_is_no_finite_scalar_is_refused(total: Tensor) -> None:
    class Broken(TrainingObjective):
        def compute(self, model: Detector, batch: FaceBatch) -> Loss:
            return Loss(total)

    with pytest.raises(ContractError, match="Broken gave a loss"):
        Broken()(Fixed(SCORE, {}), make_batch(4))


def test_the_check_cannot_be_replaced() -> None:
    with pytest.raises(ContractError, match="__call__"):

        class Liar(TrainingObjective):
            def compute(self, model: Detector, batch: FaceBatch) -> Loss:
                return Loss(torch.zeros(()))

            def __call__(self, model: Detector, batch: FaceBatch) -> Loss:  # type: ignore[misc]
                return Loss(torch.zeros(()))
