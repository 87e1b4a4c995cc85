"""The test of the yardstick: floors and ceilings of a set of captures, and whether it can tell methods apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewarden.core.settings import SettingError, read_settings
from facewarden.data.manifest import Manifest
from facewarden.data.protocols.parts.halves import halves
from facewarden.data.sample import Sample
from facewarden.experiments.domain_generalization.captures import prepared_captures
from facewarden.experiments.domain_generalization.crop_store import CropStore, make_store, open_store, view_of
from facewarden.experiments.domain_generalization.settings import known_folder
from facewarden.experiments.domain_generalization.yardstick.described import (
    MAPS,
    SEEN,
    describe_floor,
    describe_maps,
    fill_site,
    has_maps,
    model_of,
    read_description,
)
from facewarden.experiments.domain_generalization.yardstick.figures import ScoredRows
from facewarden.experiments.domain_generalization.yardstick.fits import (
    ALL,
    Captured,
    captured,
    cross_domain,
    fit_of,
    ridge_fit,
)
from facewarden.experiments.domain_generalization.yardstick.inside import COMMON, ONE_LINE, in_domain
from facewarden.experiments.domain_generalization.yardstick.rules import WEIGHTS
from facewarden.experiments.domain_generalization.yardstick.settings import YardstickSettings
from facewarden.experiments.domain_generalization.yardstick.summary import Found, summarize_yardstick
from facewarden.experiments.engine.kind import CellResult, PlanCell, PlanKind, Summary

BOTH = "trunk_both"
_PARTS = 16
"""Cells into which the work of the trunk is divided: about 500 captures of the largest planned set each."""


class YardstickKind(PlanKind):
    """Every floor is fitted on half of the domains and scores the other half; ceilings are fitted in-domain.

    `facewarden.experiments.domain_generalization.yardstick.settings.YardstickSettings` is its settings; its rules are
    constants of `facewarden.experiments.domain_generalization.yardstick.rules`.
    """

    code = 2  # in-domain fits know the domain

    def prepare(self, settings: Mapping[str, Any], *, root: Path) -> None:
        """Simulate or open the captures and crop them once."""
        plan = read_settings(YardstickSettings, settings)
        folder = known_folder(root, plan.data)
        manifest = prepared_captures(plan.data, folder)
        if len({sample.domain for sample in manifest}) < 4:
            raise SettingError(
                "the captures have fewer than 4 domains", hint="two halves of two domains at least", at=("data",)
            )
        model = model_of("thumbnail_24", size=plan.size)
        view = view_of(model, margin=1.0)
        make_store(manifest, model, view=view, folder=folder / f"crops-{view.key}")

    def cells(self, settings: Mapping[str, Any], *, root: Path) -> Sequence[PlanCell]:
        """Descriptions and tokens, then one fit a floor, then the ceilings."""
        plan = read_settings(YardstickSettings, settings)
        common = {"data": plan.data, "size": plan.size}
        frozen = {**common, "tokens": asdict(plan.tokens)}
        cells = [PlanCell("captures", {**common, "do": "captures"})]
        tokens = [
            PlanCell(f"tokens, part {part + 1} of {_PARTS}", {**frozen, "do": "tokens", "part": part})
            for part in range(_PARTS)
        ]
        needs = tuple(cell.name for cell in tokens)
        cells += tokens
        for floor in plan.floors:
            if floor in SEEN:
                cells.append(PlanCell(f"fit {floor}", {**frozen, "do": "fit", "floor": floor}, needs))
                continue
            description = PlanCell(f"describe {floor}", {**common, "do": "describe", "floor": floor})
            fit = PlanCell(f"fit {floor}", {**common, "do": "fit", "floor": floor}, (description.name,))
            cells += [description, fit]
        cells.append(PlanCell(f"fit {BOTH}", {**frozen, "do": "fit", "floor": BOTH}, needs))
        cells.append(PlanCell(f"ceiling {BOTH}", {**frozen, "do": "ceiling", "floor": BOTH}, needs))
        one_line = {**frozen, "do": "ceiling", "floor": BOTH, "common": [1.0]}
        cells.append(PlanCell(f"ceiling {ONE_LINE}", one_line, needs))
        truth = PlanCell(f"describe {MAPS}", {**common, "do": "maps"})
        return [*cells, truth, PlanCell(f"ceiling {MAPS}", {**common, "do": "ceiling", "floor": MAPS}, (truth.name,))]

    def run(self, cell: PlanCell, *, folder: Path) -> dict[str, Any]:
        """Describe, or fit and score."""
        given = cell.settings
        data = known_folder(folder.parent.parent, given["data"])
        manifest = Manifest.read(data)
        store = open_store(data / f"crops-{view_of(model_of('thumbnail_24', size=given['size']), margin=1.0).key}")
        samples = store.readable(list(manifest))
        plan = _plan(given)
        if given["do"] == "captures":
            return {"simulated": manifest.simulated, "rows": _rows(samples), "unreadable": len(store.skipped)}
        if given["do"] == "tokens":
            mine = samples[given["part"] :: _PARTS]
            return {"captures": fill_site(store, mine, plan=plan, folder=data)}
        if given["do"] == "describe":
            describe_floor(given["floor"], store, samples, folder=data)
            return {"captures": len(samples)}
        if given["do"] == "maps":
            there = has_maps(samples)
            if there:
                describe_maps(manifest, samples, folder=data)
            return {"there": there}
        return {"scores": _scores(given, store, samples, plan=plan, data=data)}

    def summarize(self, settings: Mapping[str, Any], results: Sequence[CellResult]) -> Summary:
        """Floors, ceilings, gaps and the verdict of every rule."""
        plan = read_settings(YardstickSettings, settings)
        by_name = {result.cell.name: result.value for result in results}
        if "captures" not in by_name:
            return Summary(plan.title, ("The captures could not be read.",))

        def scores(kind: str) -> dict[str, dict[str, Any]]:
            return {
                name.removeprefix(f"{kind} "): {fit: _array(one) for fit, one in value["scores"].items()}
                for name, value in by_name.items()
                if name.startswith(f"{kind} ") and value.get("scores")
            }

        whole = by_name["captures"]
        found = Found(ScoredRows.of(whole["rows"]), scores("fit"), scores("ceiling"), bool(whole["simulated"]))
        return summarize_yardstick(plan.title, found)


def _plan(given: Mapping[str, Any]) -> YardstickSettings:
    tokens = given.get("tokens", {})
    named = {"trunk": "trunk", "depth": "depth", "kind": "engine"}
    more = {ours: tokens[theirs] for theirs, ours in named.items() if theirs in tokens}
    return read_settings(YardstickSettings, {"data": given["data"], "size": given["size"], **more})


def _scores(
    given: Mapping[str, Any], store: CropStore, samples: list[Sample], *, plan: YardstickSettings, data: Path
) -> dict[str, list[float | None]]:
    """Fit -> the score of every capture, each from a fit that has seen nobody of its half, or of its part."""
    floor, about = str(given["floor"]), captured(samples)
    if floor == MAPS and not has_maps(samples):
        return {}
    rows = read_description(floor, store, samples, plan=plan, folder=data)
    whole: dict[str, NDArray[np.float64]] = {}
    for targets in halves(about.domain.tolist()):
        tested = np.isin(about.domain, list(targets))
        for fit, scores in _half(given, floor, rows, about, targets=targets, size=plan.size).items():
            whole.setdefault(fit, np.full(len(samples), np.nan))[tested] = scores
    return {fit: [None if np.isnan(one) else float(one) for one in scores] for fit, scores in whole.items()}


def _half(
    given: Mapping[str, Any], floor: str, rows: NDArray[np.float32], about: Captured, *,
    targets: Sequence[str], size: int,
) -> dict[str, NDArray[np.float64]]:  # fmt: skip
    if given["do"] == "ceiling":
        return in_domain(rows, about, targets=targets, groups=(ALL, *WEIGHTS), common=given.get("common", COMMON))
    fit = ridge_fit if floor in SEEN else fit_of(model_of(floor, size=size))
    return cross_domain(rows, about, targets=targets, fit=fit)


def _rows(samples: Sequence[Sample]) -> dict[str, list[Any]]:
    return {
        "label": [sample.label for sample in samples],
        "domain": [sample.domain for sample in samples],
        "subject": [f"{sample.domain}/{sample.subject}" for sample in samples],
        "species": [sample.species for sample in samples],
    }


def _array(scores: Sequence[float | None]) -> NDArray[np.float64]:
    return np.array([np.nan if one is None else one for one in scores], np.float64)


entry = YardstickKind
