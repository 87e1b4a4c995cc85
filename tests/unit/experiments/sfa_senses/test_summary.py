"""Tables of the senses from outcomes by hand: what counts, and that a control stands beside SFA on its own captures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from facewarden.experiments.engine.kind import CellResult, PlanCell
from facewarden.experiments.sfa_senses import cells as work
from facewarden.experiments.sfa_senses.settings import plan_of
from facewarden.experiments.sfa_senses.summary import NO_CELL, summarize
from facewarden.experiments.vulnerability.cells import without_lost
from facewarden.nn.gradient_sources.sfa_offset import SfaOffset
from many_heads import ManyHeads, random_pair, toy_faces

KEYS = [f"k{number}" for number in range(80)]
SAMPLES = [{"key": key, "label": number % 2, "subject": f"p{number // 4}"} for number, key in enumerate(KEYS)]
PLAN: dict[str, Any] = {
    "captures": "captures.csv",
    "models": {"one": "multitask:one", "two": "multitask:two"},
    "heads": ["live", "spoof_type"],
    "eps": [1],
    "sfa": {"epochs": 2, "patience": 1},
    "senses": {"a": {"unit": "points", "band": [5, 60]}},
    "arms": {
        "plain": {},
        "sfa": {"read": "own"},
        "random": {"read": "random", "models": 1},
        "steps": {"method": "mi_fgsm", "models": 1},
        "steps with sfa": {"method": "mi_fgsm", "models": 1, "read": "own", "against": "steps"},
    },
}


def rate(share: float) -> list[int]:
    """Of every four people's captures of a class so many succeed."""
    return [int(number // 2 % 4 < 4 * share) for number in range(80)]


def clean(model: str, accuracy: float) -> CellResult:
    value = {"samples": SAMPLES, "accuracy": [accuracy, accuracy, accuracy, 80], "metrics": {}, "simulated": True}
    return CellResult(PlanCell(f"clean / {model}", {"do": "clean", "model": model}), value)


def attack(model: str, **shares: float) -> CellResult:
    names = {name.replace("_", " "): share for name, share in shares.items()}
    value = {"key": KEYS, "pixels": "the crop", "gradients": dict.fromkeys(names, 1),
             "success": {f"1|{name}": rate(share) for name, share in names.items()}}  # fmt: skip
    cell = PlanCell(f"{model} {sorted(names)}", {"do": "attack", "model": model, "head": "spoof_type"})
    return CellResult(cell, value)


def summary(first: float = 1.0, **changes: Any) -> Any:
    """SFA does nothing on the first model and doubles success on the second, which no control attacks."""
    results = [
        clean("one", first), clean("two", 1.0),
        attack("one", plain=0.25, sfa=0.25, random=0.25, steps=0.75, steps_with_sfa=1.0),
        attack("two", plain=0.25, sfa=0.5),
    ]  # fmt: skip
    return summarize(plan_of({**PLAN, **changes}), results).data


def control(data: Any, name: str) -> Any:
    return next(line for line in data["controls"] if line["name"] == name)


def test_a_control_stands_beside_sfa_on_its_own_captures() -> None:
    data = summary()
    assert control(data, "sfa")["gain"]["value"] == pytest.approx(12.5)  # over both models
    assert control(data, "random")["sfa"]["value"] == pytest.approx(0.25)  # on the model of the control
    assert control(data, "random")["minus_sfa"]["value"] == pytest.approx(0.0)


def test_all_arms_count_over_cells_that_plain_chooses_and_none_is_dropped() -> None:
    assert control(summary(), "steps with sfa")["gain"]["value"] == pytest.approx(25.0)
    high = summary(senses={"a": {"unit": "points", "band": [80, 90]}})
    assert control(high, "random")["cells"] == 0
    page = summarize(plan_of({**PLAN, "senses": {"a": {"unit": "points", "band": [80, 90]}}}),
                     [clean("one", 1.0), attack("one", plain=0.25, sfa=0.25)])  # fmt: skip
    assert any(NO_CELL in row for table in page.tables for row in table.rows)


def test_an_inaccurate_model_counts_in_no_sense() -> None:
    data = summary(first=0.9, min_accuracy=95)
    assert data["senses"][0]["gain"]["value"] == pytest.approx(25.0)  # of the second alone
    assert [line["name"] for line in data["models"]] == ["two", "two"]
    assert summary(first=0.9)["senses"][0]["gain"]["value"] == pytest.approx(12.5)


def test_a_lost_sample_takes_no_cell_with_it() -> None:
    outcome = {"key": KEYS, "success": {"1|plain": rate(0.5)}, "gradients": {"plain": 1}}
    left = without_lost(outcome, {"k3"}, where="here")
    assert len(left["success"]["1|plain"]) == 79
    assert left["lost"] == ["k3"]


def test_drawn_signs_keep_the_size_of_the_map_and_lose_its_direction() -> None:
    pair, batch = random_pair(), toy_faces(6)
    rgb = batch.images["rgb"] * 0.5 + 0.25  # far from both ends of the range
    moved: list[torch.Tensor] = []

    class Watched(ManyHeads):
        def predict(self, batch: Any) -> Any:
            moved.append(batch.images["rgb"].detach())
            return super().predict(batch)

    view = batch.with_images({"rgb": rgb})
    work.one_step(Watched(3), view, head="type", threshold=0.0, form="loss",
                  reading=SfaOffset(pair, offset="signs"), seed=1)  # fmt: skip
    offset, wanted = moved[-1] - rgb, pair(rgb)
    assert wanted.abs().mean() > 1e-4
    torch.testing.assert_close(offset.abs(), wanted.abs(), atol=1e-6, rtol=0)
    share = float((offset.sign() == wanted.sign()).float().mean())
    assert 0.4 < share < 0.6


def test_random_starts_reach_the_border_and_any_of_them_may_succeed(monkeypatch: pytest.MonkeyPatch) -> None:
    model, batch = ManyHeads(3), toy_faces(8, seed=2)
    arm = {"starts": 3, "form": "loss", "eps": [4.0], "read": "image"}
    asked: list[dict[str, Any]] = []
    build = work.build_attack

    def watched(name: str, options: dict[str, Any]) -> Any:
        asked.append(options)
        attack = build(name, options)

        def run(*args: Any, **named: Any) -> Any:
            result = attack(*args, **named)
            size = (result.images["rgb"] - batch.images["rgb"]).abs()
            inside = (batch.images["rgb"] > 0.1) & (batch.images["rgb"] < 0.9)
            assert float((size[inside] * 255).median()) == pytest.approx(4.0, abs=1e-3)
            found.append(result.success)
            return result

        return run

    found: list[torch.Tensor] = []
    monkeypatch.setattr(work, "build_attack", watched)
    hits, calls, _ = work._attacked(arm, model, batch, head="live", threshold=0.0, reading=None, seed=5)
    assert len(asked) == 3
    assert calls == 3
    assert hits["4"] == np.any([one.numpy() for one in found], axis=0).astype(int).tolist()
