"""The walk that both kinds of Fawkes share: as far as the goal allows under a budget of structural dissimilarity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from facewarden.core.attack import CountedObjective
from facewarden.core.labels import Modality
from facewarden.core.objective import Images
from facewarden.nn.ssim import dssim

Codes = dict[Modality, Tensor]
_SLACK = 1.1  # a cloak may exceed the threshold by a tenth, as in the released tool
_INSIDE = 1 - 1e-6  # black and white have no finite code
_BALANCE = 128.0  # the factor of the goal stays within 1/128 and 128
_DECAY, _ADADELTA_FLOOR = 0.95, 1e-7


@dataclass(frozen=True)
class DissimilarityWalk:
    """Gradient steps on the codes x = (tanh(code) + 1) / 2, with a penalty on the excess over a threshold.

    Attributes:
        threshold: structural dissimilarity (1 - SSIM) / 2 that is free.
        steps: of the optimizer.
        rate: its step length.
        optimizer: "adadelta" or "adam".
        penalty: weight of the squared excess.
        balanced: double the goal's factor while there is room, halve it beyond a tenth too much, per sample.
    """

    threshold: float
    steps: int
    rate: float
    optimizer: Literal["adadelta", "adam"]
    penalty: float
    balanced: bool

    def run(self, objective: CountedObjective) -> Images:
        """Return for each sample the images with the highest loss among those within the threshold and a tenth."""
        reach, clean = objective.threat.modalities, objective.clean
        best, best_loss = dict(clean), objective.loss(clean)
        images = objective.project(
            {n: image + 1e-4 * objective.noise(n) if n in reach else image for n, image in clean.items()}
        )
        factor = torch.ones_like(best_loss)
        state: dict[Modality, list[Tensor]] = {}
        for number in range(self.steps):
            objective.at(number, steps=self.steps)
            slopes, loss = objective.gradient(images)
            excess, costs = self._costs(images, clean, reach)
            better = (excess <= (_SLACK - 1) * self.threshold) & (loss > best_loss)
            best = {n: _chosen(better, images[n], best[n]) for n in best}
            best_loss = torch.where(better, loss, best_loss)
            moved = dict(images)
            for n in reach:
                codes = torch.atanh((2 * images[n] - 1) * _INSIDE)
                climb = factor.view(-1, 1, 1, 1) * slopes[n] - costs[n]
                climb = climb * (1 - torch.tanh(codes).square()) / 2
                if number == 0:
                    codes = codes + 0.01 * climb.sign()
                else:
                    codes = codes + self._step(climb, state.setdefault(n, []), number)
                moved[n] = (torch.tanh(codes) + 1) / 2
            images = objective.project(moved)
            if self.balanced:
                factor = self._rebalanced(factor, excess)
        last = self._shrunk(images, clean, reach)
        better = objective.loss(last) > best_loss
        return {n: _chosen(better, last[n], best[n]) for n in best}

    def _costs(self, images: Images, clean: Images, reach: tuple[Modality, ...]) -> tuple[Tensor, Codes]:
        """The largest excess over the threshold of each sample, and the gradient of the penalty."""
        excesses, costs = [], {}
        for n in reach:
            moving = images[n].detach().clone().requires_grad_(True)
            with torch.enable_grad():
                excess = dssim(moving, clean[n]) - self.threshold
                penalty = self.penalty * excess.clamp(min=0).square().sum()
                costs[n] = torch.autograd.grad(penalty, moving)[0]
            excesses.append(excess.detach())
        return torch.stack(excesses).amax(dim=0), costs

    def _step(self, climb: Tensor, held: list[Tensor], number: int) -> Tensor:
        if not held:
            held += [torch.zeros_like(climb), torch.zeros_like(climb)]
        if self.optimizer == "adam":
            held[0] = 0.9 * held[0] + 0.1 * climb
            held[1] = 0.999 * held[1] + 0.001 * climb.square()
            return self.rate * held[0] / (1 - 0.9**number) / ((held[1] / (1 - 0.999**number)).sqrt() + 1e-8)
        held[0] = _DECAY * held[0] + (1 - _DECAY) * climb.square()
        step = climb * ((held[1] + _ADADELTA_FLOOR) / (held[0] + _ADADELTA_FLOOR)).sqrt()
        held[1] = _DECAY * held[1] + (1 - _DECAY) * step.square()
        return self.rate * step

    def _rebalanced(self, factor: Tensor, excess: Tensor) -> Tensor:
        """Double or halve; a factor that crosses from room to too much, or back, starts again at one."""
        room, over = excess <= -0.1 * self.threshold, excess >= 0.1 * self.threshold
        doubled = torch.where(factor < 1, torch.ones_like(factor), factor * 2)
        halved = torch.where(factor > 1, torch.ones_like(factor), factor / 2)
        return torch.where(room, doubled, torch.where(over, halved, factor)).clamp(1 / _BALANCE, _BALANCE)

    def _shrunk(self, images: Images, clean: Images, reach: tuple[Modality, ...]) -> Images:
        """Scale the change of every sample down until it is within the threshold and a tenth, by bisection."""
        low = torch.zeros_like(next(iter(clean.values()))[:, 0, 0, 0])
        high = torch.ones_like(low)

        def scaled(share: Tensor) -> dict[Modality, Tensor]:
            parts = {n: clean[n] + share.view(-1, 1, 1, 1) * (images[n] - clean[n]) for n in reach}
            return {**clean, **parts}

        share = high
        for _ in range(8):
            tried = scaled(share)
            worst = torch.stack([dssim(tried[n], clean[n]) for n in reach]).amax(dim=0)
            fits = worst <= _SLACK * self.threshold
            low, high = torch.where(fits, share, low), torch.where(fits, high, share)
            share = (low + high) / 2
        return scaled(low)


def _chosen(rows: Tensor, first: Tensor, second: Tensor) -> Tensor:
    return torch.where(rows.view(-1, 1, 1, 1), first, second)
