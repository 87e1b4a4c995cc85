"""Goals of cloaks that make one mask for all photos of a person, by the names that attacks give them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any

from torch import Tensor

from facewarden.core.objective import Objective
from facewarden.core.people.goals import LeaveHull, RepelEachOther, TowardsAnchor
from facewarden.core.roles import Recognizer
from facewarden.photos.cloak_attack import CloakMethod

PERSON_GOALS: Mapping[str, Callable[..., Objective]] = MappingProxyType(
    {
        "center": partial(LeaveHull, hull="center"),
        "affine": partial(LeaveHull, hull="affine"),
        "convex": partial(LeaveHull, hull="convex"),
        "repel": RepelEachOther,
        "anchor": TowardsAnchor,
    }
)
"""`Attack.person_goal` -> the goal."""


def person_goal(
    method: CloakMethod,
    surrogates: Sequence[Recognizer],
    clean: Tensor,
    *,
    keys: Sequence[str],
    weights: Sequence[float],
    seed: int,
    own: Tensor | None = None,
    landmarks: Tensor | None,
) -> Objective:
    """Make the goal of a cloak with one mask a person; all photos are of one.

    Args:
        method: whose `person_goal` says which.
        surrogates, weights: what the cloak is made on.
        clean: `(b, 3, 112, 112)` crops of one person.
        keys: one name per crop.
        seed: of the drawn strangers, where the goal is to look like one.
        own: the photos that choose the stranger; all of them by default.
        landmarks: `(b, 5, 2)` in pixels of the crops, where they are known.
    """
    attack = method.attack
    assert attack.person_goal is not None
    more: dict[str, Any] = {}
    if attack.wants_target:  # the photo of the stranger that the first crop is given, for all of them
        (targets,) = method.targets(surrogates, clean, keys=keys, seed=seed, own=clean if own is None else own)
        more["anchors"] = targets[:1].expand_as(clean)
    people = ["person"] * len(clean)
    return PERSON_GOALS[attack.person_goal](
        surrogates, clean, keys=keys, people=people, weights=weights, landmarks=landmarks, **more
    )
