"""AENet's loss on hand-worked outputs: weights, masks, and heads without targets."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from facewarden.core.batch import FaceBatch
from facewarden.core.errors import BadInputError
from facewarden.core.roles import Detector, PadOutput
from facewarden.core.tasks import HEADS
from facewarden.training.objectives.multitask import Multitask

LN2 = math.log(2)


class Says(Detector):
    """Gives the outputs that it was told, plus a parameter so that there is something to learn."""

    heads = HEADS

    def __init__(self, tasks: dict[str, Tensor]) -> None:
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(()))
        self.tasks = tasks

    def predict(self, batch: FaceBatch) -> PadOutput:
        tasks = {head: value + self.shift for head, value in self.tasks.items()}
        return PadOutput(score=tasks["live"][:, 1] - tasks["live"][:, 0], tasks=tasks)


def outputs() -> dict[str, Tensor]:
    return {
        "live": torch.zeros(2, 2), "attributes": torch.zeros(2, 40), "spoof_type": torch.zeros(2, 11),
        "illumination": torch.zeros(2, 5), "depth_map": torch.full((2, 1, 14, 14), 0.5),
        "reflection_map": torch.full((2, 3, 14, 14), 0.25),
    }  # fmt: skip


def batch(**tasks: Tensor) -> FaceBatch:
    full = {
        "attributes": torch.zeros(2, 40), "spoof_type": torch.tensor([0, 4]), "illumination": torch.tensor([0, 1]),
        "depth_map": torch.zeros(2, 1, 28, 28), "reflection_map": torch.zeros(2, 3, 28, 28),
    } | tasks  # fmt: skip
    return FaceBatch(images={"rgb": torch.zeros(2, 3, 8, 8)}, key=("a", "b"), label=torch.tensor([1, 0]), tasks=full)


def test_the_total_is_the_weighted_sum_of_aenet() -> None:
    model = Says(outputs())
    loss = Multitask()(model, batch())
    wanted = {
        "live": LN2, "attributes": LN2, "spoof_type": math.log(11), "illumination": math.log(5), "depth_map": 0.25,
        "reflection_map": 0.0625,
    }  # fmt: skip
    assert {name: float(value) for name, value in loss.parts.items()} == pytest.approx(
        {f"loss/{head}": value for head, value in wanted.items()}
    )
    total = 2 * LN2 + 0.1 * math.log(11) + 0.01 * math.log(5) + 0.1 * 0.25 + 0.1 * 0.0625
    assert float(loss.total.detach()) == pytest.approx(total)
    loss.total.backward()
    assert model.shift.grad is not None


def test_what_is_unknown_adds_nothing() -> None:
    depth = torch.zeros(2, 1, 28, 28)
    depth[0] = torch.nan
    loss = Multitask(weights={"live": 0.0, "attributes": 0.0, "illumination": 0.0, "reflection_map": 0.0})(
        Says(outputs()), batch(depth_map=depth, spoof_type=torch.tensor([-1, -1]))
    )
    assert "loss/spoof_type" not in loss.parts
    assert float(loss.total.detach()) == pytest.approx(0.1 * 0.25)


def test_a_head_can_learn_from_one_class_alone() -> None:
    tasks = outputs()
    tasks["attributes"][1] = 9.0  # nonsense on the attack
    only = Multitask(only={"attributes": 1})(Says(tasks), batch())
    both = Multitask()(Says(tasks), batch())
    assert float(only.parts["loss/attributes"]) == pytest.approx(LN2)
    assert float(both.parts["loss/attributes"]) > 4.0


def test_a_detector_with_fewer_heads_and_a_batch_with_fewer_targets_are_fine() -> None:
    plain = FaceBatch(images={"rgb": torch.zeros(2, 3, 8, 8)}, key=("a", "b"), label=torch.tensor([1, 0]))
    loss = Multitask()(Says(outputs()), plain)
    assert set(loss.parts) == {"loss/live"}
    loss = Multitask()(Says({"live": torch.zeros(2, 2)}), batch())
    assert set(loss.parts) == {"loss/live"}


@pytest.mark.parametrize("settings", [{"weights": {"smile": 1.0}}, {"weights": {"live": -1.0}}, {"only": {"live": 2}}])
def test_settings_that_are_none_are_refused(settings: dict[str, dict[str, float]]) -> None:
    with pytest.raises(BadInputError) as raised:
        Multitask(**settings)  # type: ignore[arg-type]
    assert raised.value.hint
