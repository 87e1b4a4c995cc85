"""Settings of a plan of kind `yardstick`: the captures, the frozen trunk, and which floors are fitted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from facewarden.core.settings import Count, OneOf, Text, WrittenAs
from facewarden.experiments.domain_generalization.written import DataSettings
from facewarden.experiments.domain_generalization.yardstick.rules import FLOORS, TRUNK_FLOORS
from facewarden.training.tokens.engine import EngineKind, EngineSettings

Floors = tuple[Annotated[str, OneOf((*FLOORS, *TRUNK_FLOORS))], ...]


@dataclass(frozen=True)
class YardstickSettings:
    """A plan of kind `yardstick`, as it is written.

    Attributes:
        data: simulated captures (`maps: true` for the ceiling on the truth), or others with several domains.
        title: of the summary.
        floors: which are fitted; all of them decide the test.
        trunk: of the frozen features.
        depth: blocks of the trunk, all of them when None.
        size: side of the pictures that the trunk sees, and of the views of all floors.
        engine: what computes the trunk.
    """

    data: Annotated[Mapping[str, Any], WrittenAs(DataSettings)]
    title: Text = "The test of the yardstick"
    floors: Floors = (*FLOORS, *TRUNK_FLOORS)
    trunk: Text = "dinov2_small"
    depth: Count | None = None
    size: Count = 112
    engine: EngineKind = "auto"

    @property
    def tokens(self) -> EngineSettings:
        """The engine of the frozen features."""
        return EngineSettings(self.trunk, self.size, self.depth, self.engine)
