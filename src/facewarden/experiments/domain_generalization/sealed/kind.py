"""The cells of a sealed part: each frozen detector scores captures of the sealed sites once."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from facewarden.core.artifact import sha256
from facewarden.core.labels import BONA_FIDE, MODALITIES, species_group
from facewarden.core.run import DONE
from facewarden.data.manifest import Manifest
from facewarden.data.protocols.missing_at_test import DROPS
from facewarden.data.sample import Sample
from facewarden.data.transfer import audit_splits
from facewarden.experiments.domain_generalization.captures import prepared_captures
from facewarden.experiments.domain_generalization.cell import LAST_EPOCH, rows_of, score
from facewarden.experiments.domain_generalization.crop_store import make_store, open_store, view_of
from facewarden.experiments.domain_generalization.kept_weights import FILE, read_kept
from facewarden.experiments.domain_generalization.sealed.summary import summarize_sealed
from facewarden.experiments.domain_generalization.settings import known_folder
from facewarden.experiments.engine.kind import CellResult, PlanCell, PlanKind, Summary, shared_folder
from facewarden.training.detector import untrained_detector
from facewarden.training.recipe import parse_recipe

FROZEN = "frozen"


class SealedKind(PlanKind):
    """Its settings are those of `facewarden.experiments.domain_generalization.sealed.freeze.sealed_settings`.

    Weights and results of the frozen cells lie in `shared/frozen/ID`, where `facewarden.unseal` puts them.
    """

    def prepare(self, settings: Mapping[str, Any], *, root: Path) -> None:
        """Simulate the captures and crop every view that a frozen detector needs."""
        folder = known_folder(root, _data(settings))
        manifest = prepared_captures(_data(settings), folder)
        for cell in settings["frozen"]["cells"]:
            recipe = parse_recipe(cell["recipe"], source="freeze file")
            model = untrained_detector(recipe, seed=0)
            view = view_of(model, margin=recipe.training.margin)
            make_store(manifest, model, view=view, folder=folder / f"crops-{view.key}")

    def cells(self, settings: Mapping[str, Any], *, root: Path) -> Sequence[PlanCell]:
        """One cell for each frozen training."""
        return [
            PlanCell(
                f"{one['method']} / {one['protocol']} / seed {one['seed']}", {**one, "simulate": settings["simulate"]}
            )
            for one in settings["frozen"]["cells"]
        ]

    def run(self, cell: PlanCell, *, folder: Path) -> dict[str, Any]:
        """Score; the threshold is that of the frozen scores of the sources' dev."""
        given = cell.settings
        held = shared_folder(folder) / FROZEN / str(given["id"])
        before = json.loads((held / DONE).read_text(encoding="utf-8"))["result"]
        recipe = parse_recipe(given["recipe"], source="freeze file")
        model = read_kept(held / FILE, recipe=recipe, seed=int(given["seed"]), kept=given)
        data = known_folder(folder.parent.parent, _data(given))
        manifest = Manifest.read(data)
        store = open_store(data / f"crops-{view_of(model, margin=recipe.training.margin).key}")
        samples = asked(list(manifest), str(given["protocol"]))
        test = store.readable(samples)
        missing = {}
        if given["missing"]:
            for drop in DROPS:
                kept = [name for name in MODALITIES if name not in drop]
                missing["+".join(drop)] = score(model, store, test, only=kept)
        last = before["scores"][LAST_EPOCH]
        audit = audit_splits({"train": (), "dev": (), "test": test}, root=manifest.root)
        return {
            "simulated": True,
            "rows": {"dev": before["rows"]["dev"], "test": rows_of(test)},
            "scores": {
                LAST_EPOCH: {
                    "epoch": last["epoch"],
                    "dev": last["dev"],
                    "test": score(model, store, test, only=given["only"]),
                }
            },
            "missing": missing,
            "missing_dev": before["missing_dev"] if missing else {},
            "missing_fill": before["missing_fill"],
            "trainable": before["trainable"],
            "parameters": before["parameters"],
            "unreadable": len(samples) - len(test),
            "manifest": manifest_digest(data),
            "audit": {
                "rows": [list(row) for row in audit.rows()],
                "subjects": [[*key, count] for key, count in sorted(audit.subjects.items())],
                "sentences": list(audit.sentences()),
            },
        }

    def summarize(self, settings: Mapping[str, Any], results: Sequence[CellResult]) -> Summary:
        """Tables of every protocol, the paired differences and whether they are clear of zero."""
        by_name = {result.cell.name: result.value for result in results}

        def find(method: str, protocol: str, seed: int) -> Mapping[str, Any] | None:
            return by_name.get(f"{method} / {protocol} / seed {seed}")

        return summarize_sealed(settings, find)


def asked(samples: Sequence[Sample], protocol: str) -> list[Sample]:
    """The captures that a protocol asks about: all, or bona fide and one group of species where it was held out.

    Sites without an attack that is asked about are left out: their bona fide captures would weigh the rest otherwise.

    Args:
        samples: of the sealed sites.
        protocol: under which the detectors were trained.
    """
    group = protocol.partition("-")[2]
    if not group:
        return list(samples)
    sites = {sample.domain for sample in samples if species_group(sample.species) == group}
    return [
        sample
        for sample in samples
        if sample.domain in sites and (sample.label == BONA_FIDE or species_group(sample.species) == group)
    ]


def manifest_digest(folder: Path) -> str:
    """Digest of the manifest of prepared captures."""
    path = next(one for one in (folder / "manifest.parquet", folder / "manifest.csv") if one.is_file())
    return sha256(path)


def _data(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {"simulate": settings["simulate"]}
