"""Settings of a plan of kind `cloaking`, checked before anything is computed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Annotated, Any, Literal

from annotated_types import Ge, MinLen

from facewarden.core.errors import FacewardenError
from facewarden.core.registry import load
from facewarden.core.resolve import resolve_purifier
from facewarden.core.settings import (
    Count,
    OneOf,
    SettingError,
    Share,
    Text,
    Whole,
    WrittenAs,
    check_arguments,
    read_settings,
)
from facewarden.core.settings.problems import path_text
from facewarden.experiments.cloaking.cloak_recipe import CloakRecipe, identity_of
from facewarden.experiments.cloaking.finetuned_tracker import FineTuning
from facewarden.experiments.cloaking.galleries.settings import GallerySettings
from facewarden.experiments.cloaking.measure import TRACKERS, TRAINED
from facewarden.experiments.cloaking.results_grid import NONE
from facewarden.experiments.cloaking.tables import Goal
from facewarden.experiments.engine.plan_settings import Names, Seeds, check_all_known, check_known

Trackers = Annotated[tuple[Annotated[str, OneOf((*TRACKERS, *TRAINED))], ...], MinLen(1)]
Written = Mapping[str, Any]
OLD_KEYS = MappingProxyType(
    {"passed_over": "skip_people", "tables.*.passed_over": "skip_people"}
    | dict.fromkeys(("judges", "tables.*.judges", "goals.*.judges", "headline.*.judges"), "recognizers")
)
"""Settings in plans of 0.1 -> their names now."""


@dataclass(frozen=True)
class TableSettings:
    """A table: every one of its cloaks with every one of its purifiers and trackers.

    Attributes:
        title: of the table.
        cloaks, purifiers, trackers: what is crossed, by the plan's names.
        probes: whether probes are purified as well.
        seeds, recognizers, users, skip_people: where they differ from the plan's.
        tuning: of the trackers that are trained.
    """

    title: Text
    cloaks: Names
    purifiers: Names
    trackers: Trackers
    probes: Literal["raw", "purified"] = "raw"
    seeds: Seeds | None = None
    recognizers: Names | None = None
    users: Count | None = None
    skip_people: Whole | None = None
    tuning: Annotated[Written, WrittenAs(FineTuning)] = field(default_factory=dict)


@dataclass(frozen=True)
class HeadlineSettings:
    """A headline over cells that count.

    Attributes:
        title: of the headline.
        cloaks, trackers: what it is over.
        at_most: the goal.
        recognizers: by default the plan's.
    """

    title: Text
    cloaks: Names
    trackers: Trackers
    at_most: Share
    recognizers: Names | None = None


@dataclass(frozen=True)
class CloakingPlan:
    """A plan of kind `cloaking`.

    What has numbers in ids of cells is kept as it is written.

    Attributes:
        set: photos, a set of `facewarden list datasets` or a folder.
        recognizers: evaluation recognizers.
        cloaks: name -> attack, level, surrogates, and what else `CloakRecipe` has.
        purifiers: name -> what `--purifier` takes, with settings as JSON behind it; "none" is always there.
        tables: what is measured.
        photos: of a person.
        distractors: people who are never searched for.
        aligner: how faces are found.
        users: who cloak in turn.
        skip_people: how many people before them are excluded, because they were used for model selection.
        seeds: of the splits.
        candidate, baselines: the purifier that is judged, and the others; by default "puface" and all others.
        galleries: tables of galleries: identification, growing and mixed ones.
        without_sealed: leave out the people who are kept for the sealed test of the second purifier.
        only_sealed: they alone cloak, everybody else is in the galleries: the sealed test itself.
        goals, headline: what is to be shown; the first headline is drawn.
        cost: purifiers whose cost is measured.
        rounds: of the bootstrap of the cost.
        skip_missing: leave out purifiers whose weights are not there.

    Raises:
        SettingError: a cloak or purifier is named that there is not, or a cloak cannot be made.
    """

    set: Text
    recognizers: Names
    cloaks: Annotated[Mapping[str, Annotated[Written, WrittenAs(CloakRecipe)]], MinLen(1)]
    purifiers: Mapping[str, Text]
    tables: Annotated[tuple[TableSettings, ...], MinLen(1)]
    photos: Annotated[int, Ge(2)] = 10
    distractors: Whole = 300
    aligner: Text = "yunet"
    users: Count = 40
    skip_people: Whole = 0
    seeds: Seeds = (0, 1, 2)
    candidate: Text | None = None
    baselines: tuple[Text, ...] | None = None
    goals: tuple[Goal, ...] = ()
    headline: tuple[HeadlineSettings, ...] = ()
    galleries: tuple[GallerySettings, ...] = ()
    without_sealed: bool = False
    only_sealed: bool = False
    cost: tuple[Text, ...] = ()
    rounds: Count = 200
    skip_missing: bool = False

    def __post_init__(self) -> None:
        purifiers = self.all_purifiers
        for name, values in self.cloaks.items():
            cloak_of(name, values)
        for place, table in enumerate(self.tables):
            check_all_known(table.cloaks, self.cloaks, at=("tables", place, "cloaks"))
            check_all_known(table.purifiers, purifiers, at=("tables", place, "purifiers"))
        for place, gallery in enumerate(self.galleries):
            check_all_known(gallery.cloaks, self.cloaks, at=("galleries", place, "cloaks"))
            check_all_known(gallery.purifiers, purifiers, at=("galleries", place, "purifiers"))
        for place, goal in enumerate(self.goals):
            check_known(goal.cloak, self.cloaks, at=("goals", place, "cloak"))
        for place, headline in enumerate(self.headline):
            check_all_known(headline.cloaks, self.cloaks, at=("headline", place, "cloaks"))
        check_all_known(self.cost, purifiers, at=("cost",))
        check_all_known(self.baselines, purifiers, at=("baselines",))
        if self.without_sealed and self.only_sealed:
            raise SettingError("nobody is left to cloak: the sealed people are left out", at=("only_sealed",))
        if self.candidate is not None:
            check_known(self.candidate, purifiers, at=("candidate",))

    @property
    def recipes(self) -> dict[str, CloakRecipe]:
        """The cloaks by name."""
        return {name: cloak_of(name, values) for name, values in self.cloaks.items()}

    @property
    def all_purifiers(self) -> dict[str, str]:
        """The purifiers by name, with that of none."""
        return {NONE: "identity", **self.purifiers}

    @property
    def ours(self) -> str:
        """Name of the purifier that is judged."""
        return "puface" if self.candidate is None else self.candidate

    def compared(self, names: Collection[str]) -> list[str]:
        """The baselines among purifiers that were measured."""
        wanted = [name for name in self.all_purifiers if name not in (NONE, self.ours)]
        return [name for name in (wanted if self.baselines is None else self.baselines) if name in names]

    @property
    def crossed(self) -> tuple[TableSettings | GallerySettings, ...]:
        """Tables of both kinds."""
        return (*self.tables, *self.galleries)

    def skipped(self, table: TableSettings | GallerySettings) -> int:
        """How many people a table excludes."""
        return self.skip_people if table.skip_people is None else table.skip_people

    def known(self) -> tuple[dict[str, Any], dict[str, str]]:
        """Identity of every purifier and cloak that the plan names, and the missing ones with the reason."""
        identities: dict[str, Any] = {}
        missing: dict[str, str] = {}
        wanted: dict[str, tuple[str, list[str]]] = {
            name: ("cloaks", list(recipe.through)) for name, recipe in self.recipes.items()
        }
        wanted |= {name: ("purifiers", [spec]) for name, spec in self.all_purifiers.items()}
        for name, (where, specs) in wanted.items():
            try:
                identities[name] = [identity_of(resolve_purifier(spec)) for spec in specs]
            except FacewardenError as error:
                if not self.skip_missing:
                    raise SettingError(error.message, hint=error.hint, at=(where, name)) from error
                missing[name] = error.message
        return identities, missing


def plan_of(settings: Mapping[str, Any]) -> CloakingPlan:
    """Check a plan's settings; `CloakingPlan` says what they are.

    Raises:
        SettingError: a setting cannot be used.
    """
    return read_settings(CloakingPlan, settings)


def cloak_of(name: str, values: Written) -> CloakRecipe:
    """Make a cloak of a plan.

    Args:
        name: in the plan.
        values: as the plan writes them.

    Raises:
        SettingError: an unknown attack, level or setting of the attack.
    """
    at = ("cloaks", name)
    recipe = read_settings(CloakRecipe, values, at=at)
    try:
        check_arguments(load("attacks", recipe.attack), recipe.settings, source="", keyword_only=True)
        recipe.eps  # noqa: B018 - refuses an unknown level
    except FacewardenError as error:
        inner = ("settings", *error.at) if isinstance(error, SettingError) else ()
        raise SettingError(f"{path_text(at)}: {error.message}", hint=error.hint, at=(*at, *inner)) from error
    return recipe
