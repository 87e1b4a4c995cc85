"""A plan of kind `presentation` whose names have all been checked: methods with their recipes, parts, seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from facewarden.core import registry
from facewarden.core.errors import FacewardenError
from facewarden.core.labels import MODALITIES, Modality
from facewarden.core.settings import SettingError, read_settings
from facewarden.core.settings.problems import path_text
from facewarden.data.protocols.parts.transfer import plain_name
from facewarden.data.transfer import transfer_protocol
from facewarden.experiments.domain_generalization.written import (
    TUNED,
    BalanceSettings,
    BudgetSettings,
    Kept,
    PartSettings,
    PresentationSettings,
    SealedSettings,
    TuningSettings,
)
from facewarden.experiments.engine.kind import SHARED, PlanCell
from facewarden.experiments.engine.plan_settings import Seeds, check_all_known, check_known
from facewarden.experiments.engine.recipe_changes import Place, checked_recipe, misplaced
from facewarden.nn.trainable import Trainable
from facewarden.training.recipe import Recipe, read_recipe
from facewarden.training.recipe_files import merged

_RECIPE = ("entry", "model", "objective", "objective_settings", "training")


@dataclass(frozen=True)
class Candidate:
    """One of the settings among which a fold of the sources chooses.

    Attributes:
        change: as the plan writes it.
        recipe, start: as of `TrainedMethod`.
    """

    change: Mapping[str, Any]
    recipe: Recipe
    start: str | None


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
        candidates: settings among which a fold of the sources chooses; `recipe` is then that of the first.
    """

    name: str
    label: str
    recipe: Recipe
    shuffle: bool
    only: tuple[Modality, ...]
    start: str | None = None
    candidates: tuple[Candidate, ...] = ()

    @property
    def recipes(self) -> tuple[Recipe, ...]:
        """Its recipe, or those among which one is chosen."""
        return tuple(one.recipe for one in self.candidates) or (self.recipe,)


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
        degraded: also score with each sensor out of register, saturated and frozen.
        tuning: how settings of methods that have several are chosen.
        sealed: the sealed part; None where there is none.
        activations: how streams of frozen trunks are kept.
        budget: of trained parameters; None where there is none.
        balance: whether sensors hold each other back; None where that is not asked.
        published: methods -> their names in the published table.
    """

    title: str
    data: Mapping[str, Any]
    methods: Mapping[str, TrainedMethod]
    parts: tuple[TablePart, ...]
    whole_target: bool
    every_epoch: bool
    missing: bool
    degraded: bool
    tuning: TuningSettings
    sealed: SealedSettings | None = None
    activations: Kept = "none"
    budget: BudgetSettings | None = None
    balance: BalanceSettings | None = None
    published: Mapping[str, str] = field(default_factory=dict)

    def keeps(self, method: str, protocol: str) -> bool:
        """Whether the sealed part needs the weights of a method's trainings under a protocol."""
        sealed = self.sealed
        return sealed is not None and method in sealed.methods and protocol in sealed.protocols


def plan_of(settings: Mapping[str, Any]) -> PresentationPlan:
    """Check a plan's settings; `PresentationSettings` says what they are.

    Raises:
        SettingError: with the place of what cannot be used.
    """
    written = read_settings(PresentationSettings, settings)
    methods = {name: _method(name, written.methods, written.defaults) for name in written.methods}
    check_all_known(tuple(written.published), methods, at=("published",))
    if written.budget is not None:
        check_all_known(written.budget.methods, methods, at=("budget", "methods"))
    parts = tuple(_part(part, methods, written.seeds, at=("parts", place)) for place, part in enumerate(written.parts))
    return PresentationPlan(
        title=written.title,
        data=written.data,
        methods=methods,
        parts=parts,
        whole_target=written.whole_target,
        every_epoch=written.scored_epochs == "every",
        missing=written.missing,
        degraded=written.degraded,
        tuning=written.tuning,
        sealed=None if written.sealed is None else _sealed(written.sealed, parts),
        activations=written.activations,
        budget=written.budget,
        balance=_balance(written, methods),
        published=written.published,
    )


def _balance(written: PresentationSettings, methods: Mapping[str, TrainedMethod]) -> BalanceSettings | None:
    """What is asked about balance, whose methods must be those that it takes them for."""
    asked = written.balance
    if asked is None:
        return None
    check_known(asked.joint, methods, at=("balance", "joint"))
    for sensor in MODALITIES:
        at = ("balance", "alone", sensor)
        if sensor not in asked.alone:
            raise SettingError(f"balance.alone has no method of {sensor} alone", hint=f"{sensor}: NAME", at=at[:2])
        check_known(asked.alone[sensor], methods, at=at)
        if methods[asked.alone[sensor]].only != (sensor,):
            hint = f"methods: {{{asked.alone[sensor]}: {{only: [{sensor}]}}}}"
            raise SettingError(f"{asked.alone[sensor]} is not trained on {sensor} alone", hint=hint, at=at)
    if asked.cue and written.activations != "none":
        raise SettingError("kept activations have no cue in them", hint="activations: none", at=("activations",))
    return asked


def _sealed(sealed: SealedSettings, parts: Sequence[TablePart]) -> SealedSettings:
    """The sealed part, whose methods and protocols must be trained by the plan."""
    trained = {(m, p) for part in parts for m in part.methods for p in part.protocols}
    for key, names in (("ours", (sealed.ours,)), ("rivals", sealed.rivals), ("always", sealed.always)):
        check_all_known(names, {method for method, _ in trained}, at=("sealed", key))
    protocols = tuple(plain_name(name) for name in sealed.protocols)
    check_all_known(protocols, {protocol for _, protocol in trained}, at=("sealed", "protocols"))
    lost = [(m, p) for m in sealed.methods for p in protocols if (m, p) not in trained]
    if lost:
        at = ("sealed", "protocols")
        raise SettingError(f"sealed: no part trains {lost[0][0]} on {lost[0][1]}", hint="add it to a part", at=at)
    return replace(sealed, protocols=protocols)


def _method(name: str, given: Mapping[str, Mapping[str, Any]], defaults: Mapping[str, Any]) -> TrainedMethod:
    at: Place = ("methods", name)
    values, chain = _like(name, given, ())
    written = [*((("methods", one), given[one]) for one in chain), (("defaults",), defaults)]
    try:
        base = read_recipe(values["recipe"]).plain() if "recipe" in values else {"summary": name}
    except FacewardenError as error:
        raise misplaced(error, ("recipe",), at=at, written=written) from error
    own = {key: values[key] for key in _RECIPE if key in values}
    whole = merged(merged(base, defaults), own)
    if "objective" in own and own["objective"] != base.get("objective"):
        whole["objective_settings"] = own.get("objective_settings", {})  # another one has no use for the recipe's
    if "entry" not in whole:
        raise SettingError(f"{path_text(at)} names no recipe and no entry", hint="entry: mmdg", at=at)
    only, label = tuple(values.get("only", MODALITIES)), values.get("label", name)
    recipe, start = _trainable(whole, at=at, written=written)
    candidates = _candidates(values.get("tune", ()), whole, at=at)
    if candidates:
        recipe, start = candidates[0].recipe, candidates[0].start
    return TrainedMethod(name, label, recipe, values.get("shuffle", False), only, start, candidates)


def _candidates(changes: Sequence[Mapping[str, Any]], whole: Mapping[str, Any], *, at: Place) -> tuple[Candidate, ...]:
    """The recipes of a method's settings, checked before anything is trained."""
    here: Place = (*at, "tune")
    if len(changes) > TUNED:
        raise SettingError(
            f"{path_text(here)} has {len(changes)} settings; allowed: {TUNED} at most",
            hint="leave the least likely ones out", at=here,
        )  # fmt: skip
    found = []
    for place, change in enumerate(changes):
        recipe, start = _trainable(merged(whole, change), at=(*here, place), written=[((*here, place), change)])
        found.append(Candidate(change, recipe, start))
    return tuple(found)


def _trainable(
    whole: Mapping[str, Any], *, at: Place, written: Sequence[tuple[Place, Mapping[str, Any]]]
) -> tuple[Recipe, str | None]:
    """A checked recipe, and which weights its network starts from."""
    recipe = checked_recipe(whole, at=at, written=written)
    inside: Place = ("entry",)
    try:
        detector = registry.load("pad", recipe.entry)
        if not (isinstance(detector, type) and issubclass(detector, Trainable)):
            raise SettingError(f"{recipe.entry} cannot be trained here", hint="entry: mmdg")
        inside = ("model",)
        start = detector.start(recipe.model)
    except FacewardenError as error:
        inner = (*inside, *error.at) if isinstance(error, SettingError) else inside
        raise misplaced(error, inner, at=at, written=written) from error
    return recipe, start


def _like(
    name: str, given: Mapping[str, Mapping[str, Any]], seen: tuple[str, ...]
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The settings of a method with those that it takes over, and the methods that they are from."""
    values = dict(given[name])
    other = values.pop("like", None)
    if other is None:
        return values, (name,)
    check_known(other, [one for one in given if one not in (*seen, name)], at=("methods", name, "like"))
    base, chain = _like(other, given, (*seen, name))
    base.pop("label", None)
    if "objective" in values and values["objective"] != base.get("objective"):
        base.pop("objective_settings", None)
    return merged(base, values), (name, *chain)


def _part(part: PartSettings, methods: Mapping[str, TrainedMethod], seeds: Seeds, *, at: Place) -> TablePart:
    check_all_known(part.methods, methods, at=(*at, "methods"))
    protocols = []
    for place, name in enumerate(part.protocols):
        here = (*at, "protocols", place)
        try:
            protocols.append(str(transfer_protocol(name).name))
        except FacewardenError as error:
            raise SettingError(f"{path_text(here)}: {error.message}", hint=error.hint, at=here) from error
    if part.baseline is not None:
        check_known(part.baseline, part.methods, at=(*at, "baseline"))
    own = seeds if part.seeds is None else part.seeds
    return TablePart(part.title, part.methods, tuple(protocols), own, part.baseline, part.check, part.note)


def known_folder(root: Path, data: Mapping[str, Any]) -> Path:
    """Folder of a plan's prepared data, by the data's settings."""
    return root / SHARED / f"data-{PlanCell('data', {'data': data}).key('data')}"
