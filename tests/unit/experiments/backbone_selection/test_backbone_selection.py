"""The choice of a backbone: known answers of correlation and regret, what it may not see, and one tiny run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from facewarden.core.artifact import save_artifact
from facewarden.core.settings import SettingError
from facewarden.evaluation.sampling import halves
from facewarden.experiments.backbone_selection.selection import select, spearman
from facewarden.experiments.backbone_selection.settings import as_vulnerability, plan_of
from facewarden.experiments.plans.backbone_selection import BackboneSelection
from facewarden.experiments.vulnerability.results_grid import HeadAttackResult, VulnerabilityGrid
from facewarden.experiments.vulnerability.settings import plan_of as vulnerability_plan
from facewarden.pad.multitask import Multitask
from facewarden.verbs.bench import bench
from tiny_captures import write_captures

PLAN: dict[str, Any] = {
    "captures": "captures.csv",
    "backbones": {"a": ["multitask:a0", "multitask:a1"], "b": ["multitask:b0", "multitask:b1"],
                  "c": ["multitask:c0", "multitask:c1"]},
    "attacks": {"fgsm": {"eps": [4]}, "pgd": {"eps": [4], "set": {"steps": 1}, "readings": ["none"]}},
    "choose": {"attacks": ["fgsm"], "reading": "sfa"},
    "samples": 4,
    "sfa": {"epochs": 1, "samples": 8},
}  # fmt: skip
PEOPLE = np.array([f"p{number // 2}" for number in range(80)])


@pytest.mark.parametrize(
    ("settings", "message", "at"),
    [
        ({"choose": {"attacks": ["fgsm", "pgd"], "reading": "none"}}, "none is left to judge", ("choose", "attacks")),
        ({"choose": {"attacks": ["pgd"], "reading": "sfa"}}, "does not have", ("choose", "reading")),
        ({"choose": {"attacks": ["fgsm"], "seeds": 2}}, "none is left to judge", ("backbones", "a")),
        ({"choose": {"attacks": ["fgms"]}}, "did you mean 'fgsm'", ("choose", "attacks", 0)),
        ({"backbones": {"a": ["x", "y"]}}, "backbones is", ("backbones",)),
    ],
)
def test_a_choice_that_nothing_could_judge_is_refused(
    settings: dict[str, Any], message: str, at: tuple[str | int, ...]
) -> None:
    with pytest.raises(SettingError) as raised:
        plan_of({**PLAN, **settings})
    assert message in raised.value.message + raised.value.hint
    assert raised.value.at == at


def grid(seen: dict[str, float], unseen: dict[str, float], right: dict[str, float]) -> VulnerabilityGrid:
    """Success by backbone: of FGSM with SFA on the first detector, of PGD on the second; every person alike."""
    plan = vulnerability_plan(as_vulnerability(PLAN))
    made = VulnerabilityGrid(plan, [{"key": str(n)} for n in range(80)], np.zeros(80, np.int64), PEOPLE, {})
    order = np.arange(80) // 2  # of people, so that both halves have about the same rate

    def upto(share: float) -> np.ndarray:
        return (order * 7) % 40 < 40 * share

    everybody = np.ones(80, bool)
    for name in "abc":
        valid = upto(right[name])
        for model, attack, reading, share in ((f"{name}-0", "fgsm", "sfa", seen[name]),
                                              (f"{name}-1", "pgd", "none", unseen[name]),
                                              (f"{name}-0", "pgd", "none", 1.0)):  # fmt: skip
            success = upto(share * right[name])
            made.rows.append(
                HeadAttackResult(model, "live", attack, reading, 4.0, valid, success, success, 1, everybody)
            )
    return made


def test_a_selector_that_ranks_as_the_unseen_attacks_do_has_correlation_one_and_no_regret() -> None:
    found = select(plan_of(PLAN), grid({"a": 0.2, "b": 0.5, "c": 0.8}, {"a": 0.3, "b": 0.6, "c": 0.9},
                                       {"a": 0.8, "b": 0.9, "c": 1.0}))  # fmt: skip
    assert found is not None
    assert (found.chosen, found.most_accurate) == ("a", "c")
    assert found.correlation is not None
    assert found.clean_correlation is not None
    assert found.correlation.value == 1.0
    assert found.clean_correlation.value == -1.0
    assert found.regret.value == 0.0
    assert found.clean_regret.value == pytest.approx(100 * (found.unseen["c"].value - found.unseen["a"].value))
    mean = np.mean([found.unseen[name].value for name in "abc"])
    assert found.random_regret.value == pytest.approx(100 * (mean - found.unseen["a"].value))


def test_it_chooses_and_judges_on_different_people() -> None:
    made = grid({"a": 0.2, "b": 0.5, "c": 0.8}, {"a": 0.3, "b": 0.6, "c": 0.9}, {"a": 1.0, "b": 1.0, "c": 1.0})
    half = halves(PEOPLE.tolist(), seed=0)
    row = made.rows[0]
    found = select(plan_of(PLAN), made)
    assert found is not None
    assert found.seen["a"].value == row.success[half == 0].mean()
    assert found.unseen["a"].value == made.rows[1].success[half == 1].mean()


def test_a_backbone_without_rows_gives_no_selection_and_equal_ones_no_correlation() -> None:
    made = grid({"a": 0.2, "b": 0.5, "c": 0.8}, {"a": 0.3, "b": 0.6, "c": 0.9}, {"a": 1.0, "b": 1.0, "c": 1.0})
    made.rows[:] = [row for row in made.rows if not row.model.startswith("c")]
    assert select(plan_of(PLAN), made) is None
    assert np.isnan(spearman(np.array([0.5, 0.5]), np.array([0.1, 0.2])))


def test_a_tiny_plan_runs_from_end_to_end(tmp_path: Path) -> None:
    captures = write_captures(tmp_path)
    backbones: dict[str, list[str]] = {}
    for seed, name in ((8, "a"), (9, "b")):  # by chance, they tell dark from bright
        for number in range(2):
            made = Multitask.untrained({"size": 32}, seed=seed)
            folder = tmp_path / f"{name}{number}"
            save_artifact(folder, made.network.state_dict(), card=made.card, recipe={"entry": "multitask"})
            backbones.setdefault(name, []).append(f"multitask:{folder}")
    plan = {**PLAN, "kind": "backbone_selection", "captures": str(captures), "backbones": backbones}
    file = tmp_path / "plan.yaml"
    file.write_text(yaml.safe_dump(plan, sort_keys=False), encoding="utf-8")
    result = bench(str(file), out=tmp_path / "run")
    assert not result.failed, result.failed
    page = result.page.read_text(encoding="utf-8")
    assert "What a choice costs" in page
    assert "simulated" in page
    assert "Fewer than three backbones" in page
    data = json.loads((tmp_path / "run" / "summary.json").read_bytes())["data"]
    assert data["chosen"] in ("a", "b")
    assert data["correlation"] is None
    assert len(BackboneSelection().cells({**PLAN, "captures": str(captures)}, root=tmp_path)) > 12
