"""The plan on adversarial training: bad settings, one tiny run with two methods and seeds, and its rates by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from facewarden.core import registry
from facewarden.core.settings import SettingError
from facewarden.experiments.adversarial_training.settings import plan_of
from facewarden.experiments.adversarial_training.training import _Ledger
from facewarden.experiments.engine.plan_file import read_plan
from facewarden.experiments.plans.adversarial_training import AdversarialTraining
from facewarden.training.cost_counter import Passes, counted
from facewarden.verbs.bench import bench
from many_heads import toy_faces
from tiny_captures import write_captures

TRAINING = {"epochs": 1, "batch": 12}
PLAN: dict[str, Any] = {
    "captures": "captures.csv",
    "recipe": "multitask",
    "start": {"model": {"size": 32}, "training": TRAINING},
    "methods": {
        "plain": {"training": TRAINING},
        "pgd_at": {"training": TRAINING, "objective": "pgd_at", "objective_settings": {"eps": 2.0, "steps": 1}},
    },
    "seeds": [0, 1],
    "samples": 4,
    "attacks": {"pgd": {"eps": [4], "set": {"steps": 1}, "readings": ["none"]}},
    "transfer": {"method": "fgsm", "eps": [8]},
    "sfa": {"epochs": 1, "samples": 6},
}


@pytest.mark.parametrize(
    ("settings", "message", "at"),
    [
        ({"methods": {"odd": {"objective": "pgd"}}}, "no objective 'pgd'", ("methods", "odd", "objective")),
        ({"methods": {"odd": {"objective": "awp", "objective_settings": {"inner": "regrad"}}}}, "awp goes on top",
         ("methods", "odd", "objective_settings")),
        ({"methods": {"odd": {"objective": "pgd_at", "objective_settings": {"step": 2}}}}, "did you mean 'steps'",
         ("methods", "odd", "objective_settings", "step")),
        ({"methods": {"odd": {"objective": "pgd_at", "objective_settings": {"eps": "2"}}}}, 'eps is "2"; allowed',
         ("methods", "odd", "objective_settings", "eps")),
        ({"methods": {"odd": {"training": {"epochs": 0}}}}, "methods.odd.training.epochs is 0; allowed",
         ("methods", "odd", "training", "epochs")),
        ({"methods": {"odd": {"training": {"augmentation": {"drop": 2}}}}}, "augmentation.drop is 2; allowed",
         ("methods", "odd", "training", "augmentation", "drop")),
        ({"methods": {"odd": {"trainin": {}}}}, "did you mean 'training'", ("methods", "odd", "trainin")),
        ({"methods": {"start": None}}, "what all methods start from", ("methods", "start")),
        ({"methods": {}}, "methods is {}", ("methods",)),
        ({"methods": [1]}, "methods is [1]; allowed: an object", ("methods",)),
        ({"start": {"policy": 3}}, "start.policy is 3; allowed: text", ("start", "policy")),
        ({"seeds": []}, "seeds is []; allowed: a list of at least 1", ("seeds",)),
        ({"seeds": [0, "1"]}, 'seeds[1] is "1"', ("seeds", 1)),
        ({"recipe": "nothing"}, "no training recipe 'nothing'", ("recipe",)),
        ({"recipe": {"like": "multitask"}}, "recipe is", ("recipe",)),
        ({"samples": "many"}, 'samples is "many"; allowed: a whole number', ("samples",)),
        ({"sfa": {"epoch": 3}}, "did you mean 'epochs'", ("sfa", "epoch")),
        ({"transfer": {"method": "fgsm"}}, "transfer.eps is missing", ("transfer", "eps")),
        ({"transfer": {"method": "fgsn", "eps": 4}}, "no attack 'fgsn'", ("transfer",)),
        ({"attacks": {"pgd": {"eps": [0.1]}}}, "a budget of 0.1", ("attacks", "pgd", "eps", 0)),
        ({"others": {"start-1": "multitask"}}, "others.start-1 is the name of", ("others", "start-1")),
        ({"others": ["multitask"]}, "others is", ("others",)),
        ({"atacks": {}}, "did you mean 'attacks'", ("atacks",)),
    ],
)  # fmt: skip
def test_a_setting_that_cannot_be_used_is_named(
    settings: dict[str, Any], message: str, at: tuple[str | int, ...]
) -> None:
    with pytest.raises(SettingError) as raised:
        AdversarialTraining().cells({**PLAN, **settings}, root=Path("x"))
    assert message in raised.value.message
    assert raised.value.at == at


@pytest.mark.parametrize(
    ("settings", "at"),
    [
        ({"attacks": {"pgd": {"eps": [2], "heads": ["live", "depth"]}}}, ("attacks", "pgd", "heads", 1)),
        ({"methods": {"sfa": {"objective": "sfa_at", "objective_settings": {"heads": ["depth"]}}}},
         ("methods", "sfa", "objective_settings", "heads", 0)),
    ],
)  # fmt: skip
def test_a_head_that_the_detector_lacks_is_named_before_anything_runs(
    settings: dict[str, Any], at: tuple[str | int, ...], tmp_path: Path
) -> None:
    plan = {**PLAN, **settings, "captures": str(write_captures(tmp_path))}
    with pytest.raises(SettingError, match="multitask: no head 'depth'") as raised:
        AdversarialTraining().prepare(plan, root=tmp_path)
    assert raised.value.at == at
    assert "depth_map" in raised.value.hint


WEIGHTS = {"weights": {"depth_map": 0.3}}
OWN = {"base": "cross_entropy"}


@pytest.mark.parametrize(
    ("start", "method", "wanted"),
    [
        ({"objective_settings": WEIGHTS}, {"objective": "pgd_at", "objective_settings": {"eps": 2.0}},
         {"eps": 2.0, "base_settings": WEIGHTS}),
        ({"objective_settings": WEIGHTS}, {"objective": "trades"}, {"base_settings": WEIGHTS}),
        ({"objective_settings": WEIGHTS}, {"objective": "awp", "objective_settings": {"inner_settings": {"steps": 1}}},
         {"inner_settings": {"steps": 1, "base_settings": WEIGHTS}}),
        ({"objective": "cross_entropy"}, {"objective": "free_lb"}, {"base": "cross_entropy"}),
        ({"objective": "cross_entropy"}, {"objective": "awp"}, {"inner_settings": {"base": "cross_entropy"}}),
        # one that trains under attack itself hands on the loss that it learns
        ({"objective": "pgd_at", "objective_settings": {"base_settings": WEIGHTS}}, {"objective": "trades"},
         {"base_settings": WEIGHTS}),
        # what a method says itself stays; settings of another loss mean nothing to its own
        ({"objective_settings": WEIGHTS}, {"objective": "pgd_at", "objective_settings": OWN}, OWN),
        ({"objective_settings": WEIGHTS}, {"objective": "pgd_at", "objective_settings": {"base_settings": {}}},
         {"base_settings": {}}),
        # nothing to hand on: ids of cells stay
        ({}, {"objective": "pgd_at"}, {}),
        ({}, {"objective": "awp"}, {}),
        ({"objective_settings": WEIGHTS}, {"objective": "cross_entropy"}, {}),
    ],
)  # fmt: skip
def test_adversarial_methods_learn_the_loss_of_the_start_unless_they_say_another(
    start: dict[str, Any], method: dict[str, Any], wanted: dict[str, Any]
) -> None:
    plan = plan_of({**PLAN, "start": start, "methods": {"one": method}})
    assert plan.recipes()["one"]["objective_settings"] == wanted


def test_adversarial_methods_learn_the_weights_of_heads_that_the_recipe_has() -> None:
    methods = {"plain": None, "pgd_at": {"objective": "pgd_at"}}
    recipes = plan_of({**PLAN, "recipe": "color_cnn", "start": {}, "methods": methods}).recipes()
    assert recipes["pgd_at"]["objective_settings"] == {"base_settings": recipes["plain"]["objective_settings"]}
    assert "weights" in recipes["plain"]["objective_settings"]


def test_every_cell_comes_after_what_it_needs() -> None:
    cells = AdversarialTraining().cells(PLAN, root=Path("x"))
    names = [cell.name for cell in cells]
    assert len(set(names)) == len(names)
    for place, cell in enumerate(cells):
        assert set(cell.needs) <= set(names[:place])
    assert names.count("train / pgd_at-1") == 1
    transfer = next(cell for cell in cells if cell.settings["do"] == "transfer")
    assert transfer.settings["model"] == "start-1"
    assert set(transfer.settings["victims"]) == {"start-0", "plain-0", "pgd_at-0"}


@pytest.mark.parametrize("readings", [["none"], ["none", "sfa"]])
def test_generators_are_trained_where_an_attack_reads_with_sfa(readings: list[str]) -> None:
    plan = {**PLAN, "attacks": {"pgd": {"eps": [4], "readings": readings}}}
    cells = AdversarialTraining().cells(plan, root=Path("x"))
    attack = next(cell for cell in cells if cell.name == "pgd / plain-1 / live")
    wanted = ["generators / start-0", "generators / start-1"] if "sfa" in readings else []
    assert [cell.name for cell in cells if cell.settings["do"] == "generators"] == wanted
    assert attack.needs == ("clean / plain-1", *wanted[1:])


def test_other_detectors_are_measured_on_the_samples_of_the_first_seed() -> None:
    plan = {**PLAN, "seeds": [3, 1], "others": {"shipped": "multitask"}}
    cells = AdversarialTraining().cells(plan, root=Path("x"))
    other = {cell.name: cell for cell in cells if cell.settings.get("model") == "shipped"}
    own = {cell.name: cell for cell in cells if cell.settings.get("model") == "plain-3"}
    assert list(other) == ["clean / shipped", "pgd / shipped / live"]
    for name, cell in other.items():
        same = own[name.replace("shipped", "plain-3")].settings
        names = {"model": "shipped", "method_name": "shipped (not trained here)", "spec": "multitask"}
        assert cell.settings == {**same, **names}
    assert other["pgd / shipped / live"].needs == ("clean / shipped",)
    assert set(AdversarialTraining().inputs(plan)) == {"model shipped"}


@pytest.mark.parametrize(
    ("settings", "message", "at"),
    [
        ({"others": {"one": "nothing"}}, "nothing", ("others", "one")),
        ({"others": {"one": "multi_cnn"}, "attacks": {"pgd": {"eps": [2], "heads": ["depth_map"]}}},
         "one: no head 'depth_map'", ("attacks", "pgd", "heads", 0)),
    ],
)  # fmt: skip
def test_another_detector_that_is_not_there_or_lacks_a_head_is_named(
    settings: dict[str, Any], message: str, at: tuple[str | int, ...], tmp_path: Path
) -> None:
    with pytest.raises(SettingError, match=message) as raised:
        AdversarialTraining().prepare({**PLAN, **settings, "captures": str(write_captures(tmp_path))}, root=tmp_path)
    assert raised.value.at == at


def test_a_tiny_plan_trains_measures_and_reports(tmp_path: Path) -> None:
    file = tmp_path / "plan.yaml"
    methods = {"pgd_at": PLAN["methods"]["pgd_at"]}
    plan = {**PLAN, "kind": "adversarial_training", "captures": str(write_captures(tmp_path)), "methods": methods,
            "others": {"shipped": "multitask"}}  # fmt: skip
    file.write_text(yaml.safe_dump(plan), encoding="utf-8")
    result = bench(str(file), out=tmp_path / "run")
    assert not result.failed, result.failed
    page = result.page.read_text(encoding="utf-8")
    assert "simulated" in page
    assert "pgd_at: robust accuracy under pgd 4/255" in page
    assert "in points against start, paired by seed and sample" in page
    assert "transfer 8/255" in page
    assert "| shipped (not trained here) |" in page
    assert "| 2.0 / 2.0 |" in page
    assert "2.0 backward passes a sample, +100.0 % against start" in page
    assert (tmp_path / "run" / "shared" / "models" / "pgd_at-1" / "card.json").is_file()


def test_every_method_of_the_plan_on_color_takes_as_many_gradients_of_a_sample() -> None:
    recipes = plan_of(read_plan("adversarial_color").settings).recipes()
    model = registry.load("pad", "multitask").untrained({"size": 32}, seed=0).requires_grad_(True).train()
    faces = replace(toy_faces(4), tasks={})
    batch = faces.with_images({"rgb": torch.nn.functional.interpolate(faces.images["rgb"], size=32)})
    taken = {}
    for method, recipe in recipes.items():
        objective = registry.load("objectives", recipe["objective"])(**recipe["objective_settings"])
        with counted(model) as passes:
            loss = objective(model, batch)
            objective.backward(model, loss, run=lambda total: total.backward())
        assert passes.backward == 4 * float(loss.parts.get("gradients", 1.0))  # generators apart
        taken[method] = recipe["training"]["epochs"] * passes.backward / 4
    assert taken == {method: 6 if method == "start" else 18 for method in recipes}


def test_passes_of_a_killed_training_are_counted_once(tmp_path: Path) -> None:
    first, again = Passes(), Passes()
    ledger = _Ledger(tmp_path / "run" / "passes.json", {"model": first})
    for epoch in (1, 2):
        first.forward, first.backward = 30 * epoch, 20 * epoch
        ledger.note(epoch)
    ledger = _Ledger(tmp_path / "run" / "passes.json", {"model": again})
    for number, epoch in enumerate((2, 3), start=1):  # killed before the checkpoint of the second
        again.forward, again.backward = 30 * number, 20 * number
        ledger.note(epoch)
    assert ledger.per_sample(10) == {"model": [9.0, 6.0]}
