"""Gradients averaged over points around the image, or over transformations before the model (EOT)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from facewarden.core.errors import BadInputError
from facewarden.core.gradient_source import AttackView, GradientQuery, GradientSource
from facewarden.core.labels import Modality
from facewarden.core.objective import Images

View = Callable[[Tensor], Tensor]


class AveragedReading(GradientSource):
    """Replaces each gradient query of another source by the mean of several queries.

    As many gradients are counted as are taken: an attack of T steps with k looks costs T k, so that the fair
    comparison gives the others k times the steps.

    Args:
        inner: where to look first; at the image itself by default. `SfaOffset` makes this "SFA + k averaged points".
        points: how many points to look from, each moved by uniform noise.
        radius: of that noise in units of eps, in the norm of the budget; 0 looks from the same point each time.
        views: what may happen to the rgb image before the model, such as purifiers; each look goes through the next of
            them in turn, `points` times through each. Expectation over transformation is this with random views.

    Raises:
        BadInputError: fewer than one point, a negative radius, or several looks that would all be equal.

    Source: Athalye et al., Synthesizing Robust Adversarial Examples (2018), equation 1; Smilkov et al., SmoothGrad
    (2017), equation 1.
    """

    def __init__(
        self, inner: GradientSource | None = None, *, points: int = 4, radius: float = 1.0, views: Sequence[View] = ()
    ) -> None:
        if points < 1 or not 0.0 <= radius < float("inf"):
            raise BadInputError(f"{points} points within {radius} eps", hint="points=4, radius=1.0")
        if points > 1 and radius == 0.0 and not views:
            raise BadInputError(f"{points} looks at one point are equal", hint="a radius above 0, or points=1")
        self.inner, self.points, self.radius, self.views = inner, points, radius, tuple(views)

    def begin(self, objective: AttackView) -> dict[str, Tensor]:
        """Return what the inner source prepares."""
        return {} if self.inner is None else self.inner.begin(objective)

    def looks(self, images: Images, *, objective: AttackView, state: dict[str, Tensor]) -> list[GradientQuery]:
        """`points` looks, or that many through each view."""
        first = [GradientQuery(images)]
        if self.inner is not None:
            first = list(self.inner.looks(images, objective=objective, state=state))
        queries = []
        for number in range(self.points * max(1, len(self.views))):
            for look in first:
                through = look.through
                if self.views:
                    through = _behind(through, self.views[number % len(self.views)])
                queries.append(GradientQuery(self._moved(look.images, objective, number), through))
        return queries

    def _moved(self, images: Images, objective: AttackView, number: int) -> Images:
        threat = objective.threat
        if self.radius * threat.eps == 0.0:
            return images
        moved: dict[Modality, Tensor] = dict(images)
        for name in threat.modalities:
            draws = objective.draws("averaged", name, str(number))
            if draws:
                noise = torch.stack([torch.rand(images[name].shape[1:], generator=draw) * 2 - 1 for draw in draws])
                offset = threat.scaled(noise.to(images[name]), radius=self.radius)
                moved[name] = (images[name] + offset).clamp(0.0, 1.0)
        return moved


def _behind(first: Callable[[Images], Images] | None, view: View) -> Callable[[Images], Images]:
    def through(images: Images) -> Images:
        seen = images if first is None else first(images)
        return {name: view(image) if name == "rgb" else image for name, image in seen.items()}

    return through
