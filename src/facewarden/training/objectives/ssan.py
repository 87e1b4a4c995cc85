"""Shuffled style assembly: the class follows the style that a content is shown in, content hides the domain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from facewarden.core.batch import FaceBatch
from facewarden.core.errors import BadInputError
from facewarden.core.roles import Detector
from facewarden.nn.multimodal.assembly import AssemblyVit
from facewarden.training.objectives.parts.adversary import AgainstDomains
from facewarden.training.objectives.parts.base import Loss
from facewarden.training.objectives.parts.domains import places_of
from facewarden.training.objectives.parts.networks import network_of
from facewarden.training.objectives.parts.prototype_objective import unwrap


def contrast_loss(
    own: Float[Tensor, "b w"], shuffled: Float[Tensor, "b w"], *, label: Int[Tensor, " b"], other: Int[Tensor, " b"]
) -> Float[Tensor, ""]:
    """Mean of `-cos(own, shuffled)` where the style is of the content's class, of `+cos` where it is not.

    No gradient flows into the anchors `own`.

    Source: Wang et al., SSAN, CVPR 2022, the contrastive loss of stylized features.
    """
    sign = torch.where(label == other, -1.0, 1.0)
    return (sign * F.cosine_similarity(own.detach(), shuffled, dim=-1)).mean()


class Ssan(AgainstDomains):
    """`L_ce + L_contrast + L_adversary` for the detector `ssan`.

    Every content is assembled with its own style and with that of a sample drawn from the batch. The adversary tells
    the domains of all samples from reversed content; the strength of the reversal rises from 0 to 1 as
    `2 / (1 + exp(-10 t)) - 1`. The released code gives the reversal as a layer's `backward`, which torch never calls,
    so that there the adversary's gradient is not reversed.

    Source: Wang et al., "Domain Generalization via Shuffled Style Assembly for Face Anti-Spoofing", CVPR 2022; all
    weights 1 as released.

    Args:
        sources: names of the training domains, by default those of the training data.
        contrast, adversarial: factors of the two terms.
    """

    def __init__(self, *, sources: Sequence[str] = (), contrast: float = 1.0, adversarial: float = 1.0) -> None:
        if min(contrast, adversarial) < 0:
            raise BadInputError(f"ssan: contrast {contrast}, adversarial {adversarial}", hint="none below zero")
        super().__init__(sources=sources)
        self.contrast, self.adversarial = contrast, adversarial

    def compute(self, model: Detector, batch: FaceBatch) -> Loss:
        """Loss of a labeled batch.

        Raises:
            BadInputError: samples without a domain, or of one that is no source, or more domains than places.
            ContractError: another detector than `ssan`.
        """
        inner: Any = unwrap(model)
        network = network_of(inner, AssemblyVit, objective="ssan", needs="content and style")
        where = places_of(batch, sources=self.sources, objective="ssan", room=network.domains, setting="domains")
        self.rise(network)
        output = inner.parts(batch)
        assert batch.label is not None  # checked by the caller
        order = torch.randperm(len(batch), device=output.style.device)
        shuffled = network.assembled(output.content, output.style[order])
        sign = batch.label.to(output.score) * 2 - 1
        classified = -F.logsigmoid(output.score * sign).mean()
        contrast = contrast_loss(output.features, shuffled, label=batch.label, other=batch.label[order])
        adversary = F.cross_entropy(output.domain[:, : len(self.sources)], where)
        parts = {"cross_entropy": classified, "contrast": contrast, "adversary": adversary}
        total = classified + self.contrast * contrast + self.adversarial * adversary
        return Loss(total, {name: value.detach() for name, value in parts.items()})


entry = Ssan
