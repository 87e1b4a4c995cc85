"""One linear head for each source domain, drawn together after every step; their mean scores unseen domains."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F


class DomainHeads(nn.Module):
    """Heads without bias, one a domain, of which the mean of those in use is the classifier.

    Source: projected-gradient invariant risk minimization of Yang et al., "DADM: Dual Alignment of Domain and Modality
    for Face Anti-Spoofing", ICCV 2025, as its code has it.

    Args:
        inputs: length of the features.
        classes: of each head.
        places: how many domains there may be.

    Attributes:
        used: `(places,)` 1 where a head is trained; whoever trains them sets it, and it is stored with the weights.
    """

    used: Tensor

    def __init__(self, inputs: int, *, classes: int, places: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(places, classes, inputs))
        nn.init.uniform_(self.weight, -(inputs**-0.5), inputs**-0.5)
        self.register_buffer("used", torch.zeros(places))

    @property
    def mean(self) -> Float[Tensor, "c i"]:
        """The classifier of unseen domains: the mean head, of all places while none is in use."""
        share = torch.where(self.used.any(), self.used, torch.ones_like(self.used))
        return torch.einsum("p,pci->ci", share / share.sum(), self.weight)

    def forward(self, features: Float[Tensor, "b i"]) -> Float[Tensor, "b p c"]:
        """Logits of every head."""
        return torch.einsum("bi,pci->bpc", features, self.weight)

    @torch.no_grad()
    def pull(self, *, share: float = 0.005) -> None:
        """Turn each row of each head in use a little toward that of the head which points away most.

        `w_d <- |w_d| unit((1 - share) unit(w_d) + share unit(w_far))`, all from the same old heads; lengths stay.

        Args:
            share: of the other direction.
        """
        here = self.used.nonzero().flatten()
        if len(here) < 2:
            return
        heads = self.weight[here]
        unit = F.normalize(heads, dim=-1)
        alike = torch.einsum("pci,qci->cpq", unit, unit)
        alike.diagonal(dim1=1, dim2=2).fill_(torch.inf)
        far = torch.stack([unit[index, c] for c, index in enumerate(alike.argmin(dim=-1))], dim=1)
        turned = F.normalize((1 - share) * unit + share * far, dim=-1)
        self.weight[here] = heads.norm(dim=-1, keepdim=True) * turned
