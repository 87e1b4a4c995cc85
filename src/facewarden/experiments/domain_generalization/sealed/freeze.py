"""The freeze file: code, plan, settings and weights by their digests, and what will be compared, before the seed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from facewarden.core.errors import BadInputError
from facewarden.core.guards.bounded import read_json_bounded
from facewarden.core.identity.repository import code_digest, head_commit
from facewarden.core.run import DONE
from facewarden.experiments.domain_generalization.domain_figures import domain_figures
from facewarden.experiments.domain_generalization.figures_over_seeds import Find, ScoreSelection
from facewarden.experiments.domain_generalization.kept_weights import FILE
from facewarden.experiments.domain_generalization.settings import PresentationPlan, plan_of
from facewarden.experiments.domain_generalization.tuning import HIGHER
from facewarden.experiments.domain_generalization.written import SealedSettings
from facewarden.experiments.engine.kind import CELLS

FORMAT = 1
_FIRST = 2  # version of the simulator that has sealed sites
_Done = Mapping[str, tuple[str, Mapping[str, Any]]]


def frozen_plan(run: Path, *, repository: Path) -> dict[str, Any]:
    """Everything that decides the sealed part but its seed.

    Args:
        run: folder of a plan that was run to its end.
        repository: a folder of the repository whose commit is stated.

    Raises:
        BadInputError: no such run, one without a sealed part, or one whose trainings are not all done.
    """
    settings, keys = _plan_of_run(run)
    plan = plan_of(settings)
    if plan.sealed is None:
        raise BadInputError(f"{run}: its plan has no sealed part", hint="sealed: {ours: ..., rivals: [...], ...}")
    done = _results(run, keys)
    text = json.dumps(settings, sort_keys=True)
    return {
        "format": FORMAT,
        "commit": head_commit(repository),
        "code": code_digest(),
        "plan": {"sha256": hashlib.sha256(text.encode()).hexdigest(), "settings": settings},
        "cells": _kept_cells(run, done, plan, plan.sealed),
        "compared": _compared(done, plan, plan.sealed),
    }


def read_frozen(path: Path) -> dict[str, Any]:
    """Read a freeze file and check that the code that runs is the one that was frozen.

    Raises:
        BadInputError: it is none, or was made with other code.
    """
    try:
        frozen = read_json_bounded(path, limit="report_bytes")
        if frozen["format"] != FORMAT:
            raise ValueError(f"format {frozen['format']}")
        code, settings, stated = frozen["code"], frozen["plan"]["settings"], frozen["plan"]["sha256"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInputError(f"{path}: no freeze file: {error}", hint="facewarden freeze RUN --out FILE.json") from error
    if hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest() != stated:
        raise BadInputError(f"{path}: the plan in it was changed", hint="git checkout the file")
    if code_digest() != code:
        raise BadInputError(
            f"{path}: the code that runs is not the one that was frozen",
            hint=f"git checkout {frozen['commit'][:12]} -- src, or freeze again: the seed is then another",
        )
    whole: dict[str, Any] = frozen
    return whole


def sealed_simulation(sealed: SealedSettings, *, seed: int, version: int) -> dict[str, Any]:
    """Arguments of the simulator for the sealed captures of a seed.

    Args:
        sealed: of the plan.
        seed: 32 bits.
        version: of the simulator, that of the captures which the detectors were trained on.
    """
    name = f"sealed_{seed:08x}"
    sites = [name] if sealed.sites == 24 else [f"{name}_{number:02d}" for number in range(1, sealed.sites + 1)]
    species = {"species": list(sealed.species)} if sealed.species else {}
    given = {key: getattr(sealed, key) for key in ("subjects", "captures_per_subject", "size")}
    return {"version": version, **given, **species, "domains": sites, "seed": seed}


def _plan_of_run(run: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """The settings of the plan as the last call ran it, and the id of each of its cells by name."""
    path = run / "plan.json"
    try:
        held = read_json_bounded(path, limit="report_bytes")
        if held["kind"] != "presentation":
            raise ValueError(f"a plan of kind {held['kind']}")
        settings: dict[str, Any] = held["settings"]
        keys: dict[str, str] = {}
        for key, about in held["cells"].items() if "cells" in held else ():
            if keys.setdefault(str(about["name"]), str(key)) != key:
                raise ValueError(f"two cells are named {about['name']}")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadInputError(f"{run}: no run of a plan: {error}", hint="facewarden bench PLAN --out RUN") from error
    if not keys:
        raise BadInputError(f"{path} does not list its cells", hint=f"facewarden bench PLAN --out {run} --resume")
    return settings, keys


def _results(run: Path, keys: Mapping[str, str]) -> _Done:
    """Cell name -> id and result, of those of the plan that are done; cells of earlier settings may lie beside them."""
    found = {}
    for name, key in keys.items():
        path = run / CELLS / key / DONE
        if path.is_file():
            found[name] = (key, read_json_bounded(path, limit="report_bytes")["result"])
    return found


def _seeds(plan: PresentationPlan, method: str, protocol: str) -> list[int]:
    return sorted(
        {s for part in plan.parts if method in part.methods and protocol in part.protocols for s in part.seeds}
    )


def _kept_cells(run: Path, done: _Done, plan: PresentationPlan, sealed: SealedSettings) -> list[dict[str, Any]]:
    cells = []
    for method in sealed.methods:
        for protocol in sealed.protocols:
            for seed in _seeds(plan, method, protocol):
                name = f"{method} / {protocol} / seed {seed}"
                key, result = done.get(name, ("", {}))
                if "weights" not in result or not (run / CELLS / key / FILE).is_file():
                    raise BadInputError(
                        f"{run}: {name} is not done, or without weights", hint="facewarden bench PLAN --resume"
                    )
                weights = result["weights"]
                more = {"only": list(plan.methods[method].only), "missing": bool(result["missing"])}
                cells.append({"method": method, "protocol": protocol, "seed": seed, "id": key, **weights, **more})
    return cells


def _compared(done: _Done, plan: PresentationPlan, sealed: SealedSettings) -> dict[str, Any]:
    """The rivals that ours is compared with, and the figures on the plan's own targets that chose among them."""

    def find(method: str, protocol: str, seed: int) -> Mapping[str, Any] | None:
        return done.get(f"{method} / {protocol} / seed {seed}", ("", None))[1]

    figures = {name: _mean(find, plan, name, sealed) for name in dict.fromkeys((*sealed.rivals, sealed.ours))}
    sign = 1 if HIGHER[sealed.figure] else -1
    best = max(sealed.rivals, key=lambda name: sign * figures[name])
    chosen: Sequence[str] = sealed.rivals if sealed.rule == "holm" else (best,)
    rivals = [name for name in dict.fromkeys((*sealed.always, *chosen)) if name != sealed.ours]
    return {"rule": sealed.rule, "figure": sealed.figure, "ours": sealed.ours, "rivals": rivals, "on_dev": figures}


def _mean(find: Find, plan: PresentationPlan, method: str, sealed: SealedSettings) -> float:
    parts = []
    for protocol in sealed.protocols:
        seeds = _seeds(plan, method, protocol)
        found = domain_figures(find, method, (protocol,), seeds=seeds, look=ScoreSelection())
        if not found:
            raise BadInputError(
                f"{method} on {protocol}: not all seeds are done", hint="facewarden bench PLAN --resume"
            )
        parts.append(float(found[sealed.figure].values.mean()))
    return sum(parts) / len(parts)


def sealed_settings(frozen: Mapping[str, Any], *, seed: int) -> dict[str, Any]:
    """Settings of the run on the sealed captures: JSON values that hold the whole freeze file.

    Args:
        frozen: as `read_frozen` gives it.
        seed: of the sealed sites.
    """
    plan = plan_of(frozen["plan"]["settings"])
    assert plan.sealed is not None  # `frozen_plan` refuses others
    trained_on = (plan.data.get("simulate") or {}).get("version", _FIRST)
    simulate = sealed_simulation(plan.sealed, seed=seed, version=max(_FIRST, int(trained_on)))
    return {"frozen": dict(frozen), "simulate": simulate, **_plain(plan.sealed)}


def _plain(sealed: SealedSettings) -> dict[str, Any]:
    settings: dict[str, Any] = json.loads(json.dumps(asdict(sealed)))
    return {"sealed": settings}
