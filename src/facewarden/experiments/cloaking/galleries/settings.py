"""Settings of the galleries of a cloaking plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal

from annotated_types import MinLen

from facewarden.core.settings import Count, Share, Text, Whole
from facewarden.experiments.engine.plan_settings import Names, Seeds

Scene = Literal["four_cells", "growing", "mixed"]


@dataclass(frozen=True)
class GallerySettings:
    """A table of galleries: one scene, every one of its cloaks with every one of its purifiers.

    Attributes:
        title: of the table.
        scene: "four_cells", clean or cloaked probes against a clean or cloaked gallery; "growing", a gallery that takes
            in what it recognizes; "mixed", a share of cloaked photos, of one person at a time or of many at once.
        cloaks, purifiers: what is crossed, by the plan's names; probes are not purified.
        shares: of cloaked photos, for "mixed".
        together: how many people cloak at once, for "mixed".
        tracker: for "mixed".
        old: natural photos of a person that the tracker has from the start, for "growing".
        fpir: rate of strangers' searches that may find anybody; half of the distractors are enrolled, half searched.
        seeds, recognizers, users, skip_people: where they differ from the plan's.
    """

    title: Text
    scene: Scene
    cloaks: Names
    purifiers: Names
    shares: Annotated[tuple[Share, ...], MinLen(1)] = (0.0, 0.25, 0.5, 0.75, 1.0)
    together: Annotated[tuple[Count, ...], MinLen(1)] = (1,)
    tracker: Literal["nearest", "linear"] = "nearest"
    old: Count = 1
    fpir: Share = 0.01
    seeds: Seeds | None = None
    recognizers: Names | None = None
    users: Count | None = None
    skip_people: Whole | None = None

    def of_scene(self) -> Mapping[str, Any]:
        """What decides the numbers of a cell besides cloak, purifier and people."""
        wanted: Mapping[str, Sequence[str]] = {
            "four_cells": ("fpir",),
            "growing": ("fpir", "old"),
            "mixed": ("fpir", "shares", "together", "tracker"),
        }
        values = asdict(self)
        return {"scene": self.scene, **{name: values[name] for name in wanted[self.scene]}}
