"""How a cloak of the experiment is made: attack, budget, surrogates, and the transformations to survive."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

import numpy as np
import torch
from annotated_types import MinLen
from jaxtyping import Bool, Float
from numpy.typing import NDArray
from torch import Tensor

from facewarden.attacks.parts.person_mask import PersonMask
from facewarden.core.cloak import CloakSpecification
from facewarden.core.embedding_goal import Impersonate, PushAway
from facewarden.core.errors import BadInputError, NotFiniteError
from facewarden.core.objective import Images, Objective, TransformedObjective
from facewarden.core.roles import Purifier, Recognizer
from facewarden.core.seeding import derive
from facewarden.core.settings import NumberAsText, Text, Whole, check_fields
from facewarden.core.threat import ThreatModel
from facewarden.photos.aligned import to_images
from facewarden.photos.cloak_attack import CloakMethod, method_of, surrogate_weights
from facewarden.photos.cloak_goals import person_goal
from facewarden.photos.crop_landmarks import crop_landmarks

_BATCH = 8

Build = Callable[[str], Any]


@dataclass(frozen=True)
class CloakRecipe(CloakSpecification):
    """A cloak of the experiment: also what happens to its photos, and what it was made to survive.

    Attributes:
        attack, level, surrogates, settings: as in `CloakSpecification`; one surrogate at least.
        through: purifiers that the attacker plans for: the mean over them is climbed.
        after: purifiers that happen to a published photo on its way (JPEG, resizing), which the tracker then gets.
        seed: of random starts.
        scaled: weigh the surrogates' terms by `surrogate_weights`, as `facewarden cloak` does.

    Raises:
        BadInputError: no recognizer, or one is named twice.
    """

    level: Annotated[Text, NumberAsText()]
    surrogates: Annotated[tuple[Text, ...], MinLen(1)]
    through: tuple[Text, ...] = ()
    after: tuple[Text, ...] = ()
    seed: Whole = 0
    scaled: bool = True

    def __post_init__(self) -> None:
        check_fields(self, source="cloak")
        super().__post_init__()

    @property
    def name(self) -> str:
        """Name in tables, without the surrogates."""
        planned = f", through {' and '.join(map(_short, self.through))}" if self.through else ""
        later = f", then {' and '.join(map(_short, self.after))}" if self.after else ""
        return f"{self.attack} {self.level}{planned}{later}"

    @property
    def one_mask(self) -> bool:
        """Whether all photos of a person get one mask, so that it matters which of them make it."""
        return isinstance(method_of(self).attack, PersonMask)

    def weights(self, recognizer: Build) -> list[float]:
        """Weight of every surrogate's term; `recognizer` builds one by name."""
        if not self.scaled:
            return [1.0] * len(self.surrogates)
        return surrogate_weights([recognizer(name) for name in self.surrogates], attack=method_of(self).attack)

    def recipe(self, *, recognizer: Build, purifier: Build) -> dict[str, Any]:
        """Everything that decides the pixels, as JSON values, without `after`."""
        surrogates = {name: recognizer(name).card.identity() for name in self.surrogates}
        planned = [identity_of(purifier(name)) for name in self.through]
        return {
            "attack": self.attack, "level": self.level, "settings": dict(self.settings), "surrogates": surrogates,
            "weights": self.weights(recognizer), "through": planned, "seed": self.seed,
            **method_of(self).aim(),
        }  # fmt: skip

    def cloak(
        self,
        crops: NDArray[np.uint8],
        keys: Sequence[str],
        *,
        recognizer: Build,
        purifier: Build,
        made_of: int | None = None,
    ) -> NDArray[np.uint8]:
        """Cloak crops on their whole area and round them to eight bits, as a stored photo is.

        Args:
            crops: `(n, 112, 112, 3)` uint8 RGB, of one person.
            keys: one name per crop; random starts are drawn by it.
            recognizer, purifier: build one by name.
            made_of: how many of the crops, the first ones, may make the mask of a cloak that has one for a person; the
                others get it unseen. All of them by default.
        """
        method = method_of(self)
        attack = method.attack
        if made_of is not None and isinstance(attack, PersonMask):
            attack = replace(attack, photos=min(attack.photos, made_of))
            method = replace(method, attack=attack)
        models: list[Recognizer] = [recognizer(name) for name in self.surrogates]
        views: list[Purifier] = [purifier(name) for name in self.through]
        weights = self.weights(recognizer)
        seed = derive(self.seed, "cloak of users")
        parts, own = [], to_images(crops)[:made_of]
        batch = _BATCH if attack.person_goal is None else max(1, len(crops))  # one mask of all photos
        for start in range(0, len(crops), batch):
            clean = to_images(crops[start : start + batch])
            named = list(keys[start : start + batch])
            landmarks = crop_landmarks(crops[start : start + batch]) if attack.wants_landmarks else None
            goal = goal_of(method, models, clean, keys=named, weights=weights, seed=seed, own=own, landmarks=landmarks)
            if views:
                goal = Mean(
                    [TransformedObjective(goal, _seen_by(view), differentiable=view.differentiable) for view in views]
                )
            made = attack(goal, ThreatModel(eps=method.eps / 255), seed=seed)
            lost = [key for key, gone in zip(named, made.lost.tolist(), strict=True) if gone]
            if lost:  # a gallery with some photos uncloaked would be another experiment
                raise NotFiniteError(
                    f"cloaking with {self.attack}: a recognizer gives no vector for {len(lost)} of {len(named)} faces "
                    f"on the way, first {lost[0]}; a rate over the others would be biased",
                    hint="let the recognizer give a finite vector for every image in [0, 1]",
                )
            images = made.images["rgb"]
            parts.append((images * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy())
        return np.concatenate(parts)


def goal_of(
    method: CloakMethod,
    surrogates: Sequence[Recognizer],
    clean: Tensor,
    *,
    keys: Sequence[str],
    weights: Sequence[float],
    seed: int,
    own: Tensor | None = None,
    landmarks: Tensor | None = None,
) -> Objective:
    """Objective of a cloak: away from the person, towards the nearest of its targets, or that of one mask a person.

    Args:
        method: with how many targets it aims at.
        surrogates, weights: what the cloak is made on.
        clean: `(b, 3, 112, 112)` crops.
        keys: one name per crop.
        seed: of the drawn strangers.
        own: the photos of the person of these crops from which targets are chosen, where they are of one person; crops
            for one mask a person always are.
        landmarks: `(b, 5, 2)` in pixels of the crops, for attacks that want them.
    """
    if method.attack.person_goal is not None:
        return person_goal(
            method, surrogates, clean, keys=keys, weights=weights, seed=seed, own=own, landmarks=landmarks
        )
    if not method.attack.wants_target:
        return PushAway(surrogates, clean, keys=keys, weights=weights)
    strangers = method.targets(surrogates, clean, keys=keys, seed=seed, own=own)
    return Best([Impersonate(surrogates, clean, targets=one, keys=keys, weights=weights) for one in strangers])


def identity_of(purifier: Purifier) -> list[Any]:
    """What makes a purifier this one: name, settings and the hashes of its weights."""
    return purifier.card.identity()


def _short(spec: str) -> str:
    return spec.rstrip("/").rpartition("/")[2].rpartition(":")[2]


def _seen_by(purifier: Purifier) -> Callable[[Images], Images]:
    return lambda images: {**images, "rgb": purifier(images["rgb"])}


class _Several(Objective):
    """Several goals on the same samples."""

    def __init__(self, parts: Sequence[Objective]) -> None:
        if not parts:
            raise BadInputError("no goals", hint="one goal or more")
        self.parts = tuple(parts)
        self.clean, self.keys, self.goal = parts[0].clean, parts[0].keys, parts[0].goal
        self.people, self.landmarks = parts[0].people, parts[0].landmarks
        self.differentiable = all(part.differentiable for part in parts)

    def with_copies(self) -> _Several:
        """The parts' own."""
        part = copy.copy(self)
        part.parts = tuple(goal.for_gradients() for goal in self.parts)
        return part

    def _losses(self, images: Images) -> Tensor:
        return torch.stack([part.loss(images) for part in self.parts])

    def _successes(self, images: Images) -> Tensor:
        return torch.stack([part.success(images) for part in self.parts])

    def _margins(self, images: Images) -> Tensor:
        return torch.stack([part.margin(images) for part in self.parts])


class Best(_Several):
    """Any of several goals is enough: each sample pursues the nearest one."""

    with_copies = _Several.with_copies

    def loss(self, images: Images) -> Float[Tensor, " b"]:
        """The largest loss of the parts."""
        return self._losses(images).amax(dim=0)

    def success(self, images: Images) -> Bool[Tensor, " b"]:
        """Whether a part succeeds."""
        return self._successes(images).any(dim=0)

    def margin(self, images: Images) -> Float[Tensor, " b"]:
        """The largest margin of the parts."""
        return self._margins(images).amax(dim=0)


class Mean(_Several):
    """The mean of several views of one goal: the attacker does not know which transformation the photo meets."""

    with_copies = _Several.with_copies

    def loss(self, images: Images) -> Float[Tensor, " b"]:
        """Mean loss of the parts."""
        return self._losses(images).mean(dim=0)

    def first_loss(self, images: Images) -> Float[Tensor, " b"]:
        """Mean of what the parts climb first."""
        return torch.stack([part.first_loss(images) for part in self.parts]).mean(dim=0)

    def success(self, images: Images) -> Bool[Tensor, " b"]:
        """Whether every part succeeds."""
        return self._successes(images).all(dim=0)

    def margin(self, images: Images) -> Float[Tensor, " b"]:
        """The smallest margin of the parts."""
        return self._margins(images).amin(dim=0)
