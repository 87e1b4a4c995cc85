"""APGD: gradient ascent that sets its own step size and keeps the best point it has seen."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor

from facewarden.attacks.parts.restarted_attack import RestartedAttack
from facewarden.attacks.parts.restarts import Trail
from facewarden.attacks.parts.steps import rows_of
from facewarden.core.attack import CountedObjective
from facewarden.core.counted_objective import Climb
from facewarden.core.labels import Modality
from facewarden.core.objective import Images
from facewarden.core.settings import Share

_NO_DIVISION_BY_ZERO = 1e-12
_INERTIA = 0.25  # share of the last move that goes on


@dataclass(frozen=True, kw_only=True, eq=False)
class APGD(RestartedAttack):
    """Auto-PGD: steps of up to twice the budget that are halved where the climb stalls, back at the best point.

    It starts on the surface of the budget at random. The difference-of-logits-ratio loss of the paper needs three
    classes and is not offered. For a two-class decision, cross-entropy grows strictly with the margin: both climb
    alike, except where the cross-entropy is so small that its gradient vanishes.

    Args:
        steps: gradient steps of each restart; one more gradient is taken at the start.
        loss: "objective" climbs the objective's own loss; "margin" its distance to the decision; "cross_entropy" the
            two-class cross-entropy of that margin.
        rho: share of steps that must have climbed since the last check, or the step is halved.
        restarts: walks from different starts; each sample keeps the highest point of all.
        stop_at_success: as in `PGD`.
        precision: as in `PGD`; with "bfloat16" the best point is chosen by losses of that precision.

    Raises:
        BadInputError: a value out of range.

    Source: Croce and Hein, Reliable Evaluation of Adversarial Robustness with an Ensemble of Diverse Parameter-free
    Attacks (2020), section 3 and algorithm 1.
    """

    loss: Literal["objective", "margin", "cross_entropy"] = "objective"
    rho: Share = 0.75

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "of_decision", self.loss != "objective")

    @property
    def climb(self) -> Climb:
        """The objective's loss, or what was chosen instead."""
        return "loss" if self.loss == "objective" else self.loss

    def start(self, objective: CountedObjective, restart: int) -> Trail:
        """Begin a climb on the surface of the budget."""
        return _Climb(self, objective, restart)


class _Climb:
    """One climb on its way; all state is per sample."""

    def __init__(self, attack: APGD, objective: CountedObjective, restart: int) -> None:
        self.attack, self.objective = attack, objective
        self._now: Images = self._start(restart)
        self._gradient, loss = self._read()
        self._before = dict(self._now)
        self._best, self._best_gradient, self._best_loss = dict(self._now), self._gradient, loss
        self._history = [loss]
        self._size = torch.full_like(loss, 2.0 * objective.threat.eps).view(-1, 1, 1, 1)
        self._best_at_check, self._halved = loss, torch.ones_like(loss, dtype=torch.bool)
        self._step, self._since = 0, 0
        self._period = max(int(0.22 * attack.steps), 1)

    def images(self) -> Images:
        return self._best

    def reached(self) -> Tensor:
        # the point just seen may succeed without being the highest where success is not what is climbed
        hit = self.objective.success(self._now)
        if bool(hit.any()):
            self._best = _where(hit, self._now, self._best)
        return hit

    def keep(self, rows: Tensor) -> None:
        self.objective = self.objective.narrow(rows)
        fields = "_now _gradient _before _best _best_gradient _best_loss _size _best_at_check _halved"
        for name in fields.split():
            setattr(self, name, rows_of(getattr(self, name), rows))
        self._history = [loss[rows] for loss in self._history]

    def step(self) -> None:
        inertia = _INERTIA if self._step else 0.0
        moved = {name: self._move(name, inertia) for name in self.objective.threat.modalities}
        self._before, self._now = dict(self._now), {**self._now, **moved}
        stage = self.objective.stage  # the gradient read here is the next step's
        self.objective.at(self._step + 1, steps=stage.steps, restart=stage.restart)
        self._gradient, loss = self._read()
        self._history.append(loss)
        higher = loss > self._best_loss
        self._best = _where(higher, self._now, self._best)
        self._best_gradient = _where(higher, self._gradient, self._best_gradient)
        self._best_loss = torch.where(higher, loss, self._best_loss)
        self._step += 1
        self._since += 1
        if self._since == self._period:
            self._check()

    def _check(self) -> None:
        recent = self._history[-self._period - 1 :]
        climbed = sum((b > a).float() for a, b in pairwise(recent))
        stalls = torch.as_tensor(climbed <= self._period * self.attack.rho)
        stalls = stalls | (~self._halved & (self._best_at_check >= self._best_loss))
        self._halved, self._best_at_check = stalls, self._best_loss
        self._size = torch.where(stalls.view(-1, 1, 1, 1), self._size / 2.0, self._size)
        self._now = _where(stalls, self._best, self._now)
        self._gradient = _where(stalls, self._best_gradient, self._gradient)
        self._since = 0
        steps = self.attack.steps
        self._period = max(self._period - max(int(0.03 * steps), 1), max(int(0.06 * steps), 1))

    def _read(self) -> tuple[dict[Modality, Tensor], Tensor]:
        return self.objective.gradient(self._now, of=self.attack.climb, precision=self.attack.precision)

    def _start(self, restart: int) -> Images:
        objective, eps = self.objective, self.objective.threat.eps
        started = dict(objective.clean)
        for name in objective.threat.modalities:
            if objective.threat.norm == "linf":
                direction = objective.noise(name, stream=restart)
                length = direction.abs().amax(dim=(1, 2, 3), keepdim=True)
            else:
                direction = objective.noise(name, kind="normal", stream=restart)
                length = _length(direction) + _NO_DIVISION_BY_ZERO
            started[name] = (objective.clean[name] + eps * direction / length).clamp(0.0, 1.0)
        return started

    def _move(self, name: Modality, inertia: float) -> Tensor:
        now, gradient = self._now[name], self._gradient[name]
        if self.objective.threat.norm == "linf":
            target = now + self._size * gradient.sign()
        else:
            target = now + self._size * gradient / (_length(gradient) + _NO_DIVISION_BY_ZERO)
        ahead = self._inside(name, target)
        going_on = now + (ahead - now) * (1.0 - inertia) + (now - self._before[name]) * inertia
        return self._inside(name, going_on)

    def _inside(self, name: Modality, image: Tensor) -> Tensor:
        clean, eps = self.objective.clean[name], self.objective.threat.eps
        if self.objective.threat.norm == "linf":
            return torch.min(torch.max(image, clean - eps), clean + eps).clamp(0.0, 1.0)
        length = _length(image - clean)
        shorter = (image - clean) / (length + _NO_DIVISION_BY_ZERO) * length.clamp(max=eps)
        return (clean + shorter).clamp(0.0, 1.0)


def _length(images: Tensor) -> Tensor:
    return (images**2).sum(dim=(1, 2, 3), keepdim=True).sqrt()


def _where(rows: Tensor, chosen: Images, other: Images) -> dict[Modality, Tensor]:
    return {name: torch.where(rows.view(-1, 1, 1, 1), image, other[name]) for name, image in chosen.items()}


entry = APGD
