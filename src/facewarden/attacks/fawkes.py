"""Fawkes as its released tool works: away from the own face, as far as structural similarity allows."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from facewarden.attacks.parts.dissimilar import DissimilarityWalk
from facewarden.core.attack import Attack, CountedObjective
from facewarden.core.objective import Images
from facewarden.core.settings import Count, check_fields

_MODES = {"low": (0.004, 40, 25.0), "mid": (0.012, 75, 20.0), "high": (0.017, 150, 15.0)}
_PENALTY = 1e6
_BOUND = 15.0  # gray levels, the hard bound of the released tool


@dataclass(frozen=True, kw_only=True, eq=False)
class Fawkes(Attack):
    """Version 1.0 of the tool, untargeted; its goal here is `PushAway` on one recognizer or several.

    Each sample keeps the images with the highest loss among those whose dissimilarity (1 - SSIM) / 2 exceeds the
    mode's threshold by at most a tenth. The tool's hard bound of 15 of 255 is the threat model's: eps=15/255.

    Args:
        mode: "low", "mid" or "high": dissimilarity up to 0.004, 0.012 or 0.017 in 40, 75 or 150 steps.
        steps: instead of the mode's.

    Raises:
        BadInputError: an unknown mode, or fewer than one step.

    Source: Shan et al., "Fawkes: Protecting Privacy against Unauthorized Deep Learning Models", USENIX Security 2020;
    settings of the released version 1.0, which differ from the paper's (see `fawkes_targeted`).
    """

    mode: Literal["low", "mid", "high"] = "high"
    steps: Count | None = None
    ascent: DissimilarityWalk = field(init=False, repr=False)

    def __post_init__(self) -> None:
        check_fields(self)
        threshold, usual, rate = _MODES[self.mode]
        count = usual if self.steps is None else self.steps
        walk = DissimilarityWalk(threshold, count, rate, "adadelta", _PENALTY, balanced=True)
        object.__setattr__(self, "ascent", walk)

    @classmethod
    def example(cls, folder: Path) -> Fawkes:
        """Return a short walk for the conformance tests; no file is needed."""
        return cls(steps=8)

    @classmethod
    def cloak_strength(cls, strength: str, *, thorough: bool = False) -> tuple[dict[str, Any], float]:
        """The published mode of this name, within the tool's hard bound."""
        super().cloak_strength(strength, thorough=thorough)
        return {"mode": strength}, _BOUND

    def perturb(self, objective: CountedObjective) -> Images:
        """Return the best images within the budget of dissimilarity."""
        return self.ascent.run(objective)


entry = Fawkes
