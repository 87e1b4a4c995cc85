"""Settings of a plan of kind `presentation`: data, methods as training recipes, and their protocols."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from facewarden.core import registry
from facewarden.core.errors import FacewardenError
from facewarden.core.labels import MODALITIES, Modality
from facewarden.data.transfer import transfer_protocol
from facewarden.experiments.engine.kind import SHARED, PlanCell, SettingError, check_keys
from facewarden.nn.trainable import Trainable
from facewarden.training.recipe import Recipe, parse_recipe, read_recipe
from facewarden.training.recipe_files import merged

EVERY, LAST = "every", "last"
_PLAN = ("title", "data", "seeds", "defaults", "methods", "parts", "whole_target", "scored_epochs", "missing")
_METHOD = (
    "like",
    "recipe",
    "entry",
    "model",
    "objective",
    "objective_settings",
    "training",
    "shuffle",
    "only",
    "label",
)
_PART = ("title", "methods", "protocols", "baseline", "seeds", "check", "note")
_RECIPE = ("entry", "model", "objective", "objective_settings", "training")


@dataclass(frozen=True)
class TrainedMethod:
    """A row of the tables.

    Attributes:
        name: in the plan.
        label: what tables call it.
        recipe: how it is trained.
        shuffle: train on labels that are permuted within each source.
        only: the modalities that it is given, in training and test.
        start: which weights its network starts from, part of the id of its cells; None where all are fresh.
    """

    name: str
    label: str
    recipe: Recipe
    shuffle: bool
    only: tuple[Modality, ...]
    start: str | None = None


@dataclass(frozen=True)
class TablePart:
    """A section of the summary: methods on protocols.

    Attributes:
        title, note: for the reader.
        methods, protocols, seeds: what is run.
        baseline: the method that the others are compared with, or none.
        check: "chance" where every method here must be one that learned nothing; "dev" where methods are chosen by
            the sources' dev, and nothing of the target is shown.
    """

    title: str
    methods: tuple[str, ...]
    protocols: tuple[str, ...]
    seeds: tuple[int, ...]
    baseline: str | None
    check: str | None
    note: str


@dataclass(frozen=True)
class PresentationPlan:
    """A plan whose names have all been checked.

    Attributes:
        title: of the summary.
        data: `{"simulate": {...}}` or `{"captures": [...]}`.
        methods: by name.
        parts: in their order.
        whole_target: test on all rows of a target.
        every_epoch: score dev and target after every epoch, which selection rules other than the last epoch need.
        missing: also score without depth, infrared and both.
    """

    title: str
    data: Mapping[str, Any]
    methods: Mapping[str, TrainedMethod]
    parts: tuple[TablePart, ...]
    whole_target: bool
    every_epoch: bool
    missing: bool


def read_settings(settings: Mapping[str, Any]) -> PresentationPlan:
    """Check a plan's settings.

    Raises:
        SettingError: with the place of what cannot be used.
    """
    check_keys(settings, _PLAN, required=("data", "methods", "parts"))
    data = check_keys(settings["data"], ("simulate", "captures"), at=("data",))
    if len(data) != 1:
        raise SettingError(
            "data is one of simulate and captures", hint="data: {simulate: {subjects: 40}}", at=("data",)
        )
    scored = settings.get("scored_epochs", EVERY)
    if scored not in (EVERY, LAST):
        raise SettingError(f"scored_epochs is {scored!r}", hint=f"{EVERY} or {LAST}", at=("scored_epochs",))
    defaults = check_keys(settings.get("defaults", {}), _RECIPE, at=("defaults",))
    given = check_keys(settings["methods"], settings["methods"] or (), at=("methods",))
    methods = {name: _method(name, given, defaults) for name in given}
    seeds = _seeds(settings.get("seeds", [0, 1, 2]), at=("seeds",))
    listed = _sequence(settings["parts"], at=("parts",))
    parts = tuple(_part(part, methods, seeds, at=("parts", place)) for place, part in enumerate(listed))
    return PresentationPlan(
        title=str(settings.get("title", "Presentation attack detection on unseen domains")),
        data=data,
        methods=methods,
        parts=parts,
        whole_target=bool(settings.get("whole_target", False)),
        every_epoch=scored == EVERY,
        missing=bool(settings.get("missing", True)),
    )


def _method(name: str, given: Mapping[str, Any], defaults: Mapping[str, Any]) -> TrainedMethod:
    at = ("methods", name)
    values = _like(name, given, ())
    try:
        base = read_recipe(str(values["recipe"])).plain() if "recipe" in values else {"summary": name}
        own = {key: values[key] for key in _RECIPE if key in values}
        whole = merged(merged(base, defaults), own)
        if "objective" in own and own["objective"] != base.get("objective"):
            whole["objective_settings"] = own.get("objective_settings", {})  # another one has no use for the recipe's
        if "entry" not in whole:
            raise SettingError(f"method {name!r} names no recipe and no entry", hint="entry: mmdg", at=at)
        recipe = parse_recipe(whole, source=f"method {name}")
        detector = registry.load("pad", recipe.entry)
        if not (isinstance(detector, type) and issubclass(detector, Trainable)):
            raise SettingError(f"{recipe.entry} cannot be trained here", hint="entry: mmdg", at=(*at, "entry"))
        registry.load("objectives", recipe.objective)(**recipe.objective_settings)
        start = detector.start(recipe.model)
    except SettingError:
        raise
    except FacewardenError as error:
        raise SettingError(f"method {name!r}: {error.message}", hint=error.hint, at=at) from error
    except TypeError as error:
        raise SettingError(f"method {name!r}: {error}", hint="settings of that objective", at=at) from error
    only = tuple(values.get("only", MODALITIES))
    if not only or set(only) - set(MODALITIES):
        raise SettingError(f"only {list(only)}", hint=f"some of {', '.join(MODALITIES)}", at=(*at, "only"))
    shown = str(values.get("label", name))
    return TrainedMethod(
        name, shown, recipe, bool(values.get("shuffle", False)), cast("tuple[Modality, ...]", only), start
    )


def _like(name: str, given: Mapping[str, Any], seen: tuple[str, ...]) -> dict[str, Any]:
    values = dict(check_keys(given[name], _METHOD, at=("methods", name)))
    other = values.pop("like", None)
    if other is None:
        return values
    if other not in given or other in (*seen, name):
        raise SettingError(
            f"method {name!r} is like {other!r}, which is no other method", hint=f"one of {', '.join(given)}",
            at=("methods", name, "like"),
        )  # fmt: skip
    base = _like(other, given, (*seen, name))
    base.pop("label", None)
    if "objective" in values and values["objective"] != base.get("objective"):
        base.pop("objective_settings", None)
    return merged(base, values)


def _part(
    part: Any, methods: Mapping[str, TrainedMethod], seeds: tuple[int, ...], *, at: tuple[str | int, ...]
) -> TablePart:
    check_keys(part, _PART, required=("title", "methods", "protocols"), at=at)
    names = tuple(map(str, _sequence(part["methods"], at=(*at, "methods"))))
    for place, name in enumerate(names):
        if name not in methods:
            raise SettingError(f"no method {name!r}", hint=f"one of {', '.join(methods)}", at=(*at, "methods", place))
    protocols = []
    for place, name in enumerate(_sequence(part["protocols"], at=(*at, "protocols"))):
        try:
            protocols.append(str(transfer_protocol(str(name)).name))
        except FacewardenError as error:
            raise SettingError(error.message, hint=error.hint, at=(*at, "protocols", place)) from error
    baseline, check = part.get("baseline"), part.get("check")
    if baseline is not None and baseline not in names:
        raise SettingError(f"the baseline {baseline!r} is none of the part's methods", hint=", ".join(names), at=at)
    if check not in (None, "chance", "dev"):
        raise SettingError(f"no check {check!r}", hint="check: chance or dev", at=(*at, "check"))
    own = _seeds(part["seeds"], at=(*at, "seeds")) if "seeds" in part else seeds
    return TablePart(str(part["title"]), names, tuple(protocols), own, baseline, check, str(part.get("note", "")))


def _sequence(value: Any, *, at: tuple[str | int, ...]) -> Sequence[Any]:
    if not isinstance(value, list) or not value:
        raise SettingError(f"{at[-1]} is not a list of something", hint="[a, b]", at=at)
    return value


def _seeds(value: Any, *, at: tuple[str | int, ...]) -> tuple[int, ...]:
    found = _sequence(value, at=at)
    if any(not isinstance(seed, int) or isinstance(seed, bool) or seed < 0 for seed in found):
        raise SettingError(f"seeds {value}", hint="whole numbers from 0: [0, 1, 2]", at=at)
    return tuple(found)


def known_folder(root: Path, data: Mapping[str, Any]) -> Path:
    """Folder of a plan's prepared data, by the data's settings."""
    return root / SHARED / f"data-{PlanCell('data', {'data': data}).key('data')}"
