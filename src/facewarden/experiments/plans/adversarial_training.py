"""Adversarial training: clean errors, and success of attacks that were not used in training, by seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from facewarden.core.errors import FacewardenError
from facewarden.core.registry import load
from facewarden.experiments.adversarial_training.summary import summarize
from facewarden.experiments.adversarial_training.training import train_cell
from facewarden.experiments.engine.heads import check_heads, placed
from facewarden.experiments.engine.kind import CellResult, PlanCell, PlanKind, SettingError, Summary, check_keys
from facewarden.experiments.vulnerability.cells import WORK
from facewarden.experiments.vulnerability.settings import AttackSpec, read_attacks
from facewarden.training.detector import untrained_detector
from facewarden.training.recipe import parse_recipe, read_recipe

_KEYS = {"title", "captures", "recipe", "start", "methods", "seeds", "samples", "attacks", "transfer", "sfa"}
START = "start"


class AdversarialTraining(PlanKind):
    """Methods that continue from the same normally trained detector, at equal gradients, on several seeds.

    The YAML holds `captures` (a manifest), `recipe` (of the package), `start` (what the first training changes of it),
    `methods` (name -> what its training changes), `seeds`, `samples` of each class that are attacked, `attacks` (as in
    a `vulnerability` plan), `transfer` (attack and eps, made on the other seeds' starting points) and `sfa` (cap,
    epochs and samples of the generators, trained against each starting point).
    """

    def prepare(self, settings: Mapping[str, Any], *, root: Path) -> None:
        """Check that the captures exist and that the detector has the named heads."""
        if not Path(str(settings["captures"])).exists():
            raise SettingError(
                f"{settings['captures']}: no such captures", hint="facewarden simulate", at=("captures",)
            )
        start = parse_recipe(_recipe(settings["recipe"], settings.get("start", {}), at=("start",)), source="the plan")
        wanted = []
        for attack in read_attacks(settings["attacks"]):
            wanted += placed(attack.heads, "attacks", attack.name, "heads")
        for name, change in settings["methods"].items():
            own = (change or {}).get("objective_settings", {})
            wanted += placed(own.get("heads"), "methods", name, "objective_settings", "heads")
        if wanted:
            model = untrained_detector(start, seed=0)
            check_heads({start.entry: model}, wanted)

    def cells(self, settings: Mapping[str, Any], *, root: Path) -> Sequence[PlanCell]:
        """One cell for each training, and for what is measured of each."""
        check_keys(settings, _KEYS, required=("captures", "recipe", "methods", "attacks"))
        seeds = settings.get("seeds", [0, 1, 2])
        if not isinstance(seeds, list) or not seeds or not all(isinstance(seed, int) for seed in seeds):
            raise SettingError(f"seeds {seeds!r}", hint="seeds: [0, 1, 2]", at=("seeds",))
        attacks = read_attacks(settings["attacks"])
        recipes = {START: _recipe(settings["recipe"], settings.get("start", {}), at=("start",))}
        for name, change in settings["methods"].items():
            recipes[name] = _recipe(settings["recipe"], change or {}, at=("methods", name))
        common = {"captures": str(settings["captures"]), "samples": int(settings.get("samples", 50)),
                  "modalities": ["rgb"]}  # fmt: skip
        made: list[PlanCell] = []
        for seed in seeds:
            made += _of_seed(settings, common, recipes, attacks, seed=seed)
        made += _transfer(settings, common, list(recipes), seeds)
        return made

    def run(self, cell: PlanCell, *, folder: Path) -> dict[str, Any]:
        """Train, or measure."""
        work = train_cell if cell.settings["do"] == "train" else WORK[cell.settings["do"]]
        return work(cell.settings, folder)

    def summarize(self, settings: Mapping[str, Any], results: Sequence[CellResult]) -> Summary:
        """Tables by method, over seeds."""
        return summarize(settings, results)


def _recipe(name: str, change: Any, *, at: tuple[str, ...]) -> dict[str, Any]:
    """The plain recipe of a method.

    Raises:
        SettingError: it is none, or its objective cannot be made.
    """
    try:
        base = read_recipe(str(name)).plain()
        if "objective" in change:  # settings of another objective mean nothing to this one
            base["objective_settings"] = {}
        plain = parse_recipe(_over(base, change), source="the plan").plain()
        load("objectives", plain["objective"])(**plain["objective_settings"])
    except (FacewardenError, TypeError, AttributeError) as error:
        hint = error.hint if isinstance(error, FacewardenError) else "as in a training recipe"
        raise SettingError(f"{'.'.join(at)}: {getattr(error, 'message', error)}", hint=hint, at=at) from error
    return plain


def _over(base: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """Nested settings with changes applied."""
    merged = dict(base)
    for name, value in change.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(name), Mapping)
        merged[name] = _over(merged[name], value) if both else value
    return merged


def _of_seed(
    settings: Mapping[str, Any],
    common: Mapping[str, Any],
    recipes: Mapping[str, dict[str, Any]],
    attacks: Sequence[AttackSpec],
    *,
    seed: int,
) -> list[PlanCell]:
    made: list[PlanCell] = []
    sfa = {"target": "keep", "cap": 3.0, "gate": True, "epochs": 3, "samples": 400, **settings.get("sfa", {})}
    for method, recipe in recipes.items():
        name = f"{method}-{seed}"
        place = {**common, "seed": seed, "model": name, "method_name": method, "spec": f"shared:models/{name}"}
        start = "" if method == START else f"{START}-{seed}"
        needs = (f"train / {start}",) if start else ()
        made.append(PlanCell(f"train / {name}", {**place, "do": "train", "recipe": recipe, "start": start}, needs))
        made.append(PlanCell(f"clean / {name}", {**place, "do": "clean"}, (f"train / {name}",)))
        if method == START:
            settings_of = {**place, **sfa, "samples": sfa["samples"], "tag": name, "do": "generators"}
            made.append(PlanCell(f"generators / {name}", settings_of, (f"train / {name}",)))
        for attack in attacks:
            for head in attack.heads or ("live",):
                readings: dict[str, Any] = {}
                for reading in attack.readings:
                    readings[reading] = {"kind": reading if reading != "none" else "none", "tag": f"{START}-{seed}"}
                after = (f"clean / {name}", f"generators / {START}-{seed}")
                cell = {**place, "do": "attack", "head": head, "attack": attack.name, "method": attack.method,
                        "set": dict(attack.options), "eps": list(attack.eps), "readings": readings}  # fmt: skip
                made.append(PlanCell(f"{attack.name} / {name} / {head}", cell, after))
    return made


def _transfer(
    settings: Mapping[str, Any], common: Mapping[str, Any], methods: Sequence[str], seeds: Sequence[int]
) -> list[PlanCell]:
    """Attacks made on the starting point of the next seed, for every method's detector of a seed."""
    wanted = settings.get("transfer")
    if not wanted or len(seeds) < 2:
        return []
    attack = read_attacks({"transfer": wanted})[0]
    cells = []
    for place, seed in enumerate(seeds):
        other = f"{START}-{seeds[(place + 1) % len(seeds)]}"
        victims = {f"{method}-{seed}": f"shared:models/{method}-{seed}" for method in methods}
        cell = {**common, "seed": seed, "do": "transfer", "model": other, "spec": f"shared:models/{other}",
                "head": "live", "method": attack.method, "set": dict(attack.options), "eps": list(attack.eps),
                "victims": victims}  # fmt: skip
        needs = tuple(f"clean / {name}" for name in dict.fromkeys((other, *victims)))
        cells.append(PlanCell(f"transfer / {other} -> seed {seed}", cell, needs))
    return cells


entry = AdversarialTraining
