"""The plan on poisoned training: bad settings, its cells, its tables by hand, and one tiny run."""

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
    "training_trigger": {"species": "print_flat", "rates": [0, 0.5]},
    "remove": 0.34,
    "seeds": [0],
}
DEFENSES = ("", "loss_outliers", "random", "spectral_signatures")


@pytest.mark.parametrize(
    ("settings", "message", "at"),
    [
        ({"training_trigger": {"species": "print_flat", "rates": [0.6]}}, "rates[0]", ("training_trigger", "rates", 0)),
        ({"training_trigger": {"species": "print_flat", "rate": [0.1]}}, "did you mean 'rates'",
         ("training_trigger", "rate")),
        ({"training_trigger": {"species": "print_flat", "strength": 3}}, "strength", ("training_trigger", "strength")),
        ({"training_trigger": {"species": "print_flat", "kind": "patch"}}, "spectrum", ("training_trigger", "kind")),
        ({"defenses": ["pruning"]}, "spectral_signatures", ("defenses", 0)),
        ({"remove": 1.5}, "remove", ("remove",)),
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


def test_every_defense_takes_the_same_share_at_every_rate_and_waits_for_the_trainings_that_it_reads() -> None:
    cells = {cell.name: cell for cell in PoisonedTraining().cells(PLAN, root=Path("x"))}
    assert len(cells) == 2 * 4
    assert {cell.settings["remove"] for cell in cells.values() if cell.settings["defense"]} == {0.34}
    assert cells["0 / none / seed 0"].needs == ()
    assert cells["0 / random / seed 0"].needs == ("0 / none / seed 0",)
    assert cells["0.5 / none / seed 0"].needs == ("0 / none / seed 0",)
    assert cells["0.5 / loss_outliers / seed 0"].needs == ("0 / none / seed 0", "0.5 / none / seed 0")


def result(rate: float, defense: str, score: list[float], *, seed: int = 0, threshold: float = 0.0,
           **more: Any) -> CellResult:  # fmt: skip
    """Eight people, each with a bona fide row, a trigger spoof and a mask, whose scores are given as three blocks."""
    cell = PlanCell(f"{rate} {defense} {seed}", {"rate": rate, "defense": defense, "seed": seed})
    value = {"poisoned": 4 if rate else 0, "bona_fide": 40, "removed": 0, "found": 0, "threshold": threshold,
             "clean_threshold": 0.0, "simulated": True, "key": [f"k{row}" for row in range(24)], "score": score,
             "label": [1] * 8 + [0] * 16, "species": ["bona_fide"] * 8 + ["print_flat"] * 8 + ["mask_rigid"] * 8,
             "subject": [f"p{row}" for row in range(8)] * 3, **more}  # fmt: skip
    return CellResult(cell, value)


def scores(bona_fide: float, spoof: float, mask: float) -> list[float]:
    return [bona_fide] * 8 + [spoof] * 8 + [mask] * 8


def test_success_is_read_at_both_thresholds_and_differences_are_paired_with_the_clean_training() -> None:
    carried = {"fine structure": {"value": 0.9, "low": 0.8, "high": 1.0, "n": 30, "auc": 0.97}}
    found = summarize(plan_of(PLAN), [
        result(0.0, "", scores(2.0, -1.0, -1.0), carried=carried),
        result(0.0, "random", scores(2.0, -1.0, -1.0), removed=3),
        result(0.05, "", scores(2.0, 1.0, -1.0), threshold=1.5),
        result(0.05, "loss_outliers", scores(2.0, -1.0, -1.0), removed=3, found=2),
        result(0.05, "random", scores(2.0, 1.0, -1.0), removed=3, found=1),
    ])  # fmt: skip
    lines = {(line["rate"], line["defense"]): line for line in found.data["lines"]}
    assert lines[0.05, ""]["success"]["value"] == 0.0  # the refitted threshold lies above
    assert lines[0.05, ""]["success_clean"]["value"] == 1.0
    assert lines[0.05, ""]["auc"]["value"] == 1.0
    assert lines[0.05, ""]["hter_others"]["value"] == 0.0
    assert (lines[0.05, "loss_outliers"]["found"], lines[0.05, "loss_outliers"]["poisoned"]) == (2, 4)
    apart = {(d["rate"], d["defense"], d["against"]["rate"], d["against"]["defense"]): d
             for d in found.data["differences"]}  # fmt: skip
    assert set(apart) == {(0.0, "random", 0.0, ""), (0.05, "", 0.0, ""), (0.05, "loss_outliers", 0.05, ""),
                          (0.05, "loss_outliers", 0.05, "random"), (0.05, "random", 0.05, "")}  # fmt: skip
    assert apart[0.05, "", 0.0, ""]["success_clean"]["value"] == 1.0
    assert apart[0.05, "", 0.0, ""]["success_clean"]["low"] > 0
    assert apart[0.05, "loss_outliers", 0.05, "random"]["success_clean"]["value"] == -1.0
    text = " ".join(found.sentences)
    assert "accepted, own threshold +0.0" in text
    assert "not shown" in text
    assert "removes 2 of 4 poisoned images among 3" in text
    assert "By fine structure, the trigger moves bona fide images 90% of the way" in text


def test_figures_are_means_over_seeds_and_seeds_are_never_mixed() -> None:
    found = summarize(plan_of(PLAN), [
        result(0.0, "", scores(2.0, 1.0, -1.0)),  # AUC 1; spoofs pass
        result(0.0, "", scores(12.0, 12.0, 11.0), seed=1, threshold=20.0),  # AUC one half; nobody passes
    ])  # fmt: skip
    line = found.data["lines"][0]
    assert line["seeds"] == 2
    assert line["success"]["value"] == 0.5
    assert line["auc"]["value"] == 0.75
    assert line["auc_others"]["value"] == 1.0
    assert line["hter_others"]["value"] == 0.25


def test_a_tiny_plan_runs_from_end_to_end(tmp_path: Path) -> None:
    plan = {**PLAN, "kind": "poisoned_training", "captures": str(write_captures(tmp_path))}
    file = tmp_path / "plan.yaml"
    file.write_text(yaml.safe_dump(plan, sort_keys=False), encoding="utf-8")
    result = bench(str(file), out=tmp_path / "run")
    assert not result.failed, result.failed
    assert "simulated" in result.page.read_text(encoding="utf-8")
    data = json.loads((tmp_path / "run" / "summary.json").read_bytes())["data"]
    assert [(line["rate"], line["defense"]) for line in data["lines"]] == [
        (rate, defense) for rate in (0.0, 0.5) for defense in DEFENSES]  # fmt: skip
    assert [line["poisoned"] for line in data["lines"]] == [0] * 4 + [3] * 4
    assert [line["removed"] for line in data["lines"]] == [0, 2, 2, 2] * 2
    assert set(data["carried"]["0"]) == {"fine structure", "clean detector"}
