"""FAB: looks for the nearest image on the other side of the decision, whatever the budget."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Ge, Gt, Le
from torch import Tensor

from facewarden.attacks.parts.hyperplane import toward_hyperplane
from facewarden.attacks.parts.restarted_attack import RestartedAttack
from facewarden.attacks.parts.restarts import Trail
from facewarden.attacks.parts.steps import best_of, random_start, rows_of
from facewarden.core.attack import CountedObjective
from facewarden.core.counted_objective import Climb
from facewarden.core.labels import Modality
from facewarden.core.objective import Images
from facewarden.core.settings import Share

_NEVER = 1e10  # distance of a sample on whose other side no image was found
_SHORTEST = 1e-8


@dataclass(frozen=True, kw_only=True, eq=False)
class FAB(RestartedAttack):
    """The fast adaptive boundary attack: steps to the linearized decision boundary, drawn back to the clean image.

    It needs an objective with a margin, climbs no loss, and does not care how the model scales its score. All
    modalities in reach move together: with L2, what it keeps short is the length over all of them. Where the nearest
    image found lies outside the budget, or none was found, the sample keeps the better of clean and nearest in the
    budget.

    Args:
        steps: steps of each restart, one gradient and one query each; one more query asks about the clean image.
        alpha_max: largest share of a step that leads back to the neighborhood of the clean image.
        eta: how far beyond the linearized boundary a step goes.
        beta: where on the way from the clean image to one across the boundary the search goes on.
        random_start: start the first restart too at a random point of the budget; the others always do. `PushAway`
            needs it, because its gradient is zero at the clean image.
        restarts: searches from different starts; each sample keeps the result with the highest margin.
        stop_at_success: stop on a sample as soon as an image inside the budget is found, not the nearest one.
        precision: of the gradients and of the margin that goes with them, as in `PGD`.

    Raises:
        BadInputError: a value out of range.

    Source: Croce and Hein, Minimally Distorted Adversarial Examples with a Fast Adaptive Boundary Attack (2020),
    equations 7 to 9 and algorithm 1.
    """

    of_decision = True

    alpha_max: Share = 0.1
    eta: Annotated[float, Ge(1)] = 1.05
    beta: Annotated[float, Gt(0), Le(1)] = 0.9
    random_start: bool = False

    @property
    def climb(self) -> Climb:
        """The margin: no loss is climbed."""
        return "margin"

    def start(self, objective: CountedObjective, restart: int) -> Trail:
        """Begin a search at the clean image or at random."""
        return _Search(self, objective, restart)


class _Search:
    """One search on its way. Pixels of all modalities in reach are laid out in one row per sample."""

    def __init__(self, attack: FAB, objective: CountedObjective, restart: int) -> None:
        self.attack, self.objective = attack, objective
        self._names = list(objective.threat.modalities)
        self._clean = self._row(objective.clean)
        start: Images = objective.clean
        if restart > 0 or attack.random_start:
            start = random_start(objective, stream=restart)
        self._now = self._row(start)
        self._nearest = self._clean.clone()
        across = objective.loss(objective.clean, of="margin") > 0.0
        self._distance = torch.where(across, 0.0, _NEVER)  # nothing is nearer than where one stands already

    def _row(self, images: Images) -> Tensor:
        return torch.cat([images[name].flatten(1) for name in self._names], dim=1)

    def _images(self, row: Tensor) -> dict[Modality, Tensor]:
        clean = self.objective.clean
        parts = torch.split(row, [math.prod(clean[name].shape[1:]) for name in self._names], dim=1)
        moved = {name: part.view_as(clean[name]) for name, part in zip(self._names, parts, strict=True)}
        return {**clean, **moved}

    def images(self) -> Images:
        inside = self._inside()
        found = self._images(self._nearest)
        if bool(inside.all()):
            return found
        # out of budget: the direction found is still a guess worth comparing with standing still
        nowhere = (self._distance >= _NEVER).unsqueeze(1)
        guess = self.objective.project(self._images(torch.where(nowhere, self._now, self._nearest)))
        best = best_of(self.objective, [self.objective.clean, guess], by="margin")
        mask = inside.view(-1, 1, 1, 1)
        return {name: torch.where(mask, found[name], best[name]) for name in found}

    def _inside(self) -> Tensor:
        found, inside = self._images(self._nearest), self._distance < _NEVER
        for name in self._names:
            inside = inside & (self._lengths(found[name] - self.objective.clean[name]) <= self.objective.threat.eps)
        return inside

    def reached(self) -> Tensor:
        return self._inside()

    def keep(self, rows: Tensor) -> None:
        self.objective = self.objective.narrow(rows)
        self._clean, self._now, self._nearest, self._distance = rows_of(
            {"clean": self._clean, "now": self._now, "nearest": self._nearest, "distance": self._distance}, rows
        ).values()

    def _lengths(self, change: Tensor) -> Tensor:
        flat = change.flatten(1)
        return flat.abs().amax(dim=1) if self.objective.threat.norm == "linf" else flat.norm(p=2, dim=1)

    def step(self) -> None:
        attack, norm = self.attack, self.objective.threat.norm
        gradients, margin = self.objective.gradient(self._images(self._now), of="margin", precision=attack.precision)
        slopes = torch.cat([gradients[name].flatten(1) for name in self._names], dim=1)
        offsets = (slopes * self._now).sum(dim=1) - margin
        here = toward_hyperplane(self._now, slopes, offsets, norm=norm)
        back = toward_hyperplane(self._clean, slopes, offsets, norm=norm)
        near, far = (self._lengths(change).clamp(min=_SHORTEST).unsqueeze(1) for change in (here, back))
        alpha = (near / (near + far)).clamp(0.0, attack.alpha_max)
        self._now = ((self._now + attack.eta * here) * (1.0 - alpha) + (self._clean + back * attack.eta) * alpha).clamp(
            0.0, 1.0
        )
        crossed = self.objective.loss(self._images(self._now), of="margin") > 0.0
        distance = self._lengths(self._now - self._clean)
        nearer = crossed & (distance < self._distance)
        self._nearest = torch.where(nearer.unsqueeze(1), self._now, self._nearest)
        self._distance = torch.where(nearer, distance, self._distance)
        drawn_back = self._clean + (self._now - self._clean) * attack.beta
        self._now = torch.where(crossed.unsqueeze(1), drawn_back, self._now)


entry = FAB
