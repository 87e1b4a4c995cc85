"""Soft alignment with the nearest of a class's prototypes at every level, for the small MMDA."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from facewarden.core.batch import FaceBatch
from facewarden.core.errors import BadInputError
from facewarden.core.roles import Detector
from facewarden.core.seeding import derive
from facewarden.nn.multimodal.mmda_vit import MmdaOutput, MmdaVit
from facewarden.training.objectives.parts.base import Loss, TrainingObjective
from facewarden.training.objectives.parts.domains import places_of
from facewarden.training.objectives.parts.evaluating import evaluating
from facewarden.training.objectives.parts.networks import network_of
from facewarden.training.objectives.parts.prototype_objective import unwrap
from facewarden.training.parts.ranks import joined_rows


class Mmda(TrainingObjective):
    """`sum over levels L_ce + L_ce(classifier) + L_ce(classifier on prototypes) + gates`, with smoothed labels.

    Before the first epoch the partners of the domains are measured and each class's prototypes are put on the centers
    that k-means finds in the sources' fused features of that class.

    Source: "Purify then Guide" (MMDA), ECCV 2026, and its code; there the smoothed labels add up to 1.1, here to 1.

    Args:
        sources: names of the training domains, by default those of the training data.
        smoothing: of the labels: 1 - smoothing and smoothing.
        keep: share of the old running mean of a domain, at each step.
    """

    def __init__(self, *, sources: Sequence[str] = (), smoothing: float = 0.1, keep: float = 0.9) -> None:
        if not 0 <= smoothing < 0.5 or not 0 <= keep < 1:
            raise BadInputError(f"mmda: smoothing {smoothing}, keep {keep}", hint="0 <= smoothing < 0.5, 0 <= keep < 1")
        self.sources, self.smoothing, self.keep = tuple(sources), smoothing, keep

    def begin(self, *, domains: Sequence[str], steps: int) -> None:
        """Take all training domains as the sources, unless they were named."""
        self.sources = self.sources or tuple(domains)

    def refresh(self, model: Detector, batches: Iterable[FaceBatch], *, epoch: int, seed: int = 0) -> None:
        """Before the first epoch, measure partners and place the prototypes; the model's mode is put back.

        Raises:
            BadInputError: no batch, or no sample of one of the classes.
        """
        if epoch:
            return
        inner: Any = unwrap(model)
        network = _network(inner)
        with evaluating(inner), torch.no_grad():
            held = [(inner.levels(batch), self._where(batch, network), batch.label) for batch in batches]
            if not held:
                raise BadInputError("no training batch to start from", hint="check the training manifest")
            tokens, shown = (torch.cat([getattr(one, part) for one, _, _ in held]) for part in ("tokens", "shown"))
            where = torch.cat([place for _, place, _ in held])
            network.note(tokens, where, keep=0.0)
            fused, _ = network.fused(tokens, network.by_domain[where], shown)
            label = torch.cat([one for _, _, one in held if one is not None])
            for kind in range(2):
                members = fused[label == kind]
                if not len(members):
                    raise BadInputError("a class has no training sample", hint="check the training manifest")
                found = centers(members, network.prototypes.shape[1], seed=derive(seed, "mmda", kind))
                network.prototypes.data[kind] = found.to(network.prototypes)

    def compute(self, model: Detector, batch: FaceBatch) -> Loss:
        """Loss of a labeled batch.

        Raises:
            BadInputError: samples without a domain, or more domains than the detector has places.
            ContractError: another detector than `mmda`.
        """
        inner: Any = unwrap(model)
        network = _network(inner)
        where = self._where(batch, network)
        output: MmdaOutput = inner.levels(batch, partner=_partner(where, network))
        assert batch.label is not None  # checked by the caller
        target = self._target(batch.label)
        aligned = [F.cross_entropy(level, target) for level in output.logits.unbind(dim=1)]
        classified = F.cross_entropy(output.classified, target)
        kinds = torch.arange(2, device=target.device)[:, None].expand(output.of_prototypes.shape[:2])
        told = F.cross_entropy(output.of_prototypes.flatten(0, 1), self._target(kinds.flatten()))
        if network.training:
            network.note(joined_rows(output.tokens), joined_rows(where), keep=self.keep)
        total = torch.stack([*aligned, classified, told]).sum() + output.auxiliary
        parts = {f"aligned_{level}": value for level, value in enumerate(aligned)}
        parts |= {"classified": classified, "prototypes": told, "gates": output.auxiliary}
        return Loss(total, {name: value.detach() for name, value in parts.items()})

    def state_dict(self) -> dict[str, Any]:
        """The sources; means and prototypes are in the network."""
        return {"sources": self.sources}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.sources = tuple(state["sources"])

    def _target(self, label: Tensor) -> Tensor:
        hot = F.one_hot(label.long(), 2).float()
        return hot * (1 - 2 * self.smoothing) + self.smoothing

    def _where(self, batch: FaceBatch, network: MmdaVit) -> Tensor:
        return places_of(batch, sources=self.sources, objective="mmda", room=len(network.met), setting="places")


def _partner(where: Tensor, network: MmdaVit) -> Tensor:
    """Running mean of each sample's domain; the mean over domains for one that was never met."""
    known = network.met[where][:, None, None] > 0
    return torch.where(known, network.by_domain[where], network.partner)


def centers(features: Float[Tensor, "n w"], count: int, *, seed: int) -> Float[Tensor, "k w"]:
    """Centers of `count` clusters by k-means; with fewer samples than that, samples in turn.

    Args:
        features: of one class.
        count: k.
        seed: of the start.
    """
    values = features.detach().double().cpu().numpy()
    if len(values) <= count:
        return torch.tensor(np.resize(values, (count, values.shape[1])), dtype=features.dtype)
    from sklearn.cluster import KMeans

    found = KMeans(count, n_init=1, random_state=seed % 2**32).fit(values)
    return torch.tensor(found.cluster_centers_, dtype=features.dtype)


def _network(detector: Any) -> MmdaVit:
    return network_of(detector, MmdaVit, objective="mmda", needs="sets of prototypes")


entry = Mmda
