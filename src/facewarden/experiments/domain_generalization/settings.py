"""Settings of a plan of kind `presentation`: data, methods as training recipes, and their protocols."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from annotated_types import MinLen

from facewarden.core import registry
from facewarden.core.errors import FacewardenError
from facewarden.core.labels import MODALITIES, Modality
from facewarden.core.settings import SettingError, Text, WrittenAs, read_settings
from facewarden.core.settings.problems import path_text
from facewarden.data.simulate.specification import SeededCaptures
from facewarden.data.transfer import transfer_protocol
from facewarden.experiments.engine.kind import SHARED, PlanCell
from facewarden.experiments.engine.plan_settings import Names, Seeds, check_all_known, check_known
from facewarden.experiments.engine.recipe_changes import ABSENT, Place, RecipeChanges, checked_recipe, misplaced
from facewarden.nn.trainable import Trainable
from facewarden.training.recipe import Recipe, read_recipe
from facewarden.training.recipe_files import merged

_RECIPE = ("entry", "model", "objective", "objective_settings", "training")


@dataclass(frozen=True)
class DataSettings:
    """Captures of a plan, one of both.

    Attributes:
        simulate: arguments of the simulator.
        captures: NAME:PATH or manifests.
    """

    simulate: Annotated[Mapping[str, Any], WrittenAs(SeededCaptures)] | None = None
    captures: Names | None = None

    def __post_init__(self) -> None:
        if (self.simulate is None) == (self.captures is None):
            raise SettingError("allowed: one of simulate and captures", hint="data: {simulate: {subjects: 40}}")


@dataclass(frozen=True)
class MethodSettings(RecipeChanges):
    """A method: a training recipe and what differs from it.

    Attributes:
        like: another method of the plan, whose settings are taken over.
        recipe: of the package, or a JSON file.
        shuffle: train on labels that are permuted within each source.
        only: the sensors that it is given.
        label: what tables call it.
    """

    like: Text = ABSENT
    recipe: Text = ABSENT
    shuffle: bool = False
    only: Annotated[tuple[Modality, ...], MinLen(1)] = MODALITIES
    label: Text = ABSENT


@dataclass(frozen=True)
class PartSettings:
    """A section of the summary.

    Attributes:
        title, note: for the reader.
        methods, protocols: what is run.
        seeds: by default the plan's.
        baseline: the method that the others are compared with.
        check: "chance" where every method here must be one that learned nothing; "dev" where methods are chosen by
            the sources' dev, and nothing of the target is shown.
    """

    title: Text
    methods: Names
    protocols: Names
    baseline: Text | None = None
    seeds: Seeds | None = None
    check: Literal["chance", "dev"] | None = None
    note: str = ""


@dataclass(frozen=True)
class PresentationSettings:
    """A plan of kind `presentation`, as it is written.

    Attributes:
        data: simulated or published captures.
        methods: by name.
        parts: in their order.
        title: of the summary.
        seeds: of the trainings.
        defaults: parts of every recipe.
        whole_target: test on all rows of a target.
        scored_epochs: whether dev and target are scored after every epoch or after the last one.
        missing: also score without depth, infrared and both.
        degraded: also score with each sensor out of register, saturated and frozen.
    """

    data: Annotated[Mapping[str, Any], WrittenAs(DataSettings)]
    methods: Annotated[Mapping[str, Annotated[Mapping[str, Any], WrittenAs(MethodSettings)]], MinLen(1)]
    parts: Annotated[tuple[PartSettings, ...], MinLen(1)]
    title: Text = "Presentation attack detection on unseen domains"
    seeds: Seeds = (0, 1, 2)
    defaults: Annotated[Mapping[str, Any], WrittenAs(RecipeChanges)] = field(default_factory=dict)
    whole_target: bool = False
    scored_epochs: Literal["every", "last"] = "every"
    missing: bool = True
    degraded: bool = False


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
        degraded: also score with each sensor out of register, saturated and frozen.
    """

    title: str
    data: Mapping[str, Any]
    methods: Mapping[str, TrainedMethod]
    parts: tuple[TablePart, ...]
    whole_target: bool
    every_epoch: bool
    missing: bool
    degraded: bool


def plan_of(settings: Mapping[str, Any]) -> PresentationPlan:
    """Check a plan's settings; `PresentationSettings` says what they are.

    Raises:
        SettingError: with the place of what cannot be used.
    """
    written = read_settings(PresentationSettings, settings)
    methods = {name: _method(name, written.methods, written.defaults) for name in written.methods}
    return PresentationPlan(
        title=written.title,
        data=written.data,
        methods=methods,
        parts=tuple(
            _part(part, methods, written.seeds, at=("parts", place)) for place, part in enumerate(written.parts)
        ),
        whole_target=written.whole_target,
        every_epoch=written.scored_epochs == "every",
        missing=written.missing,
        degraded=written.degraded,
    )


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
    only = tuple(values.get("only", MODALITIES))
    return TrainedMethod(name, values.get("label", name), recipe, values.get("shuffle", False), only, start)


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
