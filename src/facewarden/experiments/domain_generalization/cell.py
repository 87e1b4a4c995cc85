"""One cell of a plan of kind `presentation`: train a recipe on a protocol's sources, score dev and target."""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from facewarden.core.batch import FaceBatch
from facewarden.core.compute.computing import placement
from facewarden.core.compute.device import device_of
from facewarden.core.files import write_json
from facewarden.core.labels import MODALITIES, Modality
from facewarden.core.roles import Detector
from facewarden.core.seeding import derive
from facewarden.data.manifest import Manifest
from facewarden.data.protocols.missing_at_test import DROPS
from facewarden.data.protocols.parts.source_fold import source_fold
from facewarden.data.sample import Sample
from facewarden.data.transfer import Splits, transfer_protocol
from facewarden.experiments.domain_generalization.balance.cue import with_cue
from facewarden.experiments.domain_generalization.balance.probes import probe_scores
from facewarden.experiments.domain_generalization.crop_store import CropStore, open_store, view_of
from facewarden.experiments.domain_generalization.degraded_sensors import DEGRADED, degraded_views
from facewarden.experiments.domain_generalization.descriptions import Descriptions, descriptions
from facewarden.experiments.domain_generalization.kept_streams import kept_set, kept_views, open_streams
from facewarden.experiments.domain_generalization.kept_weights import keep_weights
from facewarden.metrics.pad import eer
from facewarden.metrics.transfer import hter_at_target_eer
from facewarden.nn.closed_form import ClosedForm
from facewarden.training.closed_form import fit_rows
from facewarden.training.crops import CropSet
from facewarden.training.detector import DetectorTraining
from facewarden.training.loop import CHECKPOINTS
from facewarden.training.recipe import Recipe, parse_recipe

LAST_EPOCH, SOURCE_DEV_EPOCH, ORACLE_TARGET_EPOCH = "last_epoch", "source_dev_epoch", "oracle_target_epoch"
"""Rules that select the model: the last epoch; the lowest EER on the sources' dev; the lowest HTER on the target."""

_AT_ONCE = 64


def run_transfer_cell(settings: Mapping[str, Any], *, data: Path, folder: Path) -> dict[str, Any]:
    """Train and score.

    Args:
        settings: `recipe`, `protocol`, `seed`, `whole_target`, `every_epoch`, `missing`, `shuffle`, `only`, and
            `degraded` where sensors are degraded too, `fold` where so many sources stand for the targets, `keep`
            where the weights are kept, `activations` where streams of the trunk were computed beforehand, `cue` where
            a sensor shows the class at the sources, and `probes` where the class tokens are probed.
        data: where `prepare` left manifest, crops and audits.
        folder: the cell's own; an earlier try's checkpoint and scores in it are gone on from.

    Returns:
        Rows and scores of dev and target, the epochs that the selection rules chose, the training log, the audit.
    """
    recipe, seed = parse_recipe(settings["recipe"], source="cell"), int(settings["seed"])
    recipe = recipe.with_precision(placement().precision)
    manifest = Manifest.read(data)
    protocol = transfer_protocol(settings["protocol"], whole_target=bool(settings["whole_target"]))
    splits: Splits = protocol.assign(manifest)
    if settings.get("fold"):
        splits = source_fold(splits, sites=int(settings["fold"]))
    training = DetectorTraining(recipe, seed=seed)
    model = training.model
    view = view_of(model, margin=recipe.training.margin)
    store = open_store(data / f"crops-{view.key}")
    train, dev, test = (store.readable(splits[split]) for split in ("train", "dev", "test"))
    if settings.get("cue"):
        sensor, share = settings["cue"]
        store = with_cue(store, [*train, *dev], test, sensor=sensor, share=share)
    only: tuple[Modality, ...] = tuple(settings["only"])
    labels = shuffled(train, seed=seed, protocol=str(settings["protocol"])) if settings["shuffle"] else None

    known = None
    if not settings.get("cue"):  # what is kept of captures has no cue in it
        known = _descriptions(model, store, manifest, data=data, recipe=recipe)
    kept = settings.get("activations")
    streams = None if kept is None else open_streams(model, view, folder=data, kept=kept)

    def views_of(samples: Sequence[Sample], modalities: Collection[Modality]) -> Iterator[FaceBatch]:
        if streams is not None:
            return kept_views(store, streams, samples, batch=_AT_ONCE, only=modalities)
        return store.views(samples, batch=_AT_ONCE, only=modalities)

    def scored(samples: Sequence[Sample], modalities: Collection[Modality]) -> list[float]:
        if known is not None:
            return known.scores(samples, only=modalities)
        return scores_of(model, views_of(samples, modalities))

    def observe(epoch: int) -> None:
        scores = {"dev": scored(dev, only), "test": scored(test, only)}
        write_json(folder / f"epoch-{epoch}.json", scores)

    if known is not None:
        log = fit_rows(known.model, known.rows(train, only=only, labels=labels), dev=known.rows(dev, only=only))
    else:
        views = store.views(dev, batch=_AT_ONCE, only=only)
        crops: CropSet = (
            store.crops(train, only=only, labels=labels)
            if streams is None
            else kept_set(store, streams, train, only=only, labels=labels)
        )
        log = training.fit(crops, run=folder, observe=observe if settings["every_epoch"] else None, dev=views)
    epochs = recipe.training.epochs
    if known is not None or not settings["every_epoch"]:
        observe(epochs)
    by_epoch = {
        epoch: json.loads(path.read_text(encoding="utf-8"))
        for epoch in range(1, epochs + 1)
        if (path := folder / f"epoch-{epoch}.json").is_file()
    }
    curve, chosen = select(by_epoch, dev=[s.label for s in dev], test=[s.label for s in test])
    missing: dict[str, dict[str, list[float]]] = {"dev": {}, "test": {}}
    if settings["missing"] and set(only) == set(MODALITIES):
        for split, samples in (("dev", dev), ("test", test)):
            for drop in DROPS:
                left = [name for name in MODALITIES if name not in drop]
                missing[split]["+".join(drop)] = scored(samples, left)
    wrong = {
        split: {what: score(model, store, samples, only=only, degradation=what) for what in DEGRADED}
        for split, samples in (("dev", dev), ("test", test))
        if settings.get("degraded")
    }
    shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)  # the numbers are what a plan keeps
    probes = (
        {"probes": probe_scores(model, views_of, train=train, dev=dev, test=test, only=only)}
        if settings.get("probes") and not isinstance(model, ClosedForm)
        else {}
    )
    weights = keep_weights(model, recipe, seed=seed, folder=folder) if settings.get("keep") else {}
    model.requires_grad_(True)
    return {
        **weights,
        **probes,
        "simulated": manifest.simulated,
        "rows": {"dev": rows_of(dev), "test": rows_of(test)},
        "scores": {rule: {"epoch": epoch, **by_epoch[epoch]} for rule, epoch in chosen.items()},
        "missing": missing["test"],
        "missing_dev": missing["dev"],
        "degraded": wrong.get("test", {}),
        "degraded_dev": wrong.get("dev", {}),
        "missing_fill": model.settings.get("missing_fill"),
        "curve": curve,
        "log": log,
        "trained": len(train),
        "trainable": sum(p.numel() for p in model.parameters() if p.requires_grad),
        "parameters": sum(p.numel() for p in model.network.parameters()),
        "audit": json.loads((data / audit_name(str(protocol.name), settings)).read_text(encoding="utf-8")),
        "unreadable": sum(len(splits[split]) for split in splits) - len(train) - len(dev) - len(test),
    }


def audit_name(protocol: str, settings: Mapping[str, Any]) -> str:
    """Name of the file with the audit of a cell's splits.

    Args:
        protocol: its name.
        settings: the cell's.
    """
    fold = settings.get("fold")
    return f"audit-{protocol}{f'-fold-{fold}' if fold else ''}.json"


def _descriptions(
    model: Detector, store: CropStore, manifest: Manifest, *, data: Path, recipe: Recipe
) -> Descriptions | None:
    """What a detector in closed form reads, of all captures of the plan at once; None for others."""
    if not isinstance(model, ClosedForm) or recipe.training.margin != 1:
        return None
    model.requires_grad_(False).eval()
    start = type(model).start(dict(recipe.model))
    return descriptions(model, store, store.readable(list(manifest)), folder=data, start=start)


def score(
    model: Detector,
    store: CropStore,
    samples: Sequence[Sample],
    *,
    only: Collection[Modality],
    degradation: str | None = None,
) -> list[float]:
    """Scores of samples.

    Args:
        model, store: trained, and the crops in its own view.
        samples: all readable.
        only: modalities that the model is given.
        degradation: one of `degraded_sensors.DEGRADED`, what is wrong with a sensor.
    """
    views = partial(store.views, batch=_AT_ONCE, only=only)
    batches = views(samples) if degradation is None else degraded_views(views, samples, what=degradation)
    return scores_of(model, batches)


def scores_of(model: Detector, batches: Iterable[FaceBatch]) -> list[float]:
    """Scores of batches in the detector's own view, one after the other."""
    device = device_of(model) or torch.device("cpu")
    scores: list[float] = []
    with torch.no_grad():
        for batch in batches:
            scores += model(batch.to(device)).score.double().tolist()
    return scores


def select(
    by_epoch: Mapping[int, Mapping[str, Sequence[float]]], *, dev: Sequence[int], test: Sequence[int]
) -> tuple[list[dict[str, float]], dict[str, int]]:
    """Epoch that each rule selects; the earliest of equal ones.

    Returns:
        For every scored epoch its number, EER on dev and HTER at the target's EER; rule -> epoch.
    """
    curve = [
        {
            "epoch": float(epoch),
            "dev_eer": eer(np.array(measures["dev"]), np.array(dev)),
            "target_hter": hter_at_target_eer(np.array(measures["test"]), np.array(test)).hter,
        }
        for epoch, measures in sorted(by_epoch.items())
    ]
    chosen = {LAST_EPOCH: max(by_epoch)}
    if len(by_epoch) > 1:
        chosen[SOURCE_DEV_EPOCH] = int(min(curve, key=lambda row: row["dev_eer"])["epoch"])
        chosen[ORACLE_TARGET_EPOCH] = int(min(curve, key=lambda row: row["target_hter"])["epoch"])
    return curve, chosen


def rows_of(samples: Sequence[Sample]) -> dict[str, list[Any]]:
    """What a result holds of its captures, column by column."""
    return {
        "label": [sample.label for sample in samples],
        "subject": [sample.subject for sample in samples],
        "species": [sample.species for sample in samples],
        "domain": [sample.domain for sample in samples],
        "video": [f"{sample.domain}/{sample.extra.get('video', sample.key)}" for sample in samples],
    }


def shuffled(samples: Sequence[Sample], *, seed: int, protocol: str) -> list[int]:
    """Labels permuted within each domain: the share of each class stays, its relation to the face is removed.

    Args:
        samples: of the sources.
        seed: of the run.
        protocol: its name, part of the draw: runs of two protocols that share a source must not share its permutation.
    """
    labels = np.array([sample.label for sample in samples])
    domains = np.array([sample.domain for sample in samples])
    for domain in sorted(set(domains.tolist())):
        rows = np.flatnonzero(domains == domain)
        draw = np.random.default_rng(derive(seed, "shuffled labels", protocol, domain))
        labels[rows] = draw.permutation(labels[rows])
    return [int(label) for label in labels]
