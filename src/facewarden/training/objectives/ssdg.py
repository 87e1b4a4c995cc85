"""Single-side domain generalization: bona fide samples of all domains together, attacks of each domain apart."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from facewarden.core.batch import FaceBatch
from facewarden.core.errors import BadInputError
from facewarden.core.roles import Detector
from facewarden.nn.multimodal.ssdg_vit import SsdgVit
from facewarden.training.objectives.parts.adversary import AgainstDomains
from facewarden.training.objectives.parts.base import Loss
from facewarden.training.objectives.parts.domains import places_of
from facewarden.training.objectives.parts.networks import network_of
from facewarden.training.objectives.parts.prototype_objective import unwrap
from facewarden.training.objectives.parts.prototypes import single_sided_classes


def triplet_loss(features: Float[Tensor, "b d"], classes: Int[Tensor, " b"], *, margin: float) -> Float[Tensor, ""]:
    """Mean of `d(a, p) - d(a, n) + margin` over all triplets where it is positive; 0 where there is none.

    a and p are different samples of one class, n is of another; distances are Euclidean, with gradient 0 at 0.

    Source: Jia et al., CVPR 2020, asymmetric triplets, over all triplets of a batch as released.
    """
    square = (features[:, None] - features[None]).square().sum(dim=-1)
    apart = square > 0
    distance = torch.where(apart, torch.where(apart, square, torch.ones_like(square)).sqrt(), torch.zeros_like(square))
    same = classes[:, None] == classes[None]
    positive = same & ~torch.eye(len(same), dtype=torch.bool, device=same.device)
    value = distance[:, :, None] - distance[:, None] + margin
    value = (value * (positive[:, :, None] & ~same[:, None])).clamp(min=0)
    active = (value > 0).sum()
    return value.sum() / active.clamp(min=1)


class Ssdg(AgainstDomains):
    """`L_cls + triplet * L_triplet + adversarial * L_adversary` for the detector `ssdg`.

    The adversary tells the domains of bona fide samples apart from reversed features; the strength of the reversal
    rises from 0 to 1 over the training as `2 / (1 + exp(-10 t)) - 1`. Triplets know one class of bona fide samples and
    one of attacks for each domain.

    Source: Jia et al., "Single-Side Domain Generalization for Face Anti-Spoofing", CVPR 2020; margin and the
    rise of the reversal as released. The released code has factors of its own for each target: triplet 1 and
    adversarial 0.5 for three of the four (recipe `ssdg_released`), 2 and 0.1 for OULU-NPU alone (the defaults, and
    recipe `ssdg`).

    Args:
        sources: names of the training domains, by default those of the training data.
        triplet, adversarial: factors of the two terms.
        margin: of the triplets.
    """

    def __init__(
        self,
        *,
        sources: Sequence[str] = (),
        triplet: float = 2.0,
        adversarial: float = 0.1,
        margin: float = 0.1,
    ) -> None:
        if min(triplet, adversarial, margin) < 0:
            raise BadInputError(
                f"ssdg: triplet {triplet}, adversarial {adversarial}, margin {margin}", hint="none below zero"
            )
        super().__init__(sources=sources)
        self.triplet, self.adversarial, self.margin = triplet, adversarial, margin

    def compute(self, model: Detector, batch: FaceBatch) -> Loss:
        """Loss of a labeled batch.

        Raises:
            BadInputError: samples without a domain, or more domains than the adversary has places.
            ContractError: another detector than `ssdg`.
        """
        network = network_of(unwrap(model), SsdgVit, objective="ssdg", needs="an adversary")
        where = places_of(batch, sources=self.sources, objective="ssdg", room=network.domains, setting="domains")
        self.rise(network)
        output = model(batch)
        assert batch.label is not None  # checked by the caller
        assert output.features is not None
        assert batch.domain is not None  # `places_of` has checked it
        classes = single_sided_classes(batch.label, batch.domain, sources=self.sources)
        sign = batch.label.to(output.score) * 2 - 1
        classified = -F.logsigmoid(output.score * sign).mean()
        triplets = triplet_loss(output.features, classes, margin=self.margin)
        real = batch.label == 1
        adversary = torch.zeros_like(classified)
        if bool(real.any()):
            told = output.tasks["domain"][:, : len(self.sources)]  # places beyond the sources mean nothing
            adversary = F.cross_entropy(told[real], where[real])
        parts = {"cross_entropy": classified, "triplet": triplets, "adversary": adversary}
        total = classified + self.triplet * triplets + self.adversarial * adversary
        return Loss(total, {name: value.detach() for name, value in parts.items()})


entry = Ssdg
