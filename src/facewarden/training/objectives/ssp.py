"""Cross-entropy plus single-sided prototypes: each sensor's features gather bona fide, and part attacks by domain."""

from __future__ import annotations

import torch

from facewarden.core.batch import FaceBatch
from facewarden.core.roles import Detector
from facewarden.training.objectives.parts.prototype_objective import PrototypeObjective, StreamLoss, tokens_of


class Ssp(PrototypeObjective):
    """`L_ce + factor * sum over modalities of L_ssp`, with ordinary gradients, for any detector with such features.

    The arguments are those of the base: sources, factor, keep, probability, absent. Means are those of the
    micro-batch, as in any other objective; `regrad` is the one that joins them.

    Source: Lin et al., CVPR 2024, equations 6 to 8.
    """

    def compute(self, model: Detector, batch: FaceBatch) -> StreamLoss:
        """Loss of a labeled batch.

        Raises:
            ContractError: no prototypes yet, no domains, or features that are not three class tokens.
        """
        output = model(batch)
        pair = torch.stack([torch.zeros_like(output.score), output.score], dim=1)
        return self.measure(pair, tokens_of(output.features), batch=batch)


entry = Ssp
