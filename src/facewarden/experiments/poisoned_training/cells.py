"""The work of a cell: train on a clean, a poisoned or a defended set, and measure who passes."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from facewarden.core.compute.computing import placement
from facewarden.data.manifest import Manifest
from facewarden.evaluation.scores import rows_of_split, score_manifest
from facewarden.metrics.pad import fit_rule
from facewarden.training.crops import CropSet
from facewarden.training.detector import DetectorTraining
from facewarden.training.poisoning.defenses import DEFENSES, removed
from facewarden.training.poisoning.trigger import TrainingTrigger, poisoned
from facewarden.training.recipe import parse_recipe

_AT_ONCE = 64


def train_cell(settings: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Train once, or twice where a defense takes samples out after the first training.

    Returns:
        The test rows' scores with label, species and subject, the threshold of dev, and what the defense found: how
        many rows it removed, and how many of them were poisoned.
    """
    manifest = Manifest.read(Path(settings["captures"]))
    recipe = parse_recipe(settings["recipe"], source="the plan").with_precision(placement().precision)
    training = DetectorTraining(recipe, seed=int(settings["seed"]))
    crops = training.crops(manifest)
    rows: tuple[int, ...] = ()
    if settings["rate"]:
        trigger = TrainingTrigger(**settings["trigger"])
        crops, rows = poisoned(crops, trigger, rate=settings["rate"], seed=int(settings["seed"]))
    training.fit(crops, run=folder / "first")
    found: dict[str, Any] = {"poisoned": len(rows), "bona_fide": int((crops.label == 1).sum())}
    if settings["defense"]:
        gone = suspected(training, crops, defense=settings["defense"], share=settings["remove"] * settings["rate"])
        found |= {"removed": len(gone), "found": len(set(gone.tolist()) & set(rows))}
        kept = np.setdiff1d(np.arange(len(crops)), gone)
        training = DetectorTraining(recipe, seed=int(settings["seed"]))
        training.fit(some(crops, kept.tolist()), run=folder / "second")
    training.weights()  # rounds the model to what would be stored
    scores = score_manifest(training.model, manifest.where(split=("dev", "test")))
    dev, test = rows_of_split(scores, "dev"), rows_of_split(scores, "test")
    rule = fit_rule(dev.score, dev.label, split="dev", species=dev.species, source=manifest.name)
    shutil.rmtree(folder / "first", ignore_errors=True)
    shutil.rmtree(folder / "second", ignore_errors=True)
    return {
        **found, "threshold": rule.threshold, "simulated": manifest.simulated,
        "score": test.score.tolist(), "label": test.label.tolist(), "species": test.species.tolist(),
        "subject": test.subject.tolist(),
    }  # fmt: skip


def suspected(training: DetectorTraining, crops: CropSet, *, defense: str, share: float) -> NDArray[np.int64]:
    """Rows that a defense takes out of a training set.

    Args:
        training: that was fitted on it.
        crops: the set.
        defense: of `DEFENSES`.
        share: of the bona fide images.
    """
    model = training.model
    features, scores = [], []
    with torch.no_grad():
        for start in range(0, len(crops), _AT_ONCE):
            rows = range(start, min(start + _AT_ONCE, len(crops)))
            output = model(crops.unchanged(rows, size=model.view_size))
            features.append(output.features.flatten(1).double().cpu().numpy())
            scores.append(output.score.double().cpu().numpy())
    label = crops.label.numpy()
    suspicion = DEFENSES[defense](np.concatenate(features), np.concatenate(scores), label)
    return removed(suspicion, label, share=share)


def some(crops: CropSet, rows: Sequence[int]) -> CropSet:
    """Some samples of a set."""
    index = torch.as_tensor(list(rows), dtype=torch.long)

    def named(values: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(values[row] for row in rows)

    return replace(
        crops,
        images={name: image[index] for name, image in crops.images.items()},
        present={name: here[index] for name, here in crops.present.items()},
        key=named(crops.key), species=named(crops.species), subject=named(crops.subject), domain=named(crops.domain),
        label=crops.label[index],
        tasks={head: target[index] for head, target in crops.tasks.items()},
    )  # fmt: skip
