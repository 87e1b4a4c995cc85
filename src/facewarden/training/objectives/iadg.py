"""IADG: the class must not follow the style, and covariances that change with the style are driven to zero."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from facewarden.core.batch import FaceBatch
from facewarden.core.errors import BadInputError
from facewarden.core.roles import Detector
from facewarden.core.seeding import derive
from facewarden.nn.multimodal.restyled import RestyledVit, restyled, style_of
from facewarden.training.objectives.parts.base import Loss, TrainingObjective
from facewarden.training.objectives.parts.evaluating import evaluating
from facewarden.training.objectives.parts.networks import network_of
from facewarden.training.objectives.parts.prototype_objective import unwrap

SENSITIVE = (0.6e-3, 3e-3)
"""Share of all entries of a covariance that count as following the style, attack and bona fide, as released."""

_TWICE = 2
_EPSILON = 1e-5


def covariances(maps: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c c"]:
    """`f f^T / (h w - 1)` of each sample, not centered, as released."""
    flat = maps.flatten(2)
    return flat @ flat.transpose(1, 2) / (flat.shape[2] - 1) + _EPSILON * torch.eye(flat.shape[1]).to(flat)


def whitening_loss(
    maps: Float[Tensor, "b c h w"], label: Tensor, masks: Mapping[int, Float[Tensor, "c c"]]
) -> Float[Tensor, ""]:
    """Mean over both classes of the mean absolute covariance at the class's sensitive places.

    Source: Zhou et al., IADG, CVPR 2023, asymmetric instance adaptive whitening, with the margin 0 of its code.

    Args:
        maps: of both classes.
        label: 1 bona fide, 0 attack.
        masks: by class, 1 where a covariance follows the style.
    """
    found = covariances(maps).abs()
    terms = []
    for kind, mask in masks.items():
        rows = found[label == kind]
        if len(rows):
            terms.append((rows * mask).sum(dim=(1, 2)).mean() / mask.sum().clamp(min=1))
    return torch.stack(terms).mean() if terms else maps.new_zeros(())


def farthest(points: Float[Tensor, "n f"], count: int, *, start: int) -> Tensor:
    """Positions of points that are far from each other: each next one is the farthest from those already taken.

    Args:
        points: to choose from.
        count: how many; all of them where there are fewer.
        start: position of the first.
    """
    chosen = [start % len(points)]
    distance = (points - points[chosen[0]]).square().sum(dim=1)
    while len(chosen) < min(count, len(points)):
        chosen.append(int(distance.argmax()))
        distance = torch.minimum(distance, (points - points[chosen[-1]]).square().sum(dim=1))
    return torch.tensor(chosen)


class Iadg(TrainingObjective):
    """`L_ce + L_ce(restyled) + L_whitening + L_whitening(restyled)` for the detector `iadg`, all weights 1 as released.

    The first epoch has the first term alone. Before each later one the styles of all training maps are taken, and of
    each class those that are far from each other are its base styles. A map is restyled twice, by combinations of its
    own class's base styles with shares from a Dirichlet distribution of concentration 1 / count. A covariance is
    sensitive where its variance over maps and restyled maps is among the largest of its class.

    Source: Zhou et al., "Instance-Aware Domain Generalization for Face Anti-Spoofing" (IADG), CVPR 2023; its 128 base
    styles need as many samples of a class.

    Args:
        styles: base styles of each class.
    """

    def __init__(self, *, styles: int = 128) -> None:
        if styles < 1:
            raise BadInputError(f"iadg: styles {styles}", hint="at least 1")
        self.styles = styles
        self.bases: dict[int, Tensor] = {}
        self.masks: dict[int, Tensor] = {}

    def refresh(self, model: Detector, batches: Iterable[FaceBatch], *, epoch: int, seed: int = 0) -> None:
        """Take base styles and sensitive covariances of the training maps, but before the first epoch.

        Raises:
            BadInputError: a class has no sample.
        """
        if not epoch:
            return
        inner: Any = unwrap(model)
        network = _network(inner)
        with evaluating(inner), torch.no_grad():
            held = [(inner.parts(batch).maps, batch.label) for batch in batches]
            maps = torch.cat([one for one, _ in held])
            label = torch.cat([one for _, one in held if one is not None])
            styles = style_of(maps)
            for kind in range(2):
                own = styles[label == kind]
                if not len(own):
                    raise BadInputError("a class has no training sample", hint="check the training manifest")
                places = farthest(own.flatten(1), self.styles, start=derive(seed, "iadg", epoch, kind) % 2**31)
                self.bases[kind] = own[places.to(own.device)]
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(derive(seed, "iadg styles", epoch))
                both = [network.final(maps), network.final(self._other_style(maps, label))]
            for kind in range(2):
                self.masks[kind] = self._sensitive(torch.cat([one[label == kind] for one in both]), kind)

    def compute(self, model: Detector, batch: FaceBatch) -> Loss:
        """Loss of a labeled batch.

        Raises:
            ContractError: another detector than `iadg`.
        """
        inner: Any = unwrap(model)
        network = _network(inner)
        output = inner.parts(batch)
        assert batch.label is not None  # checked by the caller
        sign = batch.label.to(output.score) * 2 - 1
        terms = {"cross_entropy": -F.logsigmoid(output.score * sign).mean()}
        if self.bases:
            other = network.final(self._other_style(output.maps, batch.label))
            masks = {kind: mask.to(other) for kind, mask in self.masks.items()}
            terms["restyled"] = -F.logsigmoid(network.classified(other)[0] * sign).mean()
            terms["whitening"] = whitening_loss(network.final(output.maps), batch.label, masks)
            terms["whitening_restyled"] = whitening_loss(other, batch.label, masks)
        return Loss(torch.stack(list(terms.values())).sum(), {name: value.detach() for name, value in terms.items()})

    def state_dict(self) -> dict[str, Any]:
        """Base styles and masks."""
        return {
            "bases": {str(k): v for k, v in self.bases.items()},
            "masks": {str(k): v for k, v in self.masks.items()},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.bases = {int(k): v for k, v in state["bases"].items()}
        self.masks = {int(k): v for k, v in state["masks"].items()}

    def _other_style(self, maps: Tensor, label: Tensor) -> Tensor:
        """The maps in two styles of their class, one after the other."""
        for _ in range(_TWICE):
            style = maps.new_zeros(len(maps), 2, maps.shape[1])
            for kind, base in self.bases.items():
                here = (label == kind).nonzero().flatten()
                concentration = torch.full((len(base),), 1 / len(base))
                shares = torch.distributions.Dirichlet(concentration).sample((len(here),)).to(maps)
                style[here] = torch.einsum("nk,ksc->nsc", shares, base.to(maps))
            maps = restyled(maps, style)
        return maps

    def _sensitive(self, maps: Tensor, kind: int) -> Tensor:
        varies = covariances(maps).var(dim=0).triu(diagonal=1)
        mask = torch.zeros_like(varies).flatten()
        count = max(1, int(SENSITIVE[kind] * mask.numel()))
        mask[varies.flatten().topk(count).indices] = 1.0
        return mask.view_as(varies)


def _network(detector: Any) -> RestyledVit:
    return network_of(detector, RestyledVit, objective="iadg", needs="maps with styles")


entry = Iadg
