"""The committed JSON Schemas are those of the classes, and what comes with the package fits them."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

import schemas
from facewarden.core.registry import list_entries
from facewarden.experiments.engine.plan_file import FOLDER as PLANS
from facewarden.experiments.engine.plan_file import read_plan, shipped_plans
from facewarden.training.recipe_files import FOLDER as RECIPES

DOCS = Path(__file__).parents[2] / "docs"
WEIGHTS = RECIPES.parent.parent / "weights"


def checker(name: str) -> jsonschema.Draft202012Validator:
    text = (schemas.FOLDER / f"{name}.json").read_text(encoding="utf-8")
    return jsonschema.Draft202012Validator(json.loads(text))


@pytest.mark.parametrize("name", sorted(schemas.SCHEMAS))
def test_the_committed_schema_is_that_of_the_class(name: str) -> None:
    path = schemas.FOLDER / f"{name}.json"
    assert path.read_text(encoding="utf-8") == schemas.text_of(name), "python tests/schemas.py --write"
    jsonschema.Draft202012Validator.check_schema(json.loads(path.read_text(encoding="utf-8")))


def test_no_schema_is_left_over() -> None:
    assert {path.stem for path in schemas.FOLDER.glob("*.json")} == set(schemas.SCHEMAS)


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.json")), ids=lambda path: path.stem)
def test_every_recipe_of_the_package_fits(path: Path) -> None:
    values = json.loads(path.read_text(encoding="utf-8"))
    name = "recipe_purifier" if values.get("kind") == "purifier" else "recipe_training"
    checker(name).validate(values)
    with pytest.raises(jsonschema.ValidationError):
        checker(name).validate({**values, "no_such_setting": 1})


def test_every_kind_of_plan_has_a_schema() -> None:
    kinds = {entry.name for entry in list_entries("plans") if entry.origin == "facewarden"}
    assert {name.removeprefix("plan_") for name in schemas.SCHEMAS if name.startswith("plan_")} == kinds


@pytest.mark.parametrize("name", shipped_plans())
def test_every_plan_of_the_package_fits(name: str) -> None:
    plan = read_plan(name)
    values = {"kind": plan.kind, **plan.settings}
    checker(f"plan_{plan.kind}").validate(values)
    with pytest.raises(jsonschema.ValidationError, match="no_such_setting"):
        checker(f"plan_{plan.kind}").validate({**values, "no_such_setting": 1})
    written = yaml.safe_load((PLANS / f"{name}.yaml").read_text(encoding="utf-8"))
    if "like" in written:
        checker(f"plan_{plan.kind}").validate(written)


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        ("vulnerability", {"attacks": {"pgd": {"eps": [300]}}}),
        ("vulnerability", {"ablation": {"model": "m", "attack": "a", "eps": 2, "variants": {"v": {"points": 0}}}}),
        ("cloaking", {"tables": [{"title": "t", "cloaks": ["c"], "purifiers": ["none"], "trackers": ["far"]}]}),
        ("presentation", {"methods": {"m": {"training": {"rate": -1}}}}),
        ("adversarial_training", {"methods": {"m": {"training": {"epoch": 1}}}}),
    ],
)
def test_what_the_package_refuses_deep_in_a_plan_does_not_fit(kind: str, wrong: dict[str, object]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        checker(f"plan_{kind}").validate({"like": "x", **wrong})
    checker(f"plan_{kind}").validate({"like": "x"})


@pytest.mark.parametrize("path", sorted(WEIGHTS.rglob("card.json")), ids=lambda path: path.parent.name)
def test_every_card_of_the_package_fits(path: Path) -> None:
    checker("card").validate(json.loads(path.read_text(encoding="utf-8")))


def test_reports_of_the_documentation_fit() -> None:
    reports = sorted(DOCS.glob("results/*/report.json"))
    assert reports
    for path in reports:
        checker("report").validate(json.loads(path.read_text(encoding="utf-8")))


def test_a_row_of_a_manifest_fits() -> None:
    row = {
        "key": "a",
        "domain": "d",
        "subject": "s",
        "label": 1,
        "species": "bona_fide",
        "split": "test",
        "rgb": "a.png",
    }
    checker("manifest").validate({**row, "x0": 1.5, "attr_glasses": "yes", "note": "kept"})
    with pytest.raises(jsonschema.ValidationError):
        checker("manifest").validate({**row, "split": "validation"})
