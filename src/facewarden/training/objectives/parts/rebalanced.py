"""Prototype losses whose gradients are rebalanced between modalities: what ReGrad and objectives on it share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, get_args, runtime_checkable

import torch
from torch import Tensor

from facewarden.core.batch import FaceBatch
from facewarden.core.errors import BadInputError, ContractError
from facewarden.core.labels import MODALITIES
from facewarden.core.roles import Detector
from facewarden.nn.multimodal.mmdg_vit import MmdgVit, StreamOutput
from facewarden.training.objectives.parts.base import Loss
from facewarden.training.objectives.parts.gradients import GradientSheet
from facewarden.training.objectives.parts.prototype_objective import PrototypeObjective, StreamLoss, unwrap
from facewarden.training.objectives.parts.prototypes import Absent
from facewarden.training.objectives.parts.regrad_math import EPSILON, Base, Rule, base_lengths, rebalance

Speed = Literal["batch", "running"]


@runtime_checkable
class StreamDetector(Protocol):
    """A detector with one class token and one certainty per modality, and parameters that modalities own."""

    network: MmdgVit

    def streams(self, batch: FaceBatch) -> StreamOutput:
        """Logits, class tokens and certainties."""


@dataclass(frozen=True, eq=False)
class RegradReport:
    """What one step did, by modality in the order rgb, depth, infrared.

    Attributes:
        speed: prototype loss by which the fastest was chosen; infinite where no sample had the modality.
        fastest: positions of the modalities with the lowest; several where losses are equal.
        certainty: mean certainty of the class token.
        norm: length of the modality's own gradient on the tensors it owns, before the rule.
        norm_after: length of the prototype gradient there after it.
        conflicts: share of (tensor, fast side) pairs in conflict among the tensors it owns.
        ratio: median, over those pairs, of the length of the base in that of the fast side; 0 where there is no pair
            with a fast side.
        faint: share of its tensors whose base is so short that the square is below the rule's 1e-8.
    """

    speed: tuple[float, ...]
    fastest: tuple[int, ...]
    certainty: tuple[float, ...]
    norm: tuple[float, ...]
    norm_after: tuple[float, ...]
    conflicts: tuple[float, ...]
    ratio: tuple[float, ...]
    faint: tuple[float, ...]


class RebalancedObjective(PrototypeObjective):
    """Cross-entropy plus prototype losses whose gradients are rebalanced between modalities for each owned tensor.

    The rule is not linear, so it needs the gradients of the whole batch of a step. Losses, certainties, counts and
    gradients are therefore summed over micro-batches and processes first (one all-reduce), and the rule is applied
    once, alike on every process: means, the fastest modality and all inner products are those of the joined batch.
    Only dropout masks and the forward pass are local. The cross-entropy's gradient is linear and is never modulated;
    tensors that no modality owns get it alone. Precision scaling (float16) is not supported, bfloat16 needs none.

    Source: Lin et al., CVPR 2024, equation 5, applied to every owned tensor, absent gradients counting as 0.

    Args:
        rule: `full`, `off` (add up; shared tensors still get the cross-entropy's gradient alone, `ssp` gives them all),
            `conflict_only` or `aligned_only`.
        uncertainty: weigh the fast side by its certainty.
        speed: the fastest modality is chosen by the loss of the `batch`, or by its `running` average.
        momentum: share of the old value in the running average.
        accumulate: micro-batches of one optimizer step; gradients are written by the last one's backward. A training
            sets it by its own `accumulate`.
        base: what becomes of a base that is next to nothing, `released`, `relative` or `missing`, see `rebalance`.
        sources, factor, keep, probability, absent: as for `ssp`.
    """

    def __init__(
        self,
        *,
        rule: Rule = "full",
        uncertainty: bool = True,
        speed: Speed = "batch",
        momentum: float = 0.9,
        accumulate: int = 1,
        base: Base = "released",
        sources: Sequence[str] = (),
        factor: float = 0.3,
        keep: float = 0.2,
        probability: float = 0.5,
        absent: Absent = "left_out",
    ) -> None:
        super().__init__(sources=sources, factor=factor, keep=keep, probability=probability, absent=absent)
        words = rule in get_args(Rule) and speed in get_args(Speed) and base in get_args(Base)
        if not words or not 0 <= momentum < 1 or accumulate < 1:
            raise BadInputError(
                f"regrad: rule {rule!r}, speed {speed!r}, base {base!r}, momentum {momentum}, accumulate {accumulate}",
                hint=f"rule: {', '.join(get_args(Rule))}; speed: batch, running; base: {', '.join(get_args(Base))}; "
                "0 <= momentum < 1; accumulate >= 1",
            )
        self.base: Base = base
        self.rule, self.uncertainty, self.speed, self.momentum, self.accumulate = (
            rule, uncertainty, speed, momentum, accumulate,
        )  # fmt: skip
        self.report: RegradReport | None = None
        self._running: Tensor | None = None
        self._sheet: GradientSheet | None = None
        self._taken = 0

    def compute(self, model: Detector, batch: FaceBatch) -> StreamLoss:
        """Loss of a labeled batch.

        Raises:
            ContractError: the detector has no streams, or there are no prototypes yet.
        """
        output = _streams(model).streams(batch)
        return self.measure(output.logits, output.tokens, batch=batch, certainty=output.certainty)

    def backward(self, model: Detector, loss: Loss, *, run: Callable[[Tensor], None]) -> None:
        """Take the four gradients of a micro-batch and, with the last one of a step, write the rebalanced sum.

        `run` is not called: it can only give the sum of the four.
        """
        assert isinstance(loss, StreamLoss)
        if self._sheet is None:  # a new step
            owned = [
                (parameter, None if owner is None else MODALITIES.index(owner))
                for _, parameter, owner in _streams(model).network.owned()
            ]
            self._sheet = GradientSheet(owned, modalities=len(MODALITIES))
        count = torch.full((1,), float(loss.count), device=loss.certainty.device)
        sums = torch.cat([count, loss.prototype.detach(), loss.counts, loss.certainty, loss.heard])
        self._sheet.add(loss.entropy, loss.prototype, sums=sums)
        self._taken += 1
        if self._taken == self.accumulate:
            self.finish()

    def gather(self, batches: int) -> None:
        """Write gradients at every n-th batch; they are those of the joined batch.

        Raises:
            BadInputError: it was made for another number, which the training does not keep to.
        """
        if self.accumulate not in (1, batches):
            raise BadInputError(
                f"regrad gathers {self.accumulate} batches for a step, the training {batches}",
                hint=f'"training": {{"accumulate": {self.accumulate}}} in the recipe says it to both',
            )
        self.accumulate = batches

    def statistics(self, model: Detector) -> dict[str, float]:
        """The last step by modality: lengths of its prototype gradient before and after the rule, conflicts, speed.

        `fastest/rgb` is 1 where rgb was the fastest, so that its mean is a share of steps. `base_ratio/rgb` and
        `faint_base/rgb` are `ratio` and `faint` of the report.
        """
        found, report = super().statistics(model), self.report
        if report is not None:
            for m, name in enumerate(MODALITIES):
                found[f"prototype_gradient/{name}"] = report.norm[m]
                found[f"rebalanced_gradient/{name}"] = report.norm_after[m]
                found[f"conflict/{name}"] = report.conflicts[m]
                found[f"fastest/{name}"] = float(m in report.fastest)
                found[f"base_ratio/{name}"] = report.ratio[m]
                found[f"faint_base/{name}"] = report.faint[m]
        return found

    def finish(self) -> None:
        """Write the gradients of what was accumulated so far, for a last step with fewer micro-batches.

        With several processes, all of them must call it.
        """
        if self._sheet is None or not self._taken:
            raise ContractError("no gradient was taken", hint="call backward first")
        sheet, width = self._sheet, len(MODALITIES)
        sums = sheet.join()
        count, (lost, counts, certain, heard) = sums[0], sums[1:].view(4, width).unbind()
        speed = torch.where(counts > 0, lost / counts.clamp(min=1), torch.inf)
        certainty = certain / heard.clamp(min=1)
        fastest = self._fastest(self._speeds(speed), certainty)
        weight = certainty if self.uncertainty else torch.ones_like(certainty)
        gradients = sheet.prototype * (self.factor / counts.clamp(min=1))[:, None]
        total = sheet.entropy / count
        norms, after, shares, ratios, faint, start = [], [], [], [], [], 0
        for owner in range(width):
            lengths = sheet.lengths[owner]
            here = slice(start, start + sum(lengths))
            combined, conflict = rebalance(
                gradients[:, here], lengths, owner=owner, fast=owner in fastest, certainty=weight, rule=self.rule,
                base=self.base,
            )  # fmt: skip
            below, sides = base_lengths(gradients[:, here], lengths, owner=owner, fast=owner in fastest)
            pairs = (below[:, None] / sides)[sides > 0]
            ratios.append(float(pairs.median()) if len(pairs) else 0.0)
            faint.append(float((below.square() < EPSILON).double().mean()) if len(below) else 0.0)
            total[here] += combined
            norms.append(float(gradients[owner, here].norm()))
            after.append(float(combined.norm()))
            shares.append(float(conflict.double().mean()))
            start = here.stop
        sheet.write(total)
        self._sheet, self._taken = None, 0
        self.report = RegradReport(
            tuple(speed.tolist()), fastest, tuple(certainty.tolist()), tuple(norms), tuple(after), tuple(shares),
            tuple(ratios), tuple(faint),
        )  # fmt: skip

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint must hold."""
        return {**super().state_dict(), "running": self._running}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a checkpoint."""
        super().load_state_dict(state)
        self._running = state["running"]

    def _fastest(self, speed: Tensor, certainty: Tensor) -> tuple[int, ...]:
        """Modalities with the lowest loss; the released `loss == min(losses)` holds for all that are equal."""
        low = speed.min()
        return tuple(m for m, value in enumerate(speed.tolist()) if value == float(low) and bool(low.isfinite()))

    def _speeds(self, now: Tensor) -> Tensor:
        """Loss of each modality by which the fastest is chosen; those that no sample had are never chosen."""
        if self.speed == "batch":
            return now
        old = torch.full_like(now, torch.inf) if self._running is None else self._running.to(now)
        blended = self.momentum * old + (1 - self.momentum) * now
        self._running = torch.where(torch.isinf(old), now, torch.where(torch.isinf(now), old, blended))
        return torch.where(torch.isinf(now), now, self._running)


def _streams(model: Detector) -> StreamDetector:
    inner = unwrap(model)
    if not isinstance(inner, StreamDetector):
        raise ContractError(
            f"regrad needs class tokens and certainties, which {type(inner).__name__} does not give", hint="train mmdg"
        )
    return inner
