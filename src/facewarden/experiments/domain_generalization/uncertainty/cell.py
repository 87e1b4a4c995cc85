"""One cell of a plan of kind `uncertainty`: train MMDG, then look at its U, patch by patch, on unseen sites."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from facewarden.core.batch import FaceBatch
from facewarden.core.errors import BadInputError
from facewarden.core.labels import MODALITIES
from facewarden.data.manifest import Manifest
from facewarden.data.sample import Sample
from facewarden.data.transfer import transfer_protocol
from facewarden.experiments.domain_generalization.cell import LAST_EPOCH, run_transfer_cell
from facewarden.experiments.domain_generalization.crop_store import CropStore, open_store, view_of
from facewarden.experiments.domain_generalization.kept_weights import FILE, read_kept
from facewarden.experiments.domain_generalization.uncertainty.damage import joined, measure_damage
from facewarden.experiments.domain_generalization.uncertainty.signals import (
    DEPTH,
    TITLES,
    LearnedVariance,
    Signal,
    color_tokens,
    over_captures,
    picture_signals,
    uncertainty_signals,
)
from facewarden.experiments.domain_generalization.uncertainty.truth import has_truth, patch_errors, patch_means
from facewarden.metrics.pad import auc, eer_threshold
from facewarden.pad.mmdg import Mmdg
from facewarden.training.recipe import parse_recipe

_AT_ONCE = 32


def run_uncertainty_cell(settings: Mapping[str, Any], *, data: Path, folder: Path) -> dict[str, Any]:
    """Train, compare U with the true error of depth, and damage regions.

    Args:
        settings: `recipe`, `seed`, `protocol`, `worst`, `region`, `damages`, `sensors` and `most`.
        data: where `prepare` left manifest, crops and audits.
        folder: the cell's own.
    """
    asked = {
        "recipe": settings["recipe"], "protocol": settings["protocol"], "seed": settings["seed"], "whole_target": True,
        "every_epoch": False, "missing": False, "shuffle": False, "only": list(MODALITIES), "keep": True,
    }  # fmt: skip
    trained = run_transfer_cell(asked, data=data, folder=folder)
    recipe = parse_recipe(settings["recipe"], source="cell")
    model = read_kept(folder / FILE, recipe=recipe, seed=int(settings["seed"]), kept=trained["weights"])
    if not isinstance(model, Mmdg):
        raise BadInputError(f"{recipe.entry} has no U", hint="recipe: mmdg")
    manifest = Manifest.read(data)
    splits = transfer_protocol(settings["protocol"], whole_target=True).assign(manifest)
    store = open_store(data / f"crops-{view_of(model, margin=recipe.training.margin).key}")
    train, test = store.readable(splits["train"]), store.readable(splits["test"])
    held = trained["scores"][LAST_EPOCH]
    threshold = eer_threshold(np.array(held["dev"]), np.array(trained["rows"]["dev"]["label"]))
    some = evenly(test, int(settings["most"]))
    return {
        "simulated": trained["simulated"],
        "auc": auc(np.array(held["test"]), np.array(trained["rows"]["test"]["label"])),
        "trained": trained["trained"],
        "log": trained["log"],
        "weights": trained["weights"]["sha256"],
        "patches": _patches(model, store, manifest, train=train, test=test, settings=settings),
        "damage": {"domain": [sample.domain for sample in some],
                   "measures": _damages(model, store, some, settings=settings, threshold=threshold)},
    }  # fmt: skip


def evenly(samples: Sequence[Sample], most: int) -> list[Sample]:
    """So many captures at even distances in their order; all when 0."""
    if most == 0 or len(samples) <= most:
        return list(samples)
    return [samples[int(place * len(samples) / most)] for place in range(most)]


def unreliable(
    errors: NDArray[np.float64], domains: Sequence[str], *, worst: float
) -> tuple[NDArray[np.bool_], dict[str, float]]:
    """The patches with the largest errors of their site, and the millimeters from which they count.

    Args:
        errors: (n, patches), NaN where unknown.
        domains: (n,).
        worst: share of a site's patches.
    """
    marked = np.zeros(errors.shape, bool)
    edges = {}
    where = np.array(domains)
    for name in sorted(set(domains)):
        inside = where == name
        edges[name] = float(np.nanquantile(errors[inside], 1 - worst))
        marked[inside] = errors[inside] >= edges[name]
    return marked, edges


def _patches(
    model: Mmdg, store: CropStore, manifest: Manifest, *, train: Sequence[Sample], test: Sequence[Sample],
    settings: Mapping[str, Any],
) -> dict[str, Any]:  # fmt: skip
    known = [sample for sample in test if has_truth(sample)]
    if not known:
        raise BadInputError("no capture has its exact depth", hint="data: {simulate: {version: 2, maps: true}}")
    learned = LearnedVariance.fit(
        *color_tokens(model, store.views(list(train), batch=_AT_ONCE)), seed=int(settings["seed"])
    )
    parts: dict[str, list[Signal]] = {name: [] for name in TITLES}
    side = 0
    for batch in store.views(known, batch=_AT_ONCE):
        with torch.no_grad():
            output = model.streams(batch, maps=True)
            tokens, depth = color_tokens(model, iter((batch,)))
        side = round(depth.shape[1] ** 0.5)
        found = {
            **uncertainty_signals(output, DEPTH),
            **picture_signals(batch.images["depth"], side),
            **learned.signals(tokens, patch_means(batch.images["depth"], side)),
        }
        for name, values in found.items():
            parts[name].append(values)
    view = {"size": model.view_size, "scale": model.view_scale, "side": side}
    errors = np.stack([patch_errors(manifest, sample, **view) for sample in known])  # type: ignore[arg-type]
    domains = [sample.domain for sample in known]
    marked, edges = unreliable(errors, domains, worst=float(settings["worst"]))
    counted = np.isfinite(errors)
    signals = {name: over_captures(np.concatenate(one), marked, known=counted) for name, one in parts.items()}
    return {"domain": domains, "signals": signals, "edges_mm": edges, "count": int(counted.sum()),
            "marked": int((marked & counted).sum())}  # fmt: skip


def _damages(
    model: Mmdg, store: CropStore, samples: Sequence[Sample], *, settings: Mapping[str, Any], threshold: float
) -> dict[str, dict[str, list[Any]]]:
    """Sensor and kind of damage -> measures of every capture."""
    found = {}
    for sensor in settings["sensors"]:
        for kind in settings["damages"]:
            parts = [
                measure_damage(model, batch, sensor=sensor, kind=kind, share=settings["region"], threshold=threshold)
                for batch in _whole(store, samples)
            ]
            found[f"{sensor} {kind}"] = joined(parts)
    return found


def _whole(store: CropStore, samples: Sequence[Sample]) -> Iterator[FaceBatch]:
    yield from store.views(list(samples), batch=_AT_ONCE)
