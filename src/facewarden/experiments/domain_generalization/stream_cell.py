"""The cell that computes the streams of one view, which all trainings on the same trunk read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from facewarden.data.manifest import Manifest
from facewarden.data.sample import Sample
from facewarden.data.transfer import transfer_protocol
from facewarden.experiments.domain_generalization.crop_store import open_store, view_of
from facewarden.experiments.domain_generalization.kept_streams import keep_view
from facewarden.training.detector import untrained_detector
from facewarden.training.recipe import parse_recipe


def run_stream_cell(settings: Mapping[str, Any], *, data: Path) -> dict[str, Any]:
    """Compute and keep the streams of every capture that a training or a test reads in this view.

    Args:
        settings: `recipe`, `seed`, `view`, `protocols`, `whole_target` and `activations`.
        data: where `prepare` left manifest and crops.
    """
    recipe = parse_recipe(settings["recipe"], source="cell")
    model = untrained_detector(recipe, seed=int(settings["seed"]))
    model.requires_grad_(False).eval()
    view = view_of(model, margin=1.0)
    store = open_store(data / f"crops-{view.key}")
    manifest = Manifest.read(data)
    number = int(settings["view"])
    wanted = list(manifest) if number == 0 else _trained_on(manifest, settings)
    samples = store.readable(wanted)
    keep_view(model, store, samples, number=number, folder=data, kept=settings["activations"])
    return {"view": number, "captures": len(samples), "unreadable": len(wanted) - len(samples)}


def _trained_on(manifest: Manifest, settings: Mapping[str, Any]) -> list[Sample]:
    """The captures on which a protocol trains: views of sensors are for training alone."""
    keys: set[str] = set()
    for name in settings["protocols"]:
        splits = transfer_protocol(name, whole_target=bool(settings["whole_target"])).assign(manifest)
        keys |= {sample.key for sample in splits["train"]}
    return [sample for sample in manifest if sample.key in keys]
