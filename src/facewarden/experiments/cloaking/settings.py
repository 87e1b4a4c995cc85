"""What a plan of kind `cloaking` holds: its classes say which settings there are, of which type and range."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from annotated_types import MinLen

from facewarden.core.settings import Count, Share, Text, Whole
from facewarden.experiments.cloaking.cloak_recipe import CloakRecipe
from facewarden.experiments.cloaking.finetuned_tracker import FineTuning

Names = Annotated[tuple[Text, ...], MinLen(1)]
"""One name at least."""
Seeds = Annotated[tuple[Whole, ...], MinLen(1)]
"""One seed at least."""


@dataclass(frozen=True)
class CloakingTable:
    """A table of a plan: every combination of its cloaks, purifiers and trackers.

    Attributes:
        title: of the table.
        cloaks, purifiers, trackers: by their names in the plan.
        probes: whether the tracker also purifies the photos that it searches with.
        seeds, judges, users, passed_over: instead of the plan's.
        tuning: how trackers that are trained are trained.
    """

    title: Text
    cloaks: Names
    purifiers: Names
    trackers: Names
    probes: Literal["raw", "purified"] = "raw"
    seeds: Seeds | None = None
    judges: Names | None = None
    users: Count | None = None
    passed_over: Whole | None = None
    tuning: FineTuning = field(default_factory=FineTuning)


@dataclass(frozen=True)
class CloakingGoal:
    """A rate that the candidate is to stay below.

    Attributes:
        cloak: by its name in the plan.
        judges: recognizers.
        at_most: the highest protection rate.
    """

    cloak: Text
    judges: Names
    at_most: Share


@dataclass(frozen=True)
class CloakingHeadline:
    """A table of means over cloaks and trackers.

    Attributes:
        title: of the table.
        cloaks, trackers: by their names in the plan.
        at_most: the highest protection rate.
        judges: instead of the plan's.
    """

    title: Text
    cloaks: Names
    trackers: Names
    at_most: Share
    judges: Names | None = None


@dataclass(frozen=True)
class CloakingSettings:
    """A plan of kind `cloaking`.

    Attributes:
        set: photos of people, as `--faces` takes them; may name an environment variable.
        judges: recognizers that search.
        cloaks: name -> how it is made.
        purifiers: name -> what `--purifier` takes.
        tables: what is measured.
        photos: of each person.
        distractors: people in the gallery who do not cloak.
        aligner: finds the faces.
        users: how many people cloak in turn.
        passed_over: how many people are left out before them, because something was chosen by them.
        seeds: of the splits.
        candidate, baselines: purifiers that are compared.
        goals, headline: what the summary tells.
        cost: purifiers whose cost is measured.
        skip_missing: leave out purifiers whose weights are not there.
        rounds: of the bootstrap.
    """

    set: Text
    judges: Names
    cloaks: Mapping[str, CloakRecipe]
    purifiers: Mapping[str, Text]
    tables: tuple[CloakingTable, ...]
    photos: Count = 10
    distractors: Whole = 300
    aligner: Text = "yunet"
    users: Count = 40
    passed_over: Whole = 0
    seeds: Seeds = (0, 1, 2)
    candidate: Text = "puface"
    baselines: tuple[Text, ...] | None = None
    goals: tuple[CloakingGoal, ...] = ()
    headline: tuple[CloakingHeadline, ...] = ()
    cost: tuple[Text, ...] = ()
    skip_missing: bool = False
    rounds: Count = 200
