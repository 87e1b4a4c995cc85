"""Fawkes as its paper describes it: towards another person's face, under a budget of structural dissimilarity."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from facewarden.attacks.parts.dissimilar import DissimilarityWalk
from facewarden.core.attack import Attack, CountedObjective
from facewarden.core.objective import Images
from facewarden.core.settings import Count, Positive, check_fields

_THRESHOLDS = {"low": 0.004, "mid": 0.007, "high": 0.012}
_BOUND = 15.0  # gray levels, the hard bound of the released tool


@dataclass(frozen=True, kw_only=True, eq=False)
class FawkesTargeted(Attack):
    """The paper's objective with Adam; its goal is `Impersonate` with the face of the farthest of other people.

    Args:
        threshold: structural dissimilarity (1 - SSIM) / 2 that is free.
        steps: of Adam; the paper takes 1,000.
        rate: of Adam on the tanh codes of the pixels, 0.1 in the research code.

    Raises:
        BadInputError: a threshold or rate that is not positive, or fewer than one step.

    Source: Shan et al., "Fawkes: Protecting Privacy against Unauthorized Deep Learning Models", USENIX Security 2020,
    section 4.
    """

    wants_target: ClassVar[bool] = True

    threshold: Positive = 0.007
    steps: Count = 100
    rate: Positive = 0.1
    ascent: DissimilarityWalk = field(init=False, repr=False)

    def __post_init__(self) -> None:
        check_fields(self)
        walk = DissimilarityWalk(self.threshold, self.steps, self.rate, "adam", 1e5, balanced=False)
        object.__setattr__(self, "ascent", walk)

    @classmethod
    def example(cls, folder: Path) -> FawkesTargeted:
        """Return a short walk for the conformance tests; no file is needed."""
        return cls(steps=8)

    @classmethod
    def cloak_strength(cls, strength: str, *, thorough: bool = False) -> tuple[dict[str, Any], float]:
        """Thresholds around the paper's 0.007, within the hard bound of the released tool."""
        super().cloak_strength(strength, thorough=thorough)
        return {"threshold": _THRESHOLDS[strength]}, _BOUND

    def perturb(self, objective: CountedObjective) -> Images:
        """Return the best images within the budget of dissimilarity."""
        return self.ascent.run(objective)


entry = FawkesTargeted
