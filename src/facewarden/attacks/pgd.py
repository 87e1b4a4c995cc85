"""PGD: many small gradient steps inside the budget, the standard white-box attack."""

from __future__ import annotations

from facewarden.attacks._steps import ascend, check_count, keep_better, scatter
from facewarden.core.attack import Attack, MeteredObjective
from facewarden.core.errors import BadInputError
from facewarden.core.objective import Images

_RELATIVE_STEP = {"linf": 1 / 4, "l2": 1 / 5}


class PGD(Attack):
    """Projected gradient ascent in an Linf or L2 ball.

    Each modality of the threat model has a ball of its own: with L2, the length of the change is bounded per modality,
    not over all of them together.

    Args:
        steps: gradient steps of each restart.
        step_size: length of a step in units of the [0, 1] pixel range; by default eps / 4 with Linf (2/255 for a budget
            of 8/255) and eps / 5 with L2.
        random_start: start at a random point of the budget instead of the clean image. `PushAway` needs it, because its
            gradient is zero at the clean image.
        restarts: walks from different starts; each sample keeps the one with the highest final loss.

    Raises:
        BadInputError: a count below one, a step size that is not positive, or restarts that would all be equal.

    Source: Madry et al., Towards Deep Learning Models Resistant to Adversarial Attacks (2018), section 2.1.
    """

    def __init__(
        self,
        *,
        steps: int = 10,
        step_size: float | None = None,
        random_start: bool = True,
        restarts: int = 1,
    ) -> None:
        self.steps = check_count(steps, what="steps")
        self.restarts = check_count(restarts, what="restarts")
        if step_size is not None and not 0.0 < step_size < float("inf"):
            raise BadInputError(f"step_size must be a positive number, got {step_size}", hint="step_size=2/255")
        if restarts > 1 and not random_start:
            raise BadInputError(f"{restarts} restarts without a random start are equal", hint="random_start=True")
        self.step_size, self.random_start = step_size, random_start

    def perturb(self, objective: MeteredObjective) -> Images:
        """Return the last images of the walk, the best of all restarts."""
        return keep_better(objective, [self._walk(objective, restart) for restart in range(self.restarts)])

    def _walk(self, objective: MeteredObjective, restart: int) -> Images:
        norm, eps = objective.threat.norm, objective.threat.eps
        size = eps * _RELATIVE_STEP[norm] if self.step_size is None else self.step_size
        images: Images = scatter(objective, stream=restart) if self.random_start else objective.clean
        for _ in range(self.steps):
            gradients, _loss = objective.gradient(images)
            images = objective.project(ascend(images, gradients, norm=norm, size=size))
        return images


entry = PGD
