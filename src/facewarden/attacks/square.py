"""Square: random search in square windows that asks only for scores, for models without gradients."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import torch
from annotated_types import Gt, Le
from torch import Tensor

from facewarden.attacks.parts.restarts import run_restarts
from facewarden.attacks.parts.steps import rows_of
from facewarden.attacks.parts.windows import draw_pairs, draw_places, draw_signs, side_of, side_share, window
from facewarden.core.attack import Attack, CountedObjective
from facewarden.core.labels import Modality
from facewarden.core.objective import Images
from facewarden.core.settings import Count, check_fields


@dataclass(frozen=True, kw_only=True, eq=False)
class Square(Attack):
    """The Square attack: each query changes one random window of the best image so far, and is kept if it is better.

    It asks for the margin to the decision and leaves a sample alone once it has succeeded; how many queries each
    sample took stands in `AttackResult.sample_queries`. With several modalities in reach, they take turns.

    Args:
        queries: changes tried in each restart; one more query asks for the start.
        first_share: share of the image that the first windows cover; it shrinks along the paper's schedule.
        restarts: searches from different starts; only the first is spent on samples that it succeeds on.

    Raises:
        BadInputError: a count below one or a share outside (0, 1].

    Source: Andriushchenko et al., Square Attack: a Query-efficient Black-box Adversarial Attack via Random Search
    (2020), algorithms 1 to 3.
    """

    needs_gradients: ClassVar[bool] = False
    of_decision = True

    queries: Count = 5000
    first_share: Annotated[float, Gt(0), Le(1)] = 0.8
    restarts: Count = 1

    def __post_init__(self) -> None:
        check_fields(self)

    @classmethod
    def example(cls, folder: Path) -> Square:
        """A short search for tests of every attack; nothing is written."""
        return cls(queries=30)

    def perturb(self, objective: CountedObjective) -> Images:
        """Return the best images found."""
        return run_restarts(
            objective,
            lambda part, restart: _Search(self, part, restart),
            # the first step looks at the start
            steps=self.queries + 1,
            restarts=self.restarts,
            stop_at_success=True,
            by="margin",
        )


class _Search:
    """One search on its way."""

    def __init__(self, attack: Square, objective: CountedObjective, restart: int) -> None:
        self.attack, self.objective = attack, objective
        self._draws = objective.generators("square", str(restart))
        self._now: Images = objective.clean
        self._margin = torch.full((len(objective),), -float("inf"))
        self._step = -1

    def images(self) -> Images:
        return self._now

    def reached(self) -> Tensor:
        return self._margin > 0.0

    def keep(self, rows: Tensor) -> None:
        self.objective = self.objective.narrow(rows)
        self._draws, self._now, self._margin = (rows_of(v, rows) for v in (self._draws, self._now, self._margin))

    def step(self) -> None:
        names = self.objective.threat.modalities
        linf = self.objective.threat.norm == "linf"
        if self._step < 0:
            begin = self._stripes if linf else self._tiles
            tried = {**self._now, **{name: begin(name) for name in names}}
        else:
            name = names[self._step % len(names)]
            change = self._flip if linf else self._move
            tried = {**self._now, name: change(name)}
        margin = self.objective.loss(tried, of="margin")
        self._margin = self._margin.to(margin)
        better = margin > self._margin
        mask = better.view(-1, 1, 1, 1)
        self._now = {name: torch.where(mask, image, self._now[name]) for name, image in tried.items()}
        self._margin = torch.where(better, margin, self._margin)
        self._step += 1

    def _stripes(self, name: Modality) -> Tensor:
        """The start in Linf: vertical stripes at the border of the budget."""
        clean, eps = self.objective.clean[name], self.objective.threat.eps
        signs = draw_signs((clean.shape[1], 1, clean.shape[3]), self._draws).to(clean)
        return torch.clamp(clean + eps * signs, 0.0, 1.0)

    def _side(self, name: Modality, *, smallest: int) -> int:
        height, width = self.objective.clean[name].shape[-2:]
        share = side_share(self._step, steps=self.attack.queries, first=self.attack.first_share)
        return side_of(share, height=height, width=width, smallest=smallest)

    def _flip(self, name: Modality) -> Tensor:
        """Linf: one window of each channel goes to one end of the budget or the other."""
        clean, eps, now = self.objective.clean[name], self.objective.threat.eps, self._now[name]
        channels, height, width = clean.shape[1:]
        side = self._side(name, smallest=1)
        top, left = draw_places(height - side, self._draws), draw_places(width - side, self._draws)
        inside = window(top, left, side=side, height=height, width=width).to(clean)
        change = 2.0 * eps * draw_signs((channels, 1, 1), self._draws).to(clean)
        return torch.min(torch.max(now + inside * change, clean - eps), clean + eps).clamp(0.0, 1.0)

    def _tiles(self, name: Modality) -> Tensor:
        """The start in L2: a grid of five by five pairs of bumps."""
        clean = self.objective.clean[name]
        channels, height, width = clean.shape[1:]
        side = max(min(height, width) // 5, 1)
        field = torch.zeros_like(clean)
        first = (height - side * 5) // 2 if height >= side * 5 else 0
        for row in range(height // side):
            for column in range(width // side):
                top, left = first + row * side, first + column * side
                pairs = draw_pairs(side, self._draws)[:, None].to(clean)
                tile = pairs * draw_signs((channels, 1, 1), self._draws).to(clean)
                room = field[:, :, top : top + side, left : left + side]
                room += tile[:, :, : room.shape[2], : room.shape[3]]
        return torch.clamp(clean + _unit(field) * self.objective.threat.eps, 0.0, 1.0)

    def _move(self, name: Modality) -> Tensor:
        """L2: one window's length moves into another, which takes the whole budget that is left as a new pattern."""
        clean, eps = self.objective.clean[name], self.objective.threat.eps
        channels, height, width = clean.shape[1:]
        change = self._now[name] - clean
        side = self._side(name, smallest=3)
        side -= 1 - side % 2 if side == min(height, width) else 0
        side += 1 - side % 2
        top, left = draw_places(height - side, self._draws), draw_places(width - side, self._draws)
        top_2, left_2 = draw_places(height - side, self._draws), draw_places(width - side, self._draws)
        size = {"side": side, "height": height, "width": width}
        here, there = window(top, left, **size).to(clean), window(top_2, left_2, **size).to(clean)
        samples, colors = torch.arange(len(clean))[:, None, None, None], torch.arange(channels)[:, None, None]
        rows, columns = (top[:, None] + torch.arange(side))[:, None, :, None], (left[:, None] + torch.arange(side))
        at = (samples, colors, rows, columns[:, None, None, :])
        old = change[at]
        pairs = draw_pairs(side, self._draws)[:, None].to(clean)
        new = pairs * draw_signs((channels, 1, 1), self._draws).to(clean)
        new = new + old / (1e-12 + (old**2).sum(dim=(-2, -1), keepdim=True).sqrt())
        unused = (clean.new_tensor(eps) ** 2 - _length(change) ** 2).clamp(min=0.0)
        length = unused / channels + _length(change * torch.max(here, there)) ** 2
        new = new / (1e-12 + (new**2).sum(dim=(-2, -1), keepdim=True).sqrt()) * length.sqrt()
        change = change * (1.0 - there)
        change[at] = new
        return torch.clamp(clean + _unit(change) * eps, 0.0, 1.0)


def _length(change: Tensor) -> Tensor:
    return (change**2).flatten(1).sum(dim=1).sqrt().view(-1, 1, 1, 1)


def _unit(change: Tensor) -> Tensor:
    return change / (_length(change) + 1e-12)


entry = Square
