"""`Attack`: a narrow base whose final call keeps the budget, counts the cost and tells the truth about success."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, final

import torch
from torch import Tensor

from facewarden.core.batch import check_unit_range
from facewarden.core.errors import BadInputError, ContractError
from facewarden.core.labels import Modality
from facewarden.core.objective import Images, Objective
from facewarden.core.roles import forbid_override
from facewarden.core.seeding import derive
from facewarden.core.threat import ThreatModel


@dataclass(frozen=True, eq=False)
class AttackResult:
    """What an attack reached, measured by `Attack.__call__`, not by the attack.

    Attributes:
        images: every modality of the objective, the reachable ones inside the budget.
        success: `(b,)` bool, the goal is reached on `images`.
        success_clean: `(b,)` bool, the goal was reached before the attack (such samples count for nobody).
        loss, loss_clean: `(b,)` the objective's loss after and before.
        distance: modality -> `(b,)` length of the change in the threat model's norm.
        gradient_calls: gradients taken per sample.
        queries: further evaluations of the loss or the decision per sample, by the attack itself.
    """

    images: Images
    success: Tensor
    success_clean: Tensor
    loss: Tensor
    loss_clean: Tensor
    distance: Mapping[Modality, Tensor]
    gradient_calls: int
    queries: int


class MeteredObjective:
    """The only view of an objective that an attack gets: every use of it is counted.

    Attributes:
        clean: images of all modalities.
        threat: the budget, for attacks that project while they walk.
    """

    def __init__(self, objective: Objective, threat: ThreatModel, seed: int) -> None:
        self._objective, self._seed = objective, seed
        self._gradient_calls = self._queries = 0
        self.threat = threat
        # copies: an attack that writes into them moves no one's yardstick but its own
        self.clean: Images = {name: image.detach().clone() for name, image in objective.clean.items()}

    @property
    def gradient_calls(self) -> int:
        """How often `gradient` was called."""
        return self._gradient_calls

    @property
    def queries(self) -> int:
        """How often `loss` and `success` were called."""
        return self._queries

    def gradient(self, images: Images) -> tuple[dict[Modality, Tensor], Tensor]:
        """Gradient of the summed loss with respect to each reachable modality, and the loss `(b,)` itself."""
        self._gradient_calls += 1
        inputs = {name: image.detach() for name, image in images.items()}
        wanted = [name for name in inputs if name in self.threat.modalities]
        for name in wanted:
            inputs[name] = inputs[name].clone().requires_grad_(True)
        with torch.enable_grad():
            loss = self._objective.loss(inputs)
            if not loss.requires_grad or loss.shape != (len(self._objective.keys),):
                raise ContractError(
                    f"{type(self._objective).__name__}.loss must give one differentiable value a sample",
                    hint="a model without gradients sets differentiable = False",
                )
            gradients = torch.autograd.grad(loss.sum(), [inputs[name] for name in wanted], allow_unused=True)
        named = zip(wanted, gradients, strict=True)
        return {n: torch.zeros_like(inputs[n]) if g is None else g for n, g in named}, loss.detach()

    def loss(self, images: Images) -> Tensor:
        """Loss per sample, without gradient."""
        self._queries += 1
        with torch.no_grad():
            return self._objective.loss(images)

    def success(self, images: Images) -> Tensor:
        """Success per sample."""
        self._queries += 1
        return self._objective.success(images)

    def project(self, images: Images) -> dict[Modality, Tensor]:
        """Put the reachable modalities back into the budget and the others back to their clean pixels."""
        threat, clean = self.threat, self.clean
        return {
            name: threat.project(images[name], clean[name]) if name in threat.modalities else clean[name]
            for name in clean
        }

    def noise(self, modality: Modality, *, kind: str = "uniform", stream: str | int = 0) -> Tensor:
        """Random numbers shaped like a modality, drawn per sample by its key: batching never changes them.

        Args:
            modality: whose shape to take.
            kind: "uniform" in [-1, 1) or "normal".
            stream: separates draws (restart number, step …).

        Raises:
            BadInputError: an unknown kind.
        """
        if kind not in ("uniform", "normal"):
            raise BadInputError(f"unknown kind of noise {kind!r}", hint="uniform or normal")
        image = self.clean[modality]
        draws = []
        for key in self._objective.keys:
            generator = torch.Generator().manual_seed(derive(self._seed, "noise", modality, str(stream), key))
            shape = image.shape[1:]
            if kind == "normal":
                draws.append(torch.randn(shape, generator=generator))
            else:
                draws.append(torch.rand(shape, generator=generator) * 2 - 1)
        return torch.stack(draws).to(image) if draws else torch.zeros_like(image)


class Attack(ABC):
    """An attack: subclasses implement `perturb`; calling is final.

    Attributes:
        needs_gradients: False for attacks that only query.
    """

    needs_gradients: ClassVar[bool] = True

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        forbid_override(cls, Attack, "__call__")

    @abstractmethod
    def perturb(self, objective: MeteredObjective) -> Images:
        """Return attacked images; anything outside the budget is projected back afterwards."""

    @final
    def __call__(self, objective: Objective, threat: ThreatModel, *, seed: int = 0) -> AttackResult:
        """Attack every sample of an objective.

        Args:
            objective: model, goal and clean samples.
            threat: what may be changed and by how much.
            seed: of every random draw.

        Raises:
            BadInputError: the threat names a modality that the samples lack, or a gradient attack meets a model
                without gradients.
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
                hint="attack a surrogate and transfer, or use a score-based attack",
            )
        for modality, image in objective.clean.items():
            check_unit_range(image, what=f"{name}: clean {modality}")
        clean = {modality: image.detach() for modality, image in objective.clean.items()}
        metered = MeteredObjective(objective, threat, seed)
        raw = self.perturb(metered)
        images: dict[Modality, Tensor] = {}
        for modality, image in clean.items():
            if getattr((raw or {}).get(modality), "shape", None) != image.shape:
                raise ContractError(f"{name}.perturb must return {modality} of shape {tuple(image.shape)}", hint="")
            if not bool(torch.isfinite(raw[modality]).all()):
                raise ContractError(f"{name}.perturb returned {modality} pixels that are not finite", hint="")
            reached = modality in threat.modalities
            images[modality] = threat.project(raw[modality].detach().to(image), image) if reached else image
        with torch.no_grad():
            return AttackResult(
                images=images,
                success=objective.success(images),
                success_clean=objective.success(clean),
                loss=objective.loss(images),
                loss_clean=objective.loss(clean),
                distance={m: threat.distance(images[m], clean[m]) for m in threat.modalities},
                gradient_calls=metered.gradient_calls,
                queries=metered.queries,
            )
