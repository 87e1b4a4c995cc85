"""The training cell of an `adversarial_training` plan: go on from a detector or begin one, and keep it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from facewarden.bench.plan_kind import shared_folder
from facewarden.bench.resolve import resolve_detector
from facewarden.core.artifact import save_artifact
from facewarden.core.card import Card
from facewarden.core.errors import BadInputError
from facewarden.core.registry import load
from facewarden.core.roles import Detector
from facewarden.core.tasks import HEADS
from facewarden.data.manifest import Manifest
from facewarden.train.crops import load_crops
from facewarden.train.loop import fit
from facewarden.train.recipe import Recipe, parse_recipe
from facewarden.train.results import dev_rule
from facewarden.train.trainable import Trainable


def train_cell(settings: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Train one method with one seed; a killed cell goes on from its last epoch.

    Returns:
        The training log's last line, gradients per sample and step, and how many epochs there were.
    """
    recipe = parse_recipe(settings["recipe"], source="the plan")
    manifest = Manifest.read(Path(settings["captures"]))
    model = _start(recipe, settings, folder)
    heads = [head for head in model.heads if head in HEADS and head != "live"]
    if not isinstance(model, Trainable):
        raise BadInputError(f"{recipe.entry} cannot be trained here", hint="recipe: multitask")
    crops = load_crops(manifest.where(split="train"), model, margin=recipe.training.margin, targets=heads)
    objective = load("objectives", recipe.objective)(**recipe.objective_settings)
    log = fit(
        model, crops, objective=objective, settings=recipe.training, seed=int(settings["seed"]), run=folder / "run"
    )
    rule = dev_rule(model, manifest, policy=recipe.policy)
    kind = "*simulated* captures" if manifest.simulated else "captures"
    start = f", going on from {settings['start']}" if settings["start"] else ""
    card = Card(
        name=recipe.entry,
        summary=f"{recipe.summary}; {recipe.objective}{start}",
        role="pad",
        licence=recipe.licence,
        source=f"facewarden bench, kind adversarial_training, seed {settings['seed']}",
        training_data=f"{len(crops)} {kind} of {len(set(crops.subject))} people, {manifest.name}",
        intended_use=recipe.intended_use,
        limits=recipe.limits,
        settings=dict(model.settings),
    )
    target = shared_folder(folder) / "models" / str(settings["model"])
    written = {**recipe.plain(), "seed": settings["seed"], "start": settings["start"]}
    save_artifact(target, model.network.state_dict(), card=card, recipe=written, rule=rule)
    shutil.rmtree(folder / "run" / "checkpoints", ignore_errors=True)
    gradients = float(log[-1].get("gradients", 1.0))
    return {"last": log[-1], "gradients": gradients, "epochs": len(log), "samples": len(crops)}


def _start(recipe: Recipe, settings: Mapping[str, Any], folder: Path) -> Detector:
    if settings["start"]:
        return resolve_detector(str(shared_folder(folder) / "models" / str(settings["start"])))
    made: Detector = load("pad", recipe.entry).untrained(recipe.model, seed=int(settings["seed"]))
    return made
