"""Moves that the norm-ball attacks share: where to start, how far to go, which of two tries to keep."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from facewarden.core.attack import CountedObjective
from facewarden.core.counted_objective import Climb
from facewarden.core.labels import Modality
from facewarden.core.objective import Images
from facewarden.core.threat import ThreatModel

_NO_DIVISION_BY_ZERO = 1e-10  # a sample whose gradient is zero stays where it is


START_NOISE = 0.005
"""Deviation of the published starts, in units of the [0, 1] pixel range."""
_RELATIVE_STEP = {"linf": 1 / 4, "l2": 1 / 5}


def step_length(threat: ThreatModel, step_size: float | None) -> float:
    """Return the asked length of a step, or eps / 4 with Linf and eps / 5 with L2."""
    return threat.eps * _RELATIVE_STEP[threat.norm] if step_size is None else step_size


def rows_of(value: Any, keep: Tensor) -> Any:
    """Return the samples of a bool mask, in tensors, lists and mappings of them alike."""
    if isinstance(value, Tensor):
        return value[keep]
    if isinstance(value, Mapping):
        return {name: rows_of(item, keep) for name, item in value.items()}
    return [item for item, kept in zip(value, keep.tolist(), strict=True) if kept]


def ascend(images: Images, gradients: Mapping[Modality, Tensor], *, norm: str, size: float) -> dict[Modality, Tensor]:
    """Take the steepest step of a given length, each modality for itself.

    Args:
        images: where to go from; modalities without a gradient stay.
        gradients: of the loss.
        norm: "linf" moves every value by `size`, "l2" moves each sample by `size` in Euclidean length.
        size: length of the step.
    """
    moved = dict(images)
    for name, gradient in gradients.items():
        if norm == "linf":
            moved[name] = images[name] + size * gradient.sign()
        else:
            length = gradient.flatten(1).norm(p=2, dim=1) + _NO_DIVISION_BY_ZERO
            moved[name] = images[name] + size * (gradient / length.view(-1, 1, 1, 1))
    return moved


def noisy_start(objective: CountedObjective) -> Images:
    """Move the clean images by a little noise: at the clean face itself, a push away from it has no gradient.

    The noise has the published deviation of 0.005, in units of the [0, 1] pixel range, or the budget where that is
    less.
    """
    threat = objective.threat
    size = min(threat.eps, START_NOISE)
    return objective.project(
        {
            name: image + size * objective.noise(name) if name in threat.modalities else image
            for name, image in objective.clean.items()
        }
    )


def random_start(objective: CountedObjective, *, stream: str | int, surface: float = 0.0) -> dict[Modality, Tensor]:
    """Move the clean images to random points of their budget, drawn per sample by its key.

    Linf: uniform in the cube. L2: a uniform direction, the length uniform in `[surface, 1]` times eps, so that half of
    the starts of `surface=0` lie in the inner half of the radius (a uniform draw from the ball itself would put nearly
    all of them on its surface).

    Args:
        objective: clean images, budget and source of randomness.
        stream: separates draws, e.g. the number of the restart.
        surface: the smallest fraction of eps that an L2 draw may have; 1 puts every draw on the surface.
    """
    moved = dict(objective.clean)
    threat = objective.threat
    for name in threat.modalities:
        if threat.norm == "linf":
            offset = threat.eps * objective.noise(name, stream=stream)
        else:
            direction = objective.noise(name, kind="normal", stream=stream)
            uniform = (objective.noise(name, stream=f"length {stream}")[:, :1, :1, :1] + 1.0) / 2.0
            length = threat.eps * (surface + (1.0 - surface) * uniform)
            offset = direction * (length / direction.flatten(1).norm(p=2, dim=1).view(-1, 1, 1, 1))
        moved[name] = objective.clean[name] + offset
    return objective.project(moved)


def best_of(objective: CountedObjective, tries: list[Images], *, by: Climb = "loss") -> Images:
    """Return, for each sample, the try with the highest loss (or margin); the first one wins ties.

    A single try is returned as it is, without a query.
    """
    best = tries[0]
    if len(tries) == 1:
        return best
    best_loss = objective.loss(best, of=by)
    for images in tries[1:]:
        loss = objective.loss(images, of=by)
        better = loss > best_loss
        best = {name: torch.where(better.view(-1, 1, 1, 1), images[name], best[name]) for name in best}
        best_loss = torch.where(better, loss, best_loss)
    return best
