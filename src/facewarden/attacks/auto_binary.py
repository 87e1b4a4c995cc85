"""AutoAttack's idea for two classes: four attacks with different weaknesses, each on what the others left over."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import torch

from facewarden.core.attack import Attack, CountedObjective
from facewarden.core.compute.precision import Precision, check_precision
from facewarden.core.objective import Images
from facewarden.core.registry import load
from facewarden.core.settings import Count, check_fields


@dataclass(frozen=True, kw_only=True, eq=False)
class AutoBinary(Attack):
    """APGD on the cross-entropy, APGD on the margin, FAB and Square, in this order.

    Each sample keeps the first images that succeed, and no later attack touches it; where all fail it keeps the
    highest margin. AutoAttack itself cannot judge a live/spoof decision: its difference-of-logits-ratio loss needs
    three classes and its targeted one four. The margin takes their place. It is scale-free here, because APGD only
    uses the sign or direction of a gradient. On a decision between two logits both APGD climb the same hill; the
    second counts as a restart, and as the answer to cross-entropies that saturate.

    It needs gradients and a margin. Square is there for models whose gradients mislead: where it alone succeeds, look
    for masked gradients.

    Args:
        steps: of each APGD and of FAB.
        queries: of Square.
        restarts: of each.
        precision: of gradients, as in `PGD`.

    Raises:
        BadInputError: a count below one.

    Source: Croce and Hein, Reliable Evaluation of Adversarial Robustness with an Ensemble of Diverse Parameter-free
    Attacks (2020), section 6.
    """

    of_decision = True

    steps: Count = 100
    queries: Count = 5000
    restarts: Count = 1
    precision: Precision = "float32"
    parts: dict[str, Attack] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "precision", check_precision(self.precision))
        check_fields(self)
        apgd_of, fab_of, square_of = (load("attacks", name) for name in ("apgd", "fab", "square"))
        shared = {"steps": self.steps, "restarts": self.restarts, "precision": self.precision}
        parts = {
            f"apgd_{loss}": apgd_of(**shared, loss=loss, stop_at_success=True) for loss in ("cross_entropy", "margin")
        }
        parts |= {
            "fab": fab_of(**shared, stop_at_success=True),
            "square": square_of(queries=self.queries, restarts=self.restarts),
        }
        object.__setattr__(self, "parts", parts)

    @classmethod
    def example(cls, folder: Path) -> AutoBinary:
        """A short version for tests of every attack; nothing is written."""
        return cls(steps=4, queries=10)

    def perturb(self, objective: CountedObjective) -> Images:
        """Return the first success of each sample."""
        kept = {name: image.clone() for name, image in objective.clean.items()}
        highest = objective.loss(kept, of="margin")
        for name, attack in self.parts.items():
            left = (highest <= 0.0).nonzero().flatten()
            if not len(left):
                break
            part = objective.narrow(left, stream=name)
            images = part.project(attack.perturb(part))
            margin = part.loss(images, of="margin")
            higher = margin > highest[left]
            for modality, image in images.items():
                kept[modality][left[higher]] = image[higher]
            highest[left] = torch.where(higher, margin, highest[left])
        return kept


entry = AutoBinary
