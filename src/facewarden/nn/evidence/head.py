"""The sum of evidence: terms as log-likelihood ratios, clipped, weighted, and a threshold for each set of sensors."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from facewarden.core.labels import MODALITIES
from facewarden.nn.evidence.terms import Term, layer_of

SUBSETS: tuple[tuple[str, ...], ...] = tuple(
    tuple(name for place, name in enumerate(MODALITIES) if code >> place & 1) for code in range(1, 2 ** len(MODALITIES))
)
"""Every set of sensors that can be there: seven of three."""


class EvidenceSum(nn.Module):
    """Adds up what each term says.

    With raw score s of a term, its log-likelihood ratio is `clip(slope s + offset, -limit, limit)`. The score is the
    sum with the weights of the sensors that are there, none below zero, minus the threshold of these sensors. A term
    whose sensors are not all there says nothing.

    Args:
        terms: what each reads.
        widths: of the blocks of a description.
        needs: of each block, its sensors.
    """

    def __init__(self, terms: Sequence[Term], *, widths: tuple[int, ...], needs: Sequence[tuple[str, ...]]) -> None:
        super().__init__()
        self.terms, self.widths, self.block_needs = tuple(terms), widths, tuple(needs)
        self.layers = nn.ModuleList([layer_of(term, widths) for term in terms])
        count = len(self.terms)
        self.register_buffer("slope", torch.ones(count))
        self.register_buffer("offset", torch.zeros(count))
        self.register_buffer("limit", torch.full((count,), 4.0))
        self.register_buffer("weight", torch.ones(len(SUBSETS), count))
        self.register_buffer("threshold", torch.zeros(len(SUBSETS)))

    def forward(self, description: Float[Tensor, "b f"]) -> Float[Tensor, " b"]:
        """Scores of descriptions, NaN in blocks whose sensors are absent."""
        ratios, there = self.ratios(description)
        total = (ratios * self.get_buffer("weight")[there]).sum(dim=1)
        return total - self.get_buffer("threshold")[there]

    def ratios(self, description: Float[Tensor, "b f"]) -> tuple[Float[Tensor, "b k"], Tensor]:
        """Clipped log-likelihood ratio of every term, 0 where it says nothing; and the place in `SUBSETS` of each row.

        Rows without any sensor have the place of color alone.
        """
        blocks = torch.split(description, list(self.widths), dim=1)
        known = [~block.isnan().any(dim=1) for block in blocks]
        raw, say = [], []
        for term, layer in zip(self.terms, self.layers, strict=True):
            say.append(torch.stack([known[block] for block in term.blocks]).all(dim=0))
            raw.append(layer(*(torch.nan_to_num(blocks[block]) for block in term.blocks)))
        values = torch.stack(raw, dim=1) * self.get_buffer("slope") + self.get_buffer("offset")
        limit = self.get_buffer("limit")
        clipped = torch.maximum(torch.minimum(values, limit), -limit)
        return torch.where(torch.stack(say, dim=1), clipped, torch.zeros_like(clipped)), self._subset(known)

    def _subset(self, known: Sequence[Tensor]) -> Tensor:
        code = torch.zeros_like(known[0], dtype=torch.long)
        for place, name in enumerate(MODALITIES):
            own = [known[block] for block, needs in enumerate(self.block_needs) if needs == (name,)]
            if own:
                code = code + (torch.stack(own).any(dim=0).long() << place)
        return (code - 1).clamp(min=0)
