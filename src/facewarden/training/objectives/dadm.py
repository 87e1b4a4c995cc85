"""DADM: heads of the domains are drawn together, modalities are masked by what they share and aligned by angles."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from facewarden.core.batch import FaceBatch
from facewarden.core.errors import BadInputError
from facewarden.core.roles import Detector
from facewarden.nn.multimodal.dadm_vit import DadmOutput, DadmVit
from facewarden.training.objectives.parts.alignment import Bound, angle_loss, information_loss
from facewarden.training.objectives.parts.base import Loss
from facewarden.training.objectives.parts.domains import places_of
from facewarden.training.objectives.parts.networks import network_of
from facewarden.training.objectives.parts.prototype_objective import StreamLoss, present_of, unwrap
from facewarden.training.objectives.parts.prototypes import Absent
from facewarden.training.objectives.parts.rebalanced import RebalancedObjective
from facewarden.training.objectives.parts.regrad_math import Base

Gradients = Literal["sum", "regrad"]


class Dadm(RebalancedObjective):
    """Cross-entropy of each sample's own domain head, prototype losses, information of the pairs, and angles.

    `L = L_ce + factor * sum L_ssp + mutual * sum over pairs L_information + angle * L_angle`. Its three parts are
    switches: masks (the model's `masks`; without them there is no information loss), heads of the domains (the model's
    `domain_heads`) and angles (`angle: 0`). After every step the heads are drawn together.

    With `gradients: regrad`, as published, prototype and information losses are rebalanced: the modality whose
    information vectors have the largest mean leads on what it owns, the others' own gradient is set against the sum,
    and that mean, which may be below zero, is the weight. `sum` is the recipe's.

    Source: Yang et al., "DADM: Dual Alignment of Domain and Modality for Face Anti-Spoofing", ICCV 2025, and its code.
    Ours: prototypes are measured once an epoch as in MMDG (there on every batch), the information loss is a mean over
    blocks (there a sum), and bounds other than `additive`.

    Args:
        angle: weight of the angles.
        mutual: weight of each pair's information loss.
        bound: `infonce` or `additive`.
        pull: share of the other head's direction in each step.
        gradients: `sum` or `regrad`.
        base: as for `regrad`.
        sources, factor, keep, probability, absent: as for `ssp`.
    """

    def __init__(
        self,
        *,
        angle: float = 0.2,
        mutual: float = 0.5,
        bound: Bound = "infonce",
        pull: float = 0.005,
        gradients: Gradients = "sum",
        base: Base = "released",
        sources: Sequence[str] = (),
        factor: float = 0.3,
        keep: float = 0.2,
        probability: float = 0.5,
        absent: Absent = "left_out",
    ) -> None:
        super().__init__(base=base, sources=sources, factor=factor, keep=keep, probability=probability, absent=absent)
        words = bound in get_args(Bound) and gradients in get_args(Gradients)
        if not words or min(angle, mutual) < 0 or not 0 <= pull < 1 or factor <= 0:
            raise BadInputError(
                f"dadm: angle {angle}, mutual {mutual}, bound {bound!r}, pull {pull}, gradients {gradients!r}, "
                f"factor {factor}",
                hint="weights >= 0, factor > 0, 0 <= pull < 1; bound: infonce, additive; gradients: sum, regrad",
            )
        self.angle, self.mutual, self.bound, self.share, self.gradients = angle, mutual, bound, pull, gradients

    def compute(self, model: Detector, batch: FaceBatch) -> StreamLoss:
        """Loss of a labeled batch.

        Raises:
            BadInputError: samples without a domain, or more domains than the detector has heads.
            ContractError: another detector than `dadm`, or there are no prototypes yet.
        """
        inner: Any = unwrap(model)
        network = _network(inner)
        places = len(network.heads.used)
        where = places_of(
            batch, sources=self.sources, objective="dadm", room=places if places > 1 else len(self.sources),
            setting="places", what="heads",
        )  # fmt: skip
        head = where if places > 1 else torch.zeros_like(where)
        network.heads.used[: len(self.sources) if places > 1 else 1] = 1.0
        output: DadmOutput = inner.streams(batch)
        assert output.by_domain is not None
        own = output.by_domain[torch.arange(len(batch), device=head.device), head]
        loss = self.measure(own, output.tokens, batch=batch, certainty=output.certainty)
        return self._with_terms(loss, output, batch=batch, domain=where)

    def _with_terms(self, loss: StreamLoss, output: DadmOutput, *, batch: FaceBatch, domain: Tensor) -> StreamLoss:
        assert batch.label is not None  # checked by the caller
        parts = dict(loss.parts)
        entropy, prototype, total = loss.entropy, loss.prototype, loss.total
        if self.angle:
            angles = angle_loss(output.tokens, label=batch.label, domain=domain, present=present_of(batch))
            parts["angle"] = angles.detach()
            entropy, total = entropy + self.angle * angles * loss.count, total + self.angle * angles
        if output.information is not None and self.mutual:
            told = information_loss(output.information, bound=self.bound)
            parts["information"] = told.sum().detach()
            # the rule scales a row by factor / counts: what is added to it is scaled the other way
            prototype = prototype + self.mutual * told * loss.counts / self.factor
            total = total + self.mutual * told.sum()
        return replace(loss, total=total, parts=parts, entropy=entropy, prototype=prototype)

    def backward(self, model: Detector, loss: Loss, *, run: Callable[[Tensor], None]) -> None:
        """One ordinary backward pass, or the rule with `gradients: regrad`."""
        if self.gradients == "sum":
            run(loss.total)
        else:
            super().backward(model, loss, run=run)

    def finish(self) -> None:
        """Nothing is open where gradients are added up."""
        if self.gradients == "regrad":
            super().finish()

    def after_step(self, model: Detector) -> None:
        """Draw the heads of the domains together."""
        _network(unwrap(model)).heads.pull(share=self.share)

    def _fastest(self, speed: Tensor, certainty: Tensor) -> tuple[int, ...]:
        """All but the modality whose information vectors have the largest mean, as the released code has it."""
        lead = int(certainty.argmax())
        return tuple(m for m in range(len(certainty)) if m != lead)


def _network(detector: Any) -> DadmVit:
    return network_of(detector, DadmVit, objective="dadm", needs="heads of domains")


entry = Dadm
