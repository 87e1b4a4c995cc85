"""OPOM: one mask for all photos of a person, away from the hull of what recognizers know of the person."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from facewarden.attacks.parts.person_mask import Masks, Paint, PersonMask, mean_by_person, person_noise, within
from facewarden.attacks.parts.steps import START_NOISE, ascend
from facewarden.core.attack import CountedObjective
from facewarden.core.counted_objective import Climb
from facewarden.core.people.goals import Hull
from facewarden.core.settings import Positive, Whole

_STEP = 1 / 8  # of the budget


@dataclass(frozen=True, kw_only=True, eq=False)
class Opom(PersonMask):
    """Sign steps along the mean gradient of a person's photos: delta <- clip(delta + size sign(mean_i g_i), eps).

    The goal (`LeaveHull`) is the squared distance of the masked embedding to the nearest point of what the person's
    clean embeddings span. In the first steps it is the distance to their center, since a clean photo lies in the other
    hulls. The momentum and the drop-out of features of the paper's longer runs are not built here.

    Args:
        hull: "center", the mean of the embeddings; "affine", the plane through them; "convex", their mixtures.
        steps: gradient steps, 16 as published.
        first: how many of them climb the distance to the center.
        step_size: length of a step in units of the [0, 1] pixel range; an eighth of the budget by default.
        photos: at most so many photos of a person make the mask; it is put on all of them.
        precision: "bfloat16" reads gradients faster where the processor has it.

    Raises:
        BadInputError: an unknown hull, a count below one, or a step size that is not positive.

    Source: Zhong and Deng, "OPOM: Customized Invisible Cloak Towards Face Privacy Protection", TPAMI 2022: the
    universal step with the goals of class center, affine hull and convex hull; budget 8/255.
    """

    hull: Hull = "convex"
    first: Whole = 5
    step_size: Positive | None = None

    @classmethod
    def example(cls, folder: Path) -> Opom:
        """Return a short walk for the conformance tests; no file is needed."""
        return cls(steps=4)

    @property
    def person_goal(self) -> str:  # type: ignore[override]
        """The goal that the hull names."""
        return self.hull

    def learn(self, objective: CountedObjective, paint: Paint) -> Masks:
        """Take the steps."""
        threat, people = objective.threat, objective.people
        size = threat.eps * _STEP if self.step_size is None else self.step_size
        masks: Masks = {}
        for name in threat.modalities:
            noise = person_noise(objective, name, tuple(objective.clean[name].shape[1:]))
            masks[name] = within(min(threat.eps, START_NOISE) * noise, threat)
        for number in range(self.steps):
            objective.at(number, steps=self.steps)
            of: Climb = "first_loss" if number < self.first else "loss"
            slopes, _ = objective.gradient(paint(masks), of=of, precision=self.precision, valued=False)
            means = {name: mean_by_person(slope, people) for name, slope in slopes.items()}
            moved = ascend(masks, means, norm=threat.norm, size=size)
            masks = {name: within(mask, threat) for name, mask in moved.items()}
        return masks


entry = Opom
