"""`Attack`: a narrow base whose final call keeps the budget, counts the cost and tells the truth about success."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, final

import torch
from torch import Tensor

from facewarden.core.batch import check_unit_range
from facewarden.core.compute.finite import computed_rows
from facewarden.core.counted_objective import CountedObjective
from facewarden.core.errors import BadInputError, ContractError
from facewarden.core.gradient_source import GradientSource
from facewarden.core.guards.contracts import forbid_override
from facewarden.core.labels import Modality
from facewarden.core.objective import Images, Objective
from facewarden.core.settings.budget import CLOAK_LEVELS
from facewarden.core.threat import ThreatModel

__all__ = ["Attack", "AttackResult", "CountedObjective"]


@dataclass(frozen=True, eq=False)
class AttackResult:
    """What an attack reached, measured by `Attack.__call__`, not by the attack.

    Attributes:
        images: every modality of the objective, the reachable ones inside the budget.
        success: `(b,)` bool, the goal is reached on `images`.
        success_clean: `(b,)` bool, the goal was reached before the attack (such samples count for nobody).
        loss, loss_clean: `(b,)` the objective's loss after and before.
        distance: modality -> `(b,)` length of the change in the threat model's norm.
        lost: `(b,)` bool, samples on which a model gave no finite number, clean or at a point that the attack tried.
            Nothing is known of them, so they belong in no rate: their images are the clean ones, their losses NaN.
        gradient_calls: gradients taken for the sample that took most of them.
        queries: further evaluations of the loss or the decision, by the attack itself, of the sample that needed most.
        sample_gradients, sample_queries: `(b,)` the same for every sample; they differ where an attack leaves samples
            alone once it has succeeded on them.
    """

    images: Images
    success: Tensor
    success_clean: Tensor
    loss: Tensor
    loss_clean: Tensor
    distance: Mapping[Modality, Tensor]
    lost: Tensor
    gradient_calls: int
    queries: int
    sample_gradients: Tensor
    sample_queries: Tensor


class Attack(ABC):
    """An attack: subclasses implement `perturb`; calling is final.

    Attributes:
        needs_gradients: False for attacks that only query.
        wants_target: True for cloaks whose published goal is to look like another, given face (`Impersonate`).
        targets: how many others such a cloak chooses from, face by face.
        wants_landmarks: True for cloaks that follow the shape of the face: `Objective.landmarks` are found for them.
        person_goal: the goal of a cloak with one mask for all photos of a person, a key of `PERSON_GOALS` in
            `facewarden.photos.cloak_goals`; None for attacks on each photo by itself. A property where an option
            decides.
        of_decision: True for attacks that climb the distance to the decision, whatever the goal's loss is: through a
            head of a detector they would do what they do without.
        own_budget: what the budget of an attack counts that no norm of the change can bound, such as "pixels of
            displacement"; its size is an option of the attack. None where the threat model's ball is the budget.
    """

    needs_gradients: ClassVar[bool] = True
    wants_target: ClassVar[bool] = False
    targets: ClassVar[int] = 1
    wants_landmarks: ClassVar[bool] = False
    own_budget: ClassVar[str | None] = None
    of_decision: bool = False
    person_goal: str | None = None

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        forbid_override(cls, Attack, "__call__")

    @classmethod
    def cloak_strength(cls, strength: str, *, thorough: bool = False) -> tuple[dict[str, Any], float]:
        """The settings and the budget in gray levels of a cloak at a strength.

        Args:
            strength: "low", "mid" or "high": 4, 8 or 16 gray levels, unless a method has published others.
            thorough: the slower of two paces, of a method that has two.

        Raises:
            BadInputError: an unknown strength, or a method of one pace.
        """
        if strength not in CLOAK_LEVELS:
            raise BadInputError(f"strength {strength!r}", hint=f"one of: {', '.join(CLOAK_LEVELS)}")
        if thorough:
            method = cls.__module__.rpartition(".")[2]
            raise BadInputError(f"{method} has one pace only", hint="leave --thorough out")
        return {}, CLOAK_LEVELS[strength]

    def bounds(self, clean: Tensor) -> tuple[Tensor, Tensor]:
        """Lowest and highest value of each pixel `(b, c, h, w)` that a budget of the attack's own allows.

        Args:
            clean: images that are attacked.

        Raises:
            ContractError: the attack has no budget of its own, or does not say what it allows.
        """
        raise ContractError(f"{type(self).__name__} does not bound its pixels", hint="the threat model does, or bounds")

    @abstractmethod
    def perturb(self, objective: CountedObjective) -> Images:
        """Return attacked images; anything outside the budget is projected back afterwards."""

    def _kept(self, image: Tensor, clean: Tensor, threat: ThreatModel) -> Tensor:
        if self.own_budget is None:
            return threat.project(image, clean)
        if threat.eps == 0.0:  # nothing may change, whatever is counted
            return clean
        low, high = self.bounds(clean)
        return image.clamp(low, high).clamp(0.0, 1.0)

    @final
    def __call__(
        self, objective: Objective, threat: ThreatModel, *, seed: int = 0, reading: GradientSource | None = None
    ) -> AttackResult:
        """Attack every sample of an objective; those on which a model gives NaN or infinity are `lost`, not the others.

        Args:
            objective: model, goal and clean samples.
            threat: what may be changed and by how much. An attack with a budget of its own takes from it only which
                modalities may change, and whether anything may (eps above 0).
            seed: of every random draw.
            reading: where gradients are read instead of at the image itself (SFA, averages over transforms).

        Raises:
            BadInputError: the threat names a modality that the samples lack, a gradient attack meets a model
                without gradients, or a reading is given to an attack that reads none.
            ContractError: `perturb` returned other shapes or NaN.
        """
        name = type(self).__name__
        lacking = sorted(set(threat.modalities) - set(objective.clean))
        if lacking:
            raise BadInputError(
                f"{name}: the samples have no {', '.join(lacking)}", hint=f"modalities here: {sorted(objective.clean)}"
            )
        if self.needs_gradients and not objective.differentiable:
            raise BadInputError(
                f"{name} needs gradients, which this model does not give",
                hint="attack a surrogate and transfer, or use a score-based attack: square, noise",
            )
        if reading is not None and not self.needs_gradients:
            raise BadInputError(f"{name} reads no gradients", hint="leave the reading out, or use a gradient attack")
        for modality, image in objective.clean.items():
            check_unit_range(image, what=f"{name}: clean {modality}")
        whole = len(objective.keys)

        def attacked(rows: list[int]) -> AttackResult:
            return self._attacked(objective if len(rows) == whole else objective.select(rows), threat, seed, reading)

        rows, found = computed_rows(whole, attacked) if whole else ([], attacked([]))
        return found if found is not None and len(rows) == whole else _spread(found, rows, objective.clean, threat)

    def _attacked(
        self, objective: Objective, threat: ThreatModel, seed: int, reading: GradientSource | None
    ) -> AttackResult:
        name = type(self).__name__
        clean = {modality: image.detach() for modality, image in objective.clean.items()}
        metered = CountedObjective(objective, threat, seed, reading=reading)
        raw = self.perturb(metered)
        images: dict[Modality, Tensor] = {}
        for modality, image in clean.items():
            if getattr((raw or {}).get(modality), "shape", None) != image.shape:
                raise ContractError(f"{name}.perturb must return {modality} of shape {tuple(image.shape)}", hint="")
            if not bool(torch.isfinite(raw[modality]).all()):
                raise ContractError(f"{name}.perturb returned {modality} pixels that are not finite", hint="")
            reached = modality in threat.modalities
            images[modality] = self._kept(raw[modality].detach().to(image), image, threat) if reached else image
        with torch.no_grad():
            loss, success = objective.evaluate(images)
            loss_clean, success_clean = objective.evaluate(clean)
            return AttackResult(
                images=images,
                success=success,
                success_clean=success_clean,
                loss=loss,
                loss_clean=loss_clean,
                distance={m: threat.distance(images[m], clean[m]) for m in threat.modalities},
                lost=torch.zeros_like(success),
                gradient_calls=metered.gradient_calls,
                queries=metered.queries,
                sample_gradients=metered.counts[0],
                sample_queries=metered.counts[1],
            )


def _spread(found: AttackResult | None, rows: list[int], clean: Images, threat: ThreatModel) -> AttackResult:
    """The result of some rows among all; the others are lost."""
    images = {name: image.detach().clone() for name, image in clean.items()}
    first = next(iter(images.values()))
    count, home = len(first), first.device

    def among(value: Tensor | None, *, fill: float, kind: torch.dtype = torch.float32) -> Tensor:
        whole = torch.full((count,), fill, dtype=kind, device=home)
        if value is None:
            return whole
        whole = whole.to(value)
        whole[rows] = value
        return whole

    def of(name: str) -> Tensor | None:
        value: Tensor | None = None if found is None else getattr(found, name)
        return value

    if found is not None:
        for name, image in images.items():
            image[rows] = found.images[name].to(image)
    lost = torch.ones(count, dtype=torch.bool, device=home)
    lost[rows] = False
    nan = float("nan")
    return AttackResult(
        images=images,
        success=among(of("success"), fill=0.0, kind=torch.bool),
        success_clean=among(of("success_clean"), fill=0.0, kind=torch.bool),
        loss=among(of("loss"), fill=nan),
        loss_clean=among(of("loss_clean"), fill=nan),
        distance={m: among(None if found is None else found.distance[m], fill=0.0) for m in threat.modalities},
        lost=lost,
        gradient_calls=found.gradient_calls if found else 0,
        queries=found.queries if found else 0,
        sample_gradients=among(of("sample_gradients"), fill=0.0, kind=torch.int64),
        sample_queries=among(of("sample_queries"), fill=0.0, kind=torch.int64),
    )
