"""Several tries from different starts, and leaving samples alone once an attack has succeeded on them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from facewarden.attacks.parts.steps import best_of
from facewarden.core.attack import CountedObjective
from facewarden.core.counted_objective import Climb
from facewarden.core.objective import Images


@runtime_checkable
class Trail(Protocol):
    """One try of an attack on the samples of `objective`."""

    objective: CountedObjective

    def step(self) -> None:
        """Go one step."""

    def images(self) -> Images:
        """What the try has reached so far."""

    def reached(self) -> Tensor:
        """`(b,)` bool, samples on which `images` succeeds."""

    def keep(self, rows: Tensor) -> None:
        """Go on with the samples of this bool mask only."""


def run_restarts(
    objective: CountedObjective,
    start: Callable[[CountedObjective, int], Trail],
    *,
    steps: int,
    restarts: int,
    stop_at_success: bool,
    by: Climb = "loss",
) -> Images:
    """Walk every try to its end and keep, for each sample, the one that got highest; the first one wins ties.

    Args:
        objective: what is climbed.
        start: makes a try of some samples and the number of the restart.
        steps: of each try.
        restarts: how many tries.
        stop_at_success: a sample keeps the first images of its tries that succeed and costs nothing from there on
            (samples that succeed when clean are never touched). The walk of every other sample stays what it was.
        by: what decides between tries.
    """
    if stop_at_success:
        return _stopping(objective, start, steps=steps, restarts=restarts, by=by)
    ends: list[Images] = []
    for restart in range(restarts):
        objective.at(0, steps=steps, restart=restart)
        trail = start(objective, restart)
        for number in range(steps):
            trail.objective.at(number, steps=steps, restart=restart)
            trail.step()
        ends.append(trail.images())
    return best_of(objective, ends, by=by)


def _stopping(
    objective: CountedObjective,
    start: Callable[[CountedObjective, int], Trail],
    *,
    steps: int,
    restarts: int,
    by: Climb,
) -> Images:
    kept = {name: image.clone() for name, image in objective.clean.items()}
    left = (~objective.success(objective.clean)).nonzero().flatten()
    highest = torch.full((len(objective),), -float("inf"), device=left.device)

    def put(rows: Tensor, images: Images, which: Tensor) -> None:
        for name, image in images.items():
            kept[name][rows[which]] = image[which]

    for restart in range(restarts):
        if not len(left):
            break
        part = objective.narrow(left)
        part.at(0, steps=steps, restart=restart)
        trail = start(part, restart)
        for number in range(steps):
            trail.objective.at(number, steps=steps, restart=restart)
            trail.step()
            hit = trail.reached()
            if bool(hit.any()):
                put(left, trail.images(), hit)
                left = left[~hit]
                if not len(left):
                    break
                trail.keep(~hit)
        if len(left):
            images = trail.images()
            better = torch.ones_like(left, dtype=torch.bool)
            if restarts > 1:
                height = trail.objective.loss(images, of=by)
                better = height > highest[left]
                highest[left] = torch.where(better, height, highest[left])
            put(left, images, better)
    return kept
