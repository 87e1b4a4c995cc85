"""JSON Schemas of the files that people write, from the classes that read them: python tests/schemas.py --write."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from facewarden.core.card import Card
from facewarden.core.settings import json_schema
from facewarden.data.manifest_columns import BOX_COLUMNS, KNOWN_COLUMNS, LANDMARK_COLUMNS, REQUIRED_COLUMNS
from facewarden.data.sample import Sample
from facewarden.experiments.adversarial_training.settings import AdversarialPlan
from facewarden.experiments.backbone_selection.settings import SelectionPlan
from facewarden.experiments.cloaking.settings import CloakingPlan
from facewarden.experiments.domain_generalization.uncertainty.settings import UncertaintySettings
from facewarden.experiments.domain_generalization.written import PresentationSettings
from facewarden.experiments.domain_generalization.yardstick.settings import YardstickSettings
from facewarden.experiments.poisoned_training.settings import PoisonedPlan
from facewarden.experiments.sfa_senses.settings import SensesPlan
from facewarden.experiments.vulnerability.settings import Plan as VulnerabilityPlan
from facewarden.nn.foreign.settings import DetectorSettings, PurifierSettings, RecognizerSettings
from facewarden.pad.http_detector import HttpSettings
from facewarden.reporting.document import Report
from facewarden.training.purifier_recipe import PurifierRecipe
from facewarden.training.recipe import Recipe
from facewarden.verbs.distill import DistillRecipe

FOLDER = Path(__file__).parent.parent / "docs" / "schemas"
LIKE = {"type": "string", "description": "name of the recipe or plan of the package whose settings are taken over"}


def inherited(kind: type) -> dict[str, Any]:
    """The schema of a recipe: one that says `like` need not hold the rest."""
    schema = json_schema(kind)
    required = schema.pop("required")
    either = [{"required": ["like"]}, {"required": required}]
    return {**schema, "properties": {"like": LIKE, **schema["properties"]}, "anyOf": either}


def plan(name: str, kind: type) -> dict[str, Any]:
    """The schema of a plan of one kind; in one that says `like`, null takes a setting of the other plan away."""
    schema = inherited(kind)
    properties = {key: {"anyOf": [value, {"type": "null"}]} for key, value in schema["properties"].items()}
    properties = {"kind": {"const": name}, **properties, "like": LIKE}
    like, whole = schema["anyOf"]
    return {**schema, "properties": properties, "anyOf": [like, {"required": ["kind", *whole["required"]]}]}


def manifest() -> dict[str, Any]:
    """The schema of a manifest's row: its columns as CSV and Parquet have them."""
    sample = json_schema(Sample)
    numbers = {name: {"type": ["number", "null"]} for name in (*BOX_COLUMNS, *LANDMARK_COLUMNS)}
    columns = {name: numbers.get(name) or sample["properties"][name] for name in KNOWN_COLUMNS}
    return {
        "title": "Row of a manifest",
        "description": sample["description"],
        "type": "object",
        "required": list(REQUIRED_COLUMNS),
        "properties": columns,
        "patternProperties": {"^attr_": {"type": ["string", "null"]}},
        "$defs": sample.get("$defs", {}),
    }


SCHEMAS: Mapping[str, Callable[[], dict[str, Any]]] = {
    "card": lambda: json_schema(Card),
    "card_settings_detector": lambda: json_schema(DetectorSettings),
    "card_settings_purifier": lambda: json_schema(PurifierSettings),
    "card_settings_recognizer": lambda: json_schema(RecognizerSettings),
    "http_service": lambda: json_schema(HttpSettings),
    "manifest": manifest,
    "plan_adversarial_training": lambda: plan("adversarial_training", AdversarialPlan),
    "plan_cloaking": lambda: plan("cloaking", CloakingPlan),
    "plan_presentation": lambda: plan("presentation", PresentationSettings),
    "plan_vulnerability": lambda: plan("vulnerability", VulnerabilityPlan),
    "plan_backbone_selection": lambda: plan("backbone_selection", SelectionPlan),
    "plan_poisoned_training": lambda: plan("poisoned_training", PoisonedPlan),
    "plan_sfa_senses": lambda: plan("sfa_senses", SensesPlan),
    "plan_uncertainty": lambda: plan("uncertainty", UncertaintySettings),
    "plan_yardstick": lambda: plan("yardstick", YardstickSettings),
    "recipe_distillation": lambda: inherited(DistillRecipe),
    "recipe_purifier": lambda: inherited(PurifierRecipe),
    "recipe_training": lambda: inherited(Recipe),
    "report": lambda: json_schema(Report),
}


def text_of(name: str) -> str:
    """A schema as its file holds it."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return json.dumps({**head, **SCHEMAS[name]()}, indent=1, ensure_ascii=True) + "\n"


def main() -> None:
    """Write the schemas, or say which ones are not current."""
    stale = [name for name in SCHEMAS if not _is_current(name)]
    if "--write" in sys.argv[1:]:
        FOLDER.mkdir(exist_ok=True)
        for name in stale:
            (FOLDER / f"{name}.json").write_text(text_of(name), encoding="utf-8")
    sys.stdout.write(f"not current: {', '.join(stale) or 'none'}\n")


def _is_current(name: str) -> bool:
    path = FOLDER / f"{name}.json"
    return path.is_file() and path.read_text(encoding="utf-8") == text_of(name)


if __name__ == "__main__":
    main()
