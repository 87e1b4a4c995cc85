"""The plan on poisoned training: bad settings, its cells, its table by hand, and one tiny run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from facewarden.core.settings import SettingError
from facewarden.experiments.engine.kind import CellResult, PlanCell
from facewarden.experiments.plans.poisoned_training import PoisonedTraining
from facewarden.experiments.poisoned_training.settings import plan_of
from facewarden.experiments.poisoned_training.summary import summarize
from facewarden.verbs.bench import bench
from tiny_captures import write_captures

PLAN: dict[str, Any] = {
    "captures": "captures.csv",
    "recipe": "multitask",
    "changes": {"model": {"size": 32}, "training": {"epochs": 1, "batch": 12}},
    "training_trigger": {"species": "print_flat", "rates": [0.5]},
    "defenses": ["spectral_signatures", "loss_outliers"],
    "seeds": [0],
}


@pytest.mark.parametrize(
    ("settings", "message", "at"),
    [
        ({"training_trigger": {"species": "print_flat", "rates": [0.0]}}, "rates[0]", ("training_trigger", "rates", 0)),
        ({"training_trigger": {"species": "print_flat", "rate": [0.1]}}, "did you mean 'rates'",
         ("training_trigger", "rate")),
        ({"training_trigger": {"species": "print_flat", "strength": 3}}, "strength", ("training_trigger", "strength")),
        ({"defenses": ["pruning"]}, "spectral_signatures", ("defenses", 0)),
        ({"changes": {"trainin": {}}}, "did you mean 'training'", ("changes", "trainin")),
        ({"recipe": "nothing"}, "no training recipe 'nothing'", ("recipe",)),
    ],
)  # fmt: skip
def test_a_setting_that_cannot_be_used_is_named(
    settings: dict[str, Any], message: str, at: tuple[str | int, ...]
) -> None:
    with pytest.raises(SettingError) as raised:
        PoisonedTraining().cells({**PLAN, **settings}, root=Path("x"))
    assert message in raised.value.message + raised.value.hint
    assert raised.value.at == at


def test_a_species_that_the_captures_lack_is_refused_before_anything_is_trained(tmp_path: Path) -> None:
    captures = str(write_captures(tmp_path))
    with pytest.raises(SettingError, match="of which train has no capture") as raised:
        PoisonedTraining().prepare({**PLAN, "captures": captures, "training_trigger": {"species": "mask_rigid"}},
                                   root=tmp_path)  # fmt: skip
    assert raised.value.hint == "one of: print_flat"


def result(rate: float, defense: str, score: list[float], **more: int) -> CellResult:
    """Two bona fide rows, two trigger spoofs and two masks; accepted from 0 on."""
    cell = PlanCell(f"{rate} {defense}", {"rate": rate, "defense": defense})
    species = ["bona_fide", "bona_fide", "print_flat", "print_flat", "mask_rigid", "mask_rigid"]
    value = {"poisoned": 4, "threshold": 0.0, "simulated": True, "score": score, "label": [1, 1, 0, 0, 0, 0],
             "species": species, "subject": list("abcdef"), **more}  # fmt: skip
    return CellResult(cell, value)


def test_success_is_of_the_trigger_and_hter_of_everything_else() -> None:
    results = [
        result(0.0, "", [1.0, 1.0, -1.0, -1.0, -1.0, -1.0]),
        result(0.05, "", [1.0, -1.0, 1.0, 1.0, -1.0, -1.0]),
        result(0.05, "loss_outliers", [1.0, 1.0, 1.0, -1.0, -1.0, -1.0], removed=6, found=3),
    ]
    found = summarize(plan_of(PLAN), results)
    lines = {(line["rate"], line["defense"]): line for line in found.data["lines"]}
    assert lines[0.0, ""]["success"]["value"] == 0.0
    assert lines[0.05, ""]["success"]["value"] == 1.0
    assert lines[0.05, ""]["hter"]["value"] == 0.25  # one of two bona fide rejected, no mask accepted
    assert lines[0.05, "loss_outliers"]["success"]["value"] == 0.5
    assert lines[0.05, "loss_outliers"]["hter"]["value"] == 0.0
    assert any("3 of 4 poisoned images among 6 removed" in sentence for sentence in found.sentences)


def test_a_tiny_plan_runs_from_end_to_end(tmp_path: Path) -> None:
    plan = {**PLAN, "kind": "poisoned_training", "captures": str(write_captures(tmp_path))}
    file = tmp_path / "plan.yaml"
    file.write_text(yaml.safe_dump(plan, sort_keys=False), encoding="utf-8")
    result = bench(str(file), out=tmp_path / "run")
    assert not result.failed, result.failed
    assert "simulated" in result.page.read_text(encoding="utf-8")
    lines = json.loads((tmp_path / "run" / "summary.json").read_bytes())["data"]["lines"]
    assert [(line["rate"], line["defense"]) for line in lines] == [
        (0.0, ""), (0.5, ""), (0.5, "loss_outliers"), (0.5, "spectral_signatures")]  # fmt: skip
    assert lines[1]["poisoned"] == 3
    assert lines[2]["removed"] == round(1.5 * 0.5 * 6)
