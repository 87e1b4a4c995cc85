"""The training cell of an `adversarial_training` plan: continue from a detector or start a new one, and store it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from facewarden.core.artifact import save_artifact
from facewarden.core.compute.computing import placement
from facewarden.core.errors import BadInputError
from facewarden.core.files import write_json
from facewarden.core.resolve import resolve_detector
from facewarden.data.manifest import Manifest
from facewarden.experiments.engine.kind import shared_folder
from facewarden.nn.trainable import Trainable
from facewarden.training.cost_counter import Passes, counted
from facewarden.training.detector import DetectorTraining
from facewarden.training.recipe import parse_recipe
from facewarden.training.results import dev_rule


def train_cell(settings: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Train one method with one seed; a stopped cell continues after its last epoch.

    Returns:
        The training log's last line, gradients per sample and step, how many epochs there were, and the passes that a
        sample took in all, forward and backward, through the model and through networks that helped.
    """
    recipe = parse_recipe(settings["recipe"], source="the plan").with_precision(placement().precision)
    manifest = Manifest.read(Path(settings["captures"]))
    training = DetectorTraining(recipe, seed=int(settings["seed"]), model=_start(settings, folder))
    model = training.model
    crops = training.crops(manifest)
    with ExitStack() as stack:
        networks = {"model": model, **training.objective.helpers()}
        passes = {name: stack.enter_context(counted(network)) for name, network in networks.items()}
        ledger = _Ledger(folder / "run" / "passes.json", passes)
        log = training.fit(crops, run=folder / "run", observe=ledger.note)
    weights = training.weights()
    rule = dev_rule(model, manifest, policy=recipe.policy)
    kind = "*simulated* captures" if manifest.simulated else "captures"
    start = f", going on from {settings['start']}" if settings["start"] else ""
    card = training.card(
        summary=f"{recipe.summary}; {recipe.objective}{start}",
        source=f"facewarden bench, kind adversarial_training, seed {settings['seed']}",
        training_data=f"{len(crops)} {kind} of {len(set(crops.subject))} people, {manifest.name}",
        limits=recipe.limits,
    )
    target = shared_folder(folder) / "models" / str(settings["model"])
    written = {**recipe.plain(), "seed": settings["seed"], "start": settings["start"]}
    save_artifact(target, weights, card=card, recipe=written, rule=rule)
    shutil.rmtree(folder / "run" / "checkpoints", ignore_errors=True)
    gradients = float(log[-1].get("gradients", 1.0))
    taken = ledger.per_sample(log[-1]["steps"] * recipe.training.batch)
    return {"last": log[-1], "gradients": gradients, "epochs": len(log), "samples": len(crops), "passes": taken}


class _Ledger:
    """Forward and backward passes of every epoch, in a file, so that a resumed training counts no epoch twice."""

    def __init__(self, path: Path, passes: Mapping[str, Passes]) -> None:
        self._path, self._passes = path, passes
        self._before = dict.fromkeys(passes, (0, 0))

    def note(self, epoch: int) -> None:
        """Record the passes of the epoch that just ended."""
        now = {name: (counter.forward, counter.backward) for name, counter in self._passes.items()}
        taken = {name: [a - b for a, b in zip(now[name], self._before[name], strict=True)] for name in now}
        self._before = now
        self._path.parent.mkdir(parents=True, exist_ok=True)
        write_json(self._path, {**self._epochs(), str(epoch): taken})

    def per_sample(self, samples: int) -> dict[str, list[float]]:
        """Name of a network -> forward and backward passes of a sample over all epochs.

        Args:
            samples: seen in an epoch.
        """
        epochs = self._epochs().values()
        return {name: [sum(epoch[name][way] for epoch in epochs) / samples for way in (0, 1)] for name in self._passes}

    def _epochs(self) -> dict[str, dict[str, list[int]]]:
        if not self._path.is_file():
            return {}
        epochs: dict[str, dict[str, list[int]]] = json.loads(self._path.read_text(encoding="utf-8"))
        return epochs


def _start(settings: Mapping[str, Any], folder: Path) -> Trainable | None:
    """The detector to go on from; None where the cell begins with an untrained one."""
    if not settings["start"]:
        return None
    model = resolve_detector(str(shared_folder(folder) / "models" / str(settings["start"])))
    if not isinstance(model, Trainable):
        raise BadInputError(f"{settings['start']} cannot be trained here", hint="recipe: multitask")
    return model
