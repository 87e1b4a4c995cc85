"""The shipped plan of MMDG's rivals: its rows, its budget, and the whole of it at toy size."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from facewarden.data.manifest import Manifest
from facewarden.experiments.domain_generalization.budget import trained_parameters
from facewarden.experiments.domain_generalization.cells import plan_cells
from facewarden.experiments.domain_generalization.kept_streams import can_keep, lower_model
from facewarden.experiments.domain_generalization.settings import PresentationPlan, plan_of
from facewarden.experiments.engine.plan_file import FOLDER, read_plan
from facewarden.training.detector import trainable_class
from facewarden.training.recipe import parse_recipe
from facewarden.verbs.bench import bench
from four_domains import write_domains

NAME = "rivals_simulated"


@pytest.fixture(scope="module")
def plan() -> PresentationPlan:
    return plan_of(read_plan(NAME).settings)


def test_the_main_rows_are_there_with_three_seeds(plan: PresentationPlan) -> None:
    main = next(part for part in plan.parts if part.title == "Main")
    assert set(main.methods) == {"probe", "vit", "mmdg", "dadm", "mmda", "ama", "evidence"}
    assert main.seeds == (0, 1, 2)
    assert set(main.protocols) == {"half1_half2", "half2_half1"}
    switches = {plan.methods[name].recipe.model.get("masks", True) for name in ("dadm", "dadm_no_masks")}
    assert switches == {True, False}
    assert plan.methods["dadm_no_angle"].recipe.objective_settings["angle"] == 0
    assert plan.methods["dadm_no_heads"].recipe.model["domain_heads"] is False
    assert "text tower" in plan.methods["mmda"].label
    ranked = next(part for part in plan.parts if part.title == "All trained methods")
    assert len(ranked.methods) >= 8


def test_every_trained_method_has_one_trunk_one_view_and_one_budget(plan: PresentationPlan) -> None:
    assert plan.budget is not None
    lower = {json.dumps(lower_model(plan.methods[name].recipe), sort_keys=True) for name in plan.budget.methods}
    assert len(lower) == 1
    for name in plan.budget.methods:
        method = plan.methods[name]
        assert all(can_keep(recipe) for recipe in method.recipes), name
        recipe = method.recipe.plain()
        recipe["model"]["trunk"] = "dinov2_small:fresh"
        counted = trained_parameters(parse_recipe(recipe, source=name))
        assert abs(counted - plan.budget.parameters) <= plan.budget.within * plan.budget.parameters, (name, counted)
        assert method.recipe.training.augmentation.drop == (0.4 if name.startswith("ama") else 0.0)
    streams = [cell for cell in plan_cells(plan) if cell.settings.get("do") == "streams"]
    assert len(streams) == 4, "one for each view, whatever the method and the seed"


def test_the_tuned_methods_have_the_same_rates(plan: PresentationPlan) -> None:
    rates = {
        name: [one.change["training"]["rate"] for one in method.candidates]
        for name, method in plan.methods.items()
        if method.candidates
    }
    assert set(rates) == {"vit", "mmdg", "dadm", "mmda", "ama"}
    assert len({tuple(one) for one in rates.values()}) == 1


def captures(folder: Path) -> Path:
    """Four tiny domains whose attacks are of every group of species in turn."""
    manifest = Manifest.read(write_domains(folder, subjects=2, each=8).parent)
    species = ("print_flat", "replay_pc", "mask_rigid", "partial_glasses")
    attacks = [sample for sample in manifest if sample.label == 0]
    kinds = {sample.key: species[place % 4] for place, sample in enumerate(attacks)}
    rows = tuple(replace(sample, species=kinds.get(sample.key, "bona_fide")) for sample in manifest)
    Manifest(rows, root=folder, name="toy").write(folder / "groups.csv")
    return folder / "groups.csv"


def toy(folder: Path) -> Path:
    """The shipped plan with a tiny trunk, four tiny domains, one epoch and narrow layers."""
    settings: dict[str, Any] = yaml.safe_load((FOLDER / f"{NAME}.yaml").read_text(encoding="utf-8"))
    trunk = {"trunk": "vit_tiny_patch16_224:fresh", "depth": 2, "size": 32}
    for name, method in settings["methods"].items():
        entry = trainable_class(plan_of(read_plan(NAME).settings).methods[name].recipe.entry)
        model = method.setdefault("model", {})
        if name in settings["budget"]["methods"]:
            model |= {**trunk, "first_block": 1}
            model |= {key: 8 for key in ("hidden", "width", "prompts") if key in model}
            model |= {"heads": 2} if "heads" in model else {}
        else:
            known = entry.untrained({}, seed=0).settings if "trunk" not in entry.kind.__dataclass_fields__ else trunk
            model |= {key: trunk[key] for key in trunk if key in known}
    settings["data"] = {"captures": [str(captures(folder / "data"))]}
    settings["defaults"]["training"] |= {"epochs": 1, "batch": 8, "every": 1}
    settings["tuning"] = {"figure": "auc", "sites": 1, "seed": 0}
    settings["seeds"] = [0]
    del settings["budget"], settings["sealed"]
    groups = settings["parts"].pop()
    assert groups["title"].startswith("Unseen groups")
    settings["parts"].append({**groups, "protocols": ["half1_half2-prints"], "methods": ["probe", "mmdg"]})
    path = folder / "plan.yaml"
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return path


@pytest.mark.slow
def test_the_whole_plan_runs_at_toy_size(tmp_path: Path) -> None:
    found = bench(str(toy(tmp_path)), out=tmp_path / "out")
    assert [failure.message for failure in found.failed] == []
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    titles = [table["title"] for table in summary["tables"]]
    for wanted in ("Settings chosen on a fold of the sources", "Main: Over domains, last epoch",
                   "Main: Kendall's tau with the published ranking"):  # fmt: skip
        assert wanted in titles
    assert {one["method"] for one in summary["data"]["tuning"]} == {"vit", "mmdg", "dadm", "mmda", "ama"}
    assert "parameters trained / all, millions" in (tmp_path / "out" / "summary.md").read_text()
