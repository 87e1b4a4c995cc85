"""The committed JSON Schemas are those of the classes, and what comes with the package fits them."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

import schemas
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
