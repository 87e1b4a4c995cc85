"""What `ssp` and `regrad` share: cross-entropy and prototype losses kept apart, and the refresh of the prototypes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from facewarden.core.batch import FaceBatch
from facewarden.core.errors import BadInputError, ContractError
from facewarden.core.labels import MODALITIES
from facewarden.core.roles import Detector
from facewarden.core.seeding import derive
from facewarden.nn.precision import at_least_single
from facewarden.training.objectives.parts.base import Loss, TrainingObjective
from facewarden.training.objectives.parts.evaluating import evaluating
from facewarden.training.objectives.parts.prototypes import (
    Absent,
    Prototypes,
    prototype_losses,
    single_sided_classes,
)
from facewarden.training.objectives.parts.whole_set import WholeSet
from facewarden.training.parts.ranks import ranks


@dataclass(frozen=True, eq=False, kw_only=True)
class StreamLoss(Loss):
    """The loss of a batch, its terms kept apart as sums over samples.

    Attributes:
        entropy: sum of the cross-entropy over `count` samples.
        prototype: `(m,)` sum of each modality's prototype loss over `counts` samples.
        certainty: `(m,)` sum of the class token's certainty over the samples that have the modality, `heard` many.
    """

    entropy: Tensor
    prototype: Tensor
    count: int
    counts: Tensor
    certainty: Tensor
    heard: Tensor


class PrototypeObjective(TrainingObjective):
    """`L_ce + factor * sum over modalities of L_ssp`, without saying how it is turned into gradients.

    Call `refresh` before every epoch. The detector's features must be the class tokens of rgb, depth and infrared side
    by side. A sample without a modality has no prototype loss there.

    Source: Lin et al., CVPR 2024, equations 6 to 8; factor, refresh and shares as released.

    Args:
        sources: names of the training domains.
        factor: weight of the prototype losses.
        keep: share of the old prototypes at a refresh.
        probability: that a batch is used in a refresh.
        absent: what a class without samples is, `left_out` or `zero`, see `Prototypes`.
    """

    def __init__(
        self,
        *,
        sources: Sequence[str] = (),
        factor: float = 0.3,
        keep: float = 0.2,
        probability: float = 0.5,
        absent: Absent = "left_out",
    ) -> None:
        self.sources = tuple(sources)
        self.factor, self.probability = factor, probability
        self.prototypes = Prototypes(keep=keep, absent=absent)

    def measure(
        self, logits: Tensor, tokens: Tensor, *, batch: FaceBatch, certainty: Tensor | None = None
    ) -> StreamLoss:
        """Terms of the loss from logits `(b, 2)`, class tokens `(m, b, d)` and certainties `(m, b)`."""
        values, seen = self.prototypes.values, self.prototypes.seen
        if values is None or seen is None:
            raise ContractError("the prototypes have not been measured", hint="refresh(model, batches) before an epoch")
        if batch.label is None:
            raise ContractError("the prototype loss needs labels", hint="FaceBatch(..., label=...)")
        classes, present, seen = self._classes(batch), present_of(batch), seen.to(tokens.device)
        counted = present & seen[:, classes]
        losses = prototype_losses(tokens, values, classes=classes, seen=seen) * counted
        entropy = torch.nn.functional.cross_entropy(at_least_single(logits), batch.label, reduction="sum")
        prototype, counts = losses.sum(dim=1), counted.sum(dim=1)
        means = prototype / counts.clamp(min=1)
        rows = zip(MODALITIES, means.detach(), counts.tolist(), strict=True)
        named = {f"loss/{m}": mean for m, mean, number in rows if number}
        if certainty is not None:
            named |= _certainties(certainty, present)
        confident = torch.ones_like(tokens[..., 0]) if certainty is None else certainty
        return StreamLoss(
            total=entropy / len(batch) + self.factor * means.sum(),
            parts={"cross_entropy": entropy.detach() / len(batch), **named},
            entropy=entropy,
            prototype=prototype,
            count=len(batch),
            counts=counts,
            certainty=(confident * present).sum(dim=1).detach(),
            heard=present.sum(dim=1),
        )

    def refresh(self, model: Detector, batches: Iterable[FaceBatch], *, epoch: int, seed: int = 0) -> None:
        """Measure the prototypes anew, without dropout or gradients; the model's mode is put back.

        Args:
            model: the detector, bare or wrapped for several processes.
            batches: the training data, or this process's share of it.
            epoch: and
            seed: decide which batches are used.

        Raises:
            BadInputError: no batch, or samples without label or domain.
        """
        network = unwrap(model)
        # what is not used is not even prepared, where the batches are prepared on demand
        held: Sequence[FaceBatch] = batches if isinstance(batches, Sequence) else list(batches)
        if not len(held):
            raise BadInputError("no training batch to measure prototypes on", hint="check the training manifest")
        share = [derive(seed, "prototypes", epoch, number) / 2**63 for number in range(len(held))]
        used = [number for number, drawn in enumerate(share) if drawn < self.probability] or [0]
        mine = used
        if isinstance(held, WholeSet):  # every process has all batches: each looks at some of them
            here = ranks()
            mine = used[here.index :: here.count]
        with evaluating(network), torch.no_grad():
            for number in mine:
                self._collect(network, held[number])
            if not mine:
                self._collect(network, held[0], counted=False)
        self.prototypes.refresh()

    def begin(self, *, domains: Sequence[str], steps: int) -> None:
        """Take all training domains as the sources, unless they were named."""
        self.sources = self.sources or tuple(domains)

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint must hold."""
        return {"sources": self.sources, "prototypes": self.prototypes.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.sources = tuple(state["sources"])
        self.prototypes.load_state_dict(dict(state["prototypes"]))

    def _collect(self, model: Detector, batch: FaceBatch, *, counted: bool = True) -> None:
        classes = self._classes(batch)
        tokens = tokens_of(model(batch).features)
        self.prototypes.collect(
            tokens, classes=classes, present=present_of(batch) & counted, count=1 + len(self.sources)
        )

    def _classes(self, batch: FaceBatch) -> Tensor:
        if batch.domain is None or batch.label is None:
            raise BadInputError("prototypes need a label and a domain for every sample", hint="add a `domain` column")
        if not self.sources:
            raise BadInputError("the training domains are not known", hint='sources=("domain_a", "domain_b")')
        return single_sided_classes(batch.label, batch.domain, sources=self.sources)


def _certainties(certainty: Tensor, present: Tensor) -> dict[str, Tensor]:
    """Mean and standard deviation of the class tokens' certainty in each modality that a sample has."""
    found: dict[str, Tensor] = {}
    for name, row, here in zip(MODALITIES, certainty.detach(), present, strict=True):
        if bool(here.any()):
            found[f"certainty/{name}"] = row[here].mean()
            found[f"certainty_spread/{name}"] = row[here].std(correction=0)
    return found


def tokens_of(features: Tensor | None) -> Tensor:
    """Split features `(b, m * d)` into class tokens `(m, b, d)`.

    Raises:
        ContractError: there are none, or they are not one token per modality.
    """
    if features is None or features.ndim != 2 or features.shape[1] % len(MODALITIES):
        raise ContractError(
            "this objective needs features of rgb, depth and infrared side by side", hint="train mmdg with it"
        )
    return features.reshape(len(features), len(MODALITIES), -1).transpose(0, 1)


def present_of(batch: FaceBatch) -> Tensor:
    """Which samples have which modality, `(m, b)` bool."""
    none = torch.zeros(len(batch), dtype=torch.bool, device=batch.device)
    return torch.stack([batch.present.get(name, none) for name in MODALITIES])


def unwrap(model: torch.nn.Module) -> Detector:
    """The detector inside a wrapper for several processes."""
    inner = getattr(model, "module", model)
    assert isinstance(inner, Detector)
    return inner
