"""Cross-modal focal loss against worked cases and a loop over samples and pairs."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from facewarden.core.batch import FaceBatch
from facewarden.core.card import Card
from facewarden.core.errors import BadInputError, ContractError
from facewarden.core.labels import MODALITIES, Modality
from facewarden.core.roles import Detector, PadOutput
from facewarden.training.objectives.cmfl import Cmfl, cross_modal_focal_loss
from stand_ins import make_batch


class Fixed(Detector):
    """Says what it was told to."""

    card = Card(name="fixed", summary="A stand-in.", role="pad")
    modalities = MODALITIES
    optional = MODALITIES
    heads = MODALITIES

    def __init__(self, score: torch.Tensor, tasks: dict[str, torch.Tensor]) -> None:
        super().__init__()
        self.said = PadOutput(score=score, tasks=tasks)

    def predict(self, batch: FaceBatch) -> PadOutput:
        return self.said


SCORE = torch.tensor([1.5, -0.3, 0.2, 4.0])
LOGITS = {
    "rgb": torch.tensor([0.4, 1.0, -2.0, 0.1]),
    "depth": torch.tensor([-1.0, 2.0, 0.5, 0.3]),
    "infrared": torch.tensor([0.0, -0.7, 1.1, 3.0]),
}
TASKS = {name: logit[:, None] for name, logit in LOGITS.items()}


def one(p: float, q: float, gamma: float = 3.0) -> float:
    return -((1 - q * 2 * p * q / (p + q)) ** gamma) * math.log(p)


def test_worked_cases() -> None:
    """Half sure both: w = 0.25. A silent partner: plain cross-entropy. Both sure: next to nothing."""
    assert one(0.5, 0.5) == pytest.approx(0.75**3 * math.log(2))
    p, q = torch.tensor([0.5, 0.3, 0.999]), torch.tensor([0.5, 1e-9, 0.999])
    found = cross_modal_focal_loss(p.log(), q.log(), alpha=1.0, gamma=3.0)
    assert found[0].item() == pytest.approx(0.75**3 * math.log(2), rel=1e-5)
    assert found[1].item() == pytest.approx(-math.log(0.3), rel=1e-5)
    assert found[2].item() < 1e-9
    twice = cross_modal_focal_loss(p.log(), q.log(), alpha=2.0, gamma=0.0)
    torch.testing.assert_close(twice, -2 * p.log())


def expected(batch: FaceBatch, held: tuple[Modality, ...], share: float = 0.5) -> tuple[float, dict[str, float]]:
    assert batch.label is not None
    joint, cross = 0.0, dict.fromkeys(held, 0.0)
    for i, label in enumerate(batch.label.tolist()):
        sign = 1 if label else -1
        joint += math.log1p(math.exp(-sign * float(SCORE[i])))
        p = {m: 1 / (1 + math.exp(-sign * float(LOGITS[m][i]))) for m in held if bool(batch.present[m][i])}
        for m in p:
            values = [one(p[m], p[k]) for k in p if k != m]
            cross[m] += sum(values) / len(values) if values else -math.log(p[m])
    count = len(batch)
    return (1 - share) * joint / count + share * sum(cross.values()) / count, {m: v / count for m, v in cross.items()}


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_it_is_the_sum_over_ordered_pairs(share: float) -> None:
    batch = make_batch(4)
    loss = Cmfl(share=share)(Fixed(SCORE, TASKS), batch)
    total, parts = expected(batch, MODALITIES, share)
    assert loss.total.item() == pytest.approx(total, rel=1e-5)
    assert {m: loss.parts[f"loss/{m}"].item() for m in MODALITIES} == pytest.approx(parts, rel=1e-5)


def test_all_ordered_pairs_may_be_added_up() -> None:
    """Three modalities have six ordered pairs; the mean over partners is half of their sum."""
    batch = make_batch(4)
    joint = expected(batch, MODALITIES, share=0.0)[0]
    half = expected(batch, MODALITIES, share=1.0)[0]
    found = Cmfl(partners="sum")(Fixed(SCORE, TASKS), batch)
    assert found.total.item() == pytest.approx(0.5 * joint + 0.5 * 2 * half, rel=1e-5)
    two = ("rgb", "depth")
    alone = make_batch(4, modalities=two)
    pair = Fixed(SCORE, {m: TASKS[m] for m in two})
    assert Cmfl(partners="sum")(pair, alone).total.item() == Cmfl()(pair, alone).total.item()


def test_two_modalities_are_the_published_loss() -> None:
    batch = make_batch(4, modalities=("rgb", "depth"))
    loss = Cmfl()(Fixed(SCORE, {m: TASKS[m] for m in ("rgb", "depth")}), batch)
    p, q = (torch.sigmoid(LOGITS[m] * (batch.label * 2 - 1)) for m in ("rgb", "depth"))  # type: ignore[operator]
    both = sum(one(float(a), float(b)) + one(float(b), float(a)) for a, b in zip(p, q, strict=True)) / 4
    joint = torch.nn.functional.softplus(-SCORE * (batch.label * 2 - 1)).mean().item()  # type: ignore[operator]
    assert loss.total.item() == pytest.approx(0.5 * joint + 0.5 * both, rel=1e-5)


def test_absent_modalities_are_no_partners_and_cost_nothing() -> None:
    batch = make_batch(4)
    present = {
        "rgb": torch.tensor([True, True, True, False]),
        "depth": torch.tensor([True, False, False, True]),
        "infrared": torch.tensor([True, True, False, False]),
    }
    batch = replace(batch, present=present)
    loss = Cmfl()(Fixed(SCORE, TASKS), batch)
    assert loss.total.item() == pytest.approx(expected(batch, MODALITIES)[0], rel=1e-5)


def test_bad_settings_and_detectors_without_heads_are_refused() -> None:
    with pytest.raises(BadInputError, match="share 2"):
        Cmfl(share=2.0)
    with pytest.raises(ContractError, match="head for each modality"):
        Cmfl()(Fixed(SCORE, {}), make_batch(4))
