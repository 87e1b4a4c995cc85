"""The work of a cell: train on a clean, a poisoned or a defended set, and measure who passes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8
from numpy.typing import NDArray
from torch import Tensor

from facewarden.core.compute.computing import placement
from facewarden.core.files import write_json
from facewarden.core.seeding import derive
from facewarden.data.manifest import Manifest
from facewarden.evaluation.scores import Scores, rows_of_split, score_manifest
from facewarden.experiments.engine.kind import shared_folder
from facewarden.metrics.pad import fit_rule
from facewarden.nn.trainable import Trainable
from facewarden.training.crops import CropSet, load_crops
from facewarden.training.detector import DetectorTraining
from facewarden.training.poisoning.carried import Carried, carried_by_fine_structure, carried_by_scorer
from facewarden.training.poisoning.defenses import DEFENSES, removed
from facewarden.training.poisoning.trigger import TrainingTrigger, poisoned
from facewarden.training.recipe import parse_recipe

RANDOM = "random"
"""The control of the defenses: as many images removed, drawn."""
_AT_ONCE = 64


def train_cell(settings: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Train once; of a defense, without the images that it finds by the undefended training of the same set.

    Returns:
        The test rows' scores with key, label, species and subject; the detector's own threshold of dev and that of the
        clean training of the seed; how many rows are poisoned, how many a defense removed, and how many of these are
        poisoned. Of the clean training also how much of the spoof the trigger carries.
    """
    manifest, seed = Manifest.read(Path(settings["captures"])), int(settings["seed"])
    trigger = TrainingTrigger(**settings["trigger"])
    recipe = parse_recipe(settings["recipe"], source="the plan").with_precision(placement().precision)
    training = DetectorTraining(recipe, seed=seed)
    clean = training.crops(manifest)
    crops, rows = poisoned(clean, trigger, rate=settings["rate"], seed=seed) if settings["rate"] else (clean, ())
    found: dict[str, Any] = {"poisoned": len(rows), "bona_fide": int((crops.label == 1).sum())}
    gone = _gone(settings, crops, folder)
    found |= {"removed": len(gone), "found": len(set(gone.tolist()) & set(rows))}
    training.fit(crops.some(np.setdiff1d(np.arange(len(crops)), gone).tolist()), run=folder / "training")
    training.weights()  # rounds the model to what would be stored
    scores = score_manifest(training.model, manifest.where(split=("dev", "test")))
    dev, test = rows_of_split(scores, "dev"), rows_of_split(scores, "test")
    threshold = fit_rule(dev.score, dev.label, split="dev", species=dev.species, source=manifest.name).threshold
    if not settings["defense"]:
        suspicions = suspected(training.model, crops, seed=seed)
        _keep(_place(settings, folder), {"threshold": threshold, "suspicions": suspicions})
        if not settings["rate"]:
            found["carried"] = _carried(manifest, training, clean, trigger)
    shutil.rmtree(folder / "training", ignore_errors=True)
    clean_threshold = _read(_place({**settings, "rate": 0.0}, folder))["threshold"]
    return {**found, "threshold": threshold, "clean_threshold": clean_threshold, "simulated": manifest.simulated,
            **_columns(test)}  # fmt: skip


def suspected(model: Trainable, crops: CropSet, *, seed: int) -> dict[str, list[float]]:
    """Defense -> its suspicion of each training sample; of the control, numbers that are drawn.

    Args:
        model: trained on the set.
        crops: the set.
        seed: of the control.
    """
    features, scores = _outputs(model, crops)
    label = crops.label.numpy()
    drawn = np.random.default_rng(derive(seed, "random removal")).random(len(crops))
    found = {name: defense(features, scores, label).tolist() for name, defense in DEFENSES.items()}
    return {**found, RANDOM: drawn.tolist()}


def _gone(settings: Mapping[str, Any], crops: CropSet, folder: Path) -> NDArray[np.int64]:
    if not settings["defense"]:
        return np.zeros(0, np.int64)
    suspicion = np.array(_read(_place(settings, folder))["suspicions"][settings["defense"]])
    return removed(suspicion, crops.label.numpy(), share=settings["remove"])


def _carried(
    manifest: Manifest, training: DetectorTraining, crops: CropSet, trigger: TrainingTrigger
) -> dict[str, dict[str, float]]:
    """What the trigger carries, by a linear classifier on training people and by the clean detector on test people."""
    model, margin, seed = training.model, training.recipe.training.margin, training.seed
    test = load_crops(manifest.where(split="test"), model, margin=margin)

    def scorer(images: UInt8[Tensor, "n c h w"]) -> NDArray[np.float64]:
        some = test.some([0] * len(images))
        return _outputs(model, CropSet({"rgb": images}, some.present, some.key, some.label, some.species,
                                       some.subject, some.domain))[1]  # fmt: skip

    return {
        "fine structure": _plain(carried_by_fine_structure(crops, trigger, seed=seed)),
        "clean detector": _plain(carried_by_scorer(test, trigger, scorer, seed=seed)),
    }


def _plain(found: Carried) -> dict[str, float]:
    share = asdict(found.share)
    return {**{name: share[name] for name in ("value", "low", "high", "n")}, "auc": found.auc}


def _outputs(model: Trainable, crops: CropSet) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Features and scores of every sample, unchanged."""
    features, scores = [], []
    with torch.no_grad():
        for start in range(0, len(crops), _AT_ONCE):
            rows = range(start, min(start + _AT_ONCE, len(crops)))
            output = model(crops.unchanged(rows, size=model.view_size))
            features.append(output.features.flatten(1).double().cpu().numpy())
            scores.append(output.score.double().cpu().numpy())
    return np.concatenate(features), np.concatenate(scores)


def _columns(test: Scores) -> dict[str, list[Any]]:
    return {name: getattr(test, name).tolist() for name in ("key", "score", "label", "species", "subject")}


def _place(settings: Mapping[str, Any], folder: Path) -> Path:
    """Where the undefended training of a rate and seed leaves its threshold and what defenses make of its samples."""
    return shared_folder(folder) / "undefended" / f"{settings['rate']:g}-{settings['seed']}.json"


def _keep(path: Path, value: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, value)


def _read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found
