"""Settings of a plan of kind `uncertainty`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from annotated_types import Ge, Le, MinLen

from facewarden.core.labels import MODALITIES, Modality
from facewarden.core.settings import Share, Text, WrittenAs
from facewarden.experiments.domain_generalization.written import DataSettings
from facewarden.experiments.engine.plan_settings import Seeds
from facewarden.experiments.engine.recipe_changes import RecipeChanges

Damage = Literal["saturated", "noise", "frozen"]
DAMAGES: tuple[Damage, ...] = ("saturated", "noise", "frozen")


@dataclass(frozen=True)
class UncertaintySettings:
    """A plan of kind `uncertainty`, as it is written.

    Attributes:
        data: simulated captures with `maps: true`, which tell the true error of depth.
        recipe: of an MMDG detector; trained with the gate and without it.
        changes: what differs from the recipe.
        protocol: whose sources train and whose targets are measured.
        title: of the summary.
        seeds: of the trainings.
        worst: share of a site's patches that count as unreliable: those with the largest true error.
        region: side of the damaged square as a share of the view's.
        damages: what is done to a region: white, or holes in depth; noise; or the same place of another capture.
        sensors: that are damaged.
        most: captures that are damaged, evenly over the targets; all when 0.
    """

    data: Annotated[Mapping[str, Any], WrittenAs(DataSettings)]
    recipe: Text = "mmdg"
    changes: Annotated[Mapping[str, Any], WrittenAs(RecipeChanges)] = field(default_factory=dict)
    protocol: Text = "half1_half2"
    title: Text = "Does U find unreliable regions"
    seeds: Seeds = (0, 1, 2)
    worst: Share = 0.1
    region: Annotated[float, Ge(0.1), Le(0.9)] = 0.375
    damages: Annotated[tuple[Damage, ...], MinLen(1)] = DAMAGES
    sensors: Annotated[tuple[Modality, ...], MinLen(1)] = MODALITIES
    most: Annotated[int, Ge(0)] = 400
