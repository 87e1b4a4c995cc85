"""The shipped plans of the kind `presentation`: nothing trained twice, what differs is said, runs are shared."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from facewarden.experiments.domain_generalization.settings import plan_of
from facewarden.experiments.engine.plan_file import FOLDER, read_plan, shipped_plans
from facewarden.experiments.plans.presentation import PresentationKind
from facewarden.training.parts.augment_settings import PUBLISHED
from facewarden.verbs.bench import bench
from twins import twin


@pytest.mark.parametrize("name", ["mmdg_simulated", "mmdg_domains", "mmdg_published"])
def test_no_method_of_a_shipped_plan_is_trained_twice_under_two_names(name: str) -> None:
    plan = plan_of(read_plan(name).settings)

    def work(one: Any) -> str:
        told = one.recipe.plain()
        settings = {k: v for k, v in told["objective_settings"].items() if k != "rule"}
        off = told["objective_settings"].get("rule") == "off"  # the prototype losses added up: `ssp`
        return json.dumps(
            [
                told["entry"],
                told["model"],
                told["training"],
                one.shuffle,
                one.only,
                "ssp" if off else told["objective"],
                told["objective_settings"] if not off else settings,
            ]
        )

    assert len({work(one) for one in plan.methods.values()}) == len(plan.methods)


def test_the_plan_of_the_simulated_domains_says_what_differs_beside_the_method() -> None:
    plan = plan_of(read_plan("mmdg_simulated").settings)
    first = plan.parts[0]
    assert {"mmdg", "mmdg_drop", "ama"} <= set(first.methods)
    for name in first.methods:
        one = plan.methods[name]
        if one.recipe.training.augmentation.drop:
            assert "sensor dropout" in one.label
        if one.recipe.entry == "mm_cdcn":
            assert f"width {one.recipe.model['width']}" in one.label
    settings = read_plan("mmdg_simulated").settings
    names = [cell.name for cell in PresentationKind().cells(settings, root=Path("nowhere"))]
    asked = {f"{m} / {p} / seed {s}" for part in plan.parts for m in part.methods for p in part.protocols
             for s in part.seeds}  # fmt: skip
    assert len(names) == len(asked), "parts that ask for the same run share its cell, and no two methods are one"
    cheaper = next(part for part in plan.parts if part.title == "Cheaper approximations of ReGrad")
    assert (cheaper.methods, cheaper.baseline) == (("mmdg", "regrad_token", "regrad_every"), "mmdg")


def test_the_plan_of_the_published_sets_has_the_lineage_photometry_and_every_baseline() -> None:
    plan = plan_of(read_plan("mmdg_published").settings)
    for one in plan.methods.values():
        drop = 0.4 if one.name == "ama" else 0.0
        assert one.recipe.training.augmentation == replace(PUBLISHED, drop=drop)
        assert one.recipe.model["fit"] == "squash"
        assert one.recipe.model["precision"] == one.recipe.training.precision == "float32"
        if one.recipe.entry != "mm_cdcn":
            assert one.start == "hub:timm/vit_base_patch16_224.augreg2_in21k_ft_in1k"
    assert {"mm_cdcn", "mmdg"} <= set(plan.parts[0].methods) & set(plan.parts[1].methods)
    assert plan.methods["mm_cdcn"].recipe.model["width"] == 128


def test_the_published_plan_of_floors_runs_on_twins_under_every_protocol(tmp_path: Path) -> None:
    sets = ("wmca", "casia_surf", "casia_cefa", "padisi")
    text = (FOLDER / "floors_published.yaml").read_text(encoding="utf-8")
    text = text.replace("wmca:data/WMCA, casia_surf:data/CASIA-SURF, casia_cefa:data/CeFA, padisi:data/PADISI",
                        ", ".join(f"{name}:{twin(name)}" for name in sets))  # fmt: skip
    text = text[: text.index("  - title: Frozen features")]
    whole = "[chance, thumbnail_8, thumbnail_24, thumbnail_48, texture, statistics, plane, neighbors]"
    assert text.count(whole) == 2
    text = text.replace(whole, "[thumbnail_24, neighbors]")  # the others differ in the description alone
    (tmp_path / "plan.yaml").write_text(text)
    found = bench(str(tmp_path / "plan.yaml"), out=tmp_path / "out")
    assert not found.failed
    assert found.cells == 6 * 2
    assert "CPS→W" in (tmp_path / "out" / "summary.md").read_text(encoding="utf-8")


def test_the_shipped_plans_can_be_read() -> None:
    for name in shipped_plans():
        plan = read_plan(name)
        if plan.kind == "presentation":
            assert PresentationKind().cells(plan.settings, root=Path("nowhere"))


def test_the_first_part_alone_is_the_first_part_of_the_whole() -> None:
    cells = {name: PresentationKind().cells(read_plan(name).settings, root=Path("nowhere"))
             for name in ("mmdg_simulated", "mmdg_domains")}  # fmt: skip
    whole = {cell.name: cell.key("presentation") for cell in cells["mmdg_simulated"]}
    assert cells["mmdg_domains"]
    assert all(whole[cell.name] == cell.key("presentation") for cell in cells["mmdg_domains"])
