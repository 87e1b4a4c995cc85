"""The plan on the senses of SFA: bad settings by place, what becomes a cell, the step of FGSM, one tiny run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from facewarden.attacks.fgsm import FGSM
from facewarden.core.artifact import save_artifact
from facewarden.core.head_goal import goal_of
from facewarden.core.settings import SettingError
from facewarden.core.threat import ThreatModel
from facewarden.experiments.plans.sfa_senses import SfaSenses
from facewarden.experiments.sfa_senses.cells import one_step
from facewarden.experiments.sfa_senses.settings import plan_of
from facewarden.nn.gradient_sources.sfa_offset import SfaOffset
from facewarden.pad.multitask import Multitask
from facewarden.verbs.bench import bench
from many_heads import ManyHeads, random_pair, toy_faces
from tiny_captures import write_captures

PLAN: dict[str, Any] = {
    "captures": "captures.csv",
    "models": {"one": "multitask:one", "two": "multitask:two"},
    "heads": ["live", "spoof_type"],
    "eps": [1, 4],
    "samples": 4,
    "sfa": {"epochs": 2, "patience": 1, "widths": [4], "batch": 8},
    "senses": {"a": {"band": [0, 100]}, "b": {"unit": "points", "direction": "pooled", "each_head": True}},
    "arms": {
        "plain": {},
        "sfa": {"read": "own"},
        "random": {"read": "random"},
        "another": {"read": "other", "models": 1},
        "shorter": {"halvings": 1, "eps": [4], "samples": 2, "models": 1},
        "starts": {"starts": 2, "models": 1},
        "margin": {"form": "logits", "models": 1},
        "momentum": {"method": "mi_fgsm", "set": {"steps": 2}, "heads": ["spoof_type"], "models": 1},
        "momentum with sfa": {"method": "mi_fgsm", "set": {"steps": 2}, "heads": ["spoof_type"], "models": 1,
                              "read": "own", "against": "momentum"},
        "attacked head": {"read": "own", "attacked_head": True, "heads": ["spoof_type"], "models": 1},
        "radius": {"read": "own", "generators": {"radius": 2}, "models": 1, "heads": ["spoof_type"]},
    },
    "transfer": {"eps": [8], "heads": ["spoof_type"]},
}  # fmt: skip


@pytest.mark.parametrize(
    ("settings", "message", "at"),
    [
        ({"arms": {"plain": {}}}, "sfa", ("arms",)),
        ({"arms": {**PLAN["arms"], "x": {"read": "there"}}}, "own", ("arms", "x", "read")),
        ({"arms": {**PLAN["arms"], "x": {"heads": ["liv"]}}}, "did you mean 'live'", ("arms", "x", "heads", 0)),
        ({"arms": {**PLAN["arms"], "x": {"against": "plane"}}}, "plain", ("arms", "x", "against")),
        ({"arms": {**PLAN["arms"], "x": {"method": "pgdd"}}}, "no attack 'pgdd'", ("arms", "x", "method")),
        ({"arms": {**PLAN["arms"], "x": {"method": "pgd", "set": {"step": 1}}}}, "did you mean 'steps'",
         ("arms", "x", "set")),
        ({"arms": {**PLAN["arms"], "x": {"starts": 1, "halvings": 1}}}, "cannot be combined", ("arms", "x")),
        ({"arms": {**PLAN["arms"], "x": {"generators": {"radus": 2}}}}, "did you mean 'radius'",
         ("arms", "x", "generators", "radus")),
        ({"models": {"one": "multitask:one"}}, "no other network", ("arms", "another")),
        ({"sfa": {"epochs": 2}}, "patience is missing", ("sfa", "patience")),
        ({"senses": {"a": {"eps": [3]}}}, "3 is no budget of the plan", ("senses", "a", "eps")),
        ({"senses": {}}, "senses is {}", ("senses",)),
        ({"eps": [8 / 255]}, "in [0, 1] pixel units", ("eps", 0)),
    ],
)  # fmt: skip
def test_a_setting_that_cannot_be_used_is_named_with_its_place(
    settings: dict[str, Any], message: str, at: tuple[str | int, ...]
) -> None:
    with pytest.raises(SettingError) as raised:
        plan_of({**PLAN, **settings})
    assert message in raised.value.message + raised.value.hint
    assert raised.value.at == at


def test_the_main_arms_come_first_and_arms_share_their_generators() -> None:
    cells = SfaSenses().cells(PLAN, root=Path("x"))
    names = [cell.name for cell in cells]
    assert len(set(names)) == len(names)
    for place, cell in enumerate(cells):
        assert set(cell.needs) <= set(names[:place])
    assert names.index("main / two / spoof_type") < names.index("transfer / one / spoof_type")
    assert names.index("transfer / one / spoof_type") < names.index("controls / one / spoof_type")
    assert "controls / one / live" not in names
    assert [name for name in names if name.startswith("generators")] == [
        "generators / one", "generators / two", "generators / one-spoof_type", "generators / one-radius_2"]  # fmt: skip
    controls = next(cell for cell in cells if cell.name == "controls / two / spoof_type")
    assert list(controls.settings["arms"]) == ["random"]  # the other arms are of the first model
    other = next(cell for cell in cells if cell.name == "another network / one / spoof_type")
    assert other.settings["arms"]["another"]["tag"] == "two"
    assert "generators / two" in other.needs


@pytest.mark.parametrize("moved", [False, True])
@pytest.mark.parametrize("head", [None, "type", "depth"])
def test_the_shared_gradient_takes_the_step_of_fgsm_bit_for_bit(head: str | None, moved: bool) -> None:
    model, batch = ManyHeads(3), toy_faces(8, seed=2)
    reading = SfaOffset(random_pair(), offset="decay") if moved else None
    step = one_step(model, batch, head=head or "live", threshold=0.0, form="loss", reading=reading, seed=5)
    for gray in (0.5, 2.0):
        goal = goal_of(model, batch, head=head, threshold=0.0)
        wanted = FGSM()(goal, ThreatModel(eps=gray / 255), seed=5, reading=reading).images["rgb"]
        assert torch.equal(step(gray / 255)["rgb"], wanted)


def test_a_tiny_plan_runs_from_end_to_end_and_resumes(tmp_path: Path) -> None:
    captures = write_captures(tmp_path)
    for seed, name in ((8, "one"), (9, "two")):  # by chance, they tell dark from bright
        made = Multitask.untrained({"size": 32}, seed=seed)
        save_artifact(tmp_path / name, made.network.state_dict(), card=made.card, recipe={"entry": "multitask"})
    plan = {**PLAN, "kind": "sfa_senses", "captures": str(captures),
            "models": {name: f"multitask:{tmp_path / name}" for name in ("one", "two")}}  # fmt: skip
    file = tmp_path / "plan.yaml"
    file.write_text(yaml.safe_dump(plan, sort_keys=False), encoding="utf-8")
    result = bench(str(file), out=tmp_path / "run")
    assert not result.failed, result.failed
    page = result.page.read_text(encoding="utf-8")
    assert "simulated" in page
    for wanted in ("Detectors", "Generators: trained until the loss on dev was flat", "Success, plain → with SFA",
                   "Transfer of one step"):  # fmt: skip
        assert wanted in page
    first = (tmp_path / "run" / "summary.json").read_bytes()
    data = json.loads(first)["data"]
    assert {row["victim"] for row in data["transfer"]} <= {"one", "two"}
    assert set(data["generators"]) == {"one", "two", "one-spoof_type", "one-radius_2"}
    again = bench(str(file), out=tmp_path / "run", resume=True)
    assert not again.failed
    assert (tmp_path / "run" / "summary.json").read_bytes() == first


def test_models_that_crop_differently_are_refused(tmp_path: Path) -> None:
    captures = write_captures(tmp_path)
    for size, name in ((32, "one"), (64, "two")):
        made = Multitask.untrained({"size": size}, seed=0)
        save_artifact(tmp_path / name, made.network.state_dict(), card=made.card, recipe={"entry": "multitask"})
    models = {name: f"multitask:{tmp_path / name}" for name in ("one", "two")}
    with pytest.raises(SettingError, match="do not crop alike"):
        SfaSenses().prepare({**PLAN, "captures": str(captures), "models": models}, root=tmp_path)
