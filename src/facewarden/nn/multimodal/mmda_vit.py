"""MMDA, small: differential fusion of three class tokens, one refining level, learned sets of prototypes, no text."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from facewarden.core.labels import MODALITIES
from facewarden.nn.multimodal.differential import DifferentialAttention
from facewarden.nn.multimodal.experts import MixtureOfExperts
from facewarden.nn.multimodal.stream_vit import OnStreams, StreamVit
from facewarden.nn.precision import at_least_single, full_precision

_LARGEST_SCALE = 100.0


@dataclass(frozen=True, eq=False)
class MmdaOutput:
    """What the network says of a batch.

    Attributes:
        logits: `(b, levels, 2)` attack and bona fide at each of the three alignments; the last one scores.
        fused: `(b, w)` the fused vector before it is refined.
        tokens: `(b, m, w)` vectors of the modalities, projected.
        classified: `(b, 2)` logits of the classifier on the last vector.
        of_prototypes: `(2, k, 2)` its logits on the prototypes of attacks and bona fide.
        auxiliary: loss of all gates.
        shown: `(b, m)` 1 where a modality was attended to.
    """

    logits: Tensor
    fused: Tensor
    tokens: Tensor
    classified: Tensor
    of_prototypes: Tensor
    auxiliary: Tensor
    shown: Tensor


class RefineBlock(nn.Module):
    """`x + x1 + x2` with `x1 = x + A(norm x)` and `x2 = experts(norm x1)`.

    A is attention over a single token, whose map is 1: a value projection and one out.

    Args:
        width: of the tokens.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.before, self.between = nn.RMSNorm(width), nn.RMSNorm(width)
        self.attend = nn.Sequential(nn.Linear(width, width, bias=False), nn.Linear(width, width, bias=False))
        self.experts = MixtureOfExperts(width)

    def forward(self, x: Float[Tensor, "*b w"]) -> tuple[Float[Tensor, "*b w"], Float[Tensor, ""]]:
        """Refined vectors, and the auxiliary loss."""
        first = x + self.attend(self.before(x))
        second, auxiliary = self.experts(self.between(first))
        return x + first + second, auxiliary


class MmdaVit(OnStreams):
    """Three class tokens, fused against a partner, aligned with the nearest prototype of each class at three levels.

    The levels are those of a U with one step: the fused vector and the prototypes; both after the same refining block;
    and, back up, the remapped vector plus the fused one with the first prototypes.

    The partner tells what a domain looks like without a face's own part: in training the running mean of the sample's
    domain, otherwise the mean over the source domains, which is stored with the weights. So a score depends neither on
    the neighbors nor on a target.

    Source: "Purify then Guide" (MMDA), ECCV 2026, and its code. Ours: learned prototypes in the place of the text
    tower's prompts, which there are the two sets; one level of seven; the partner, there another sample of the batch.

    Args:
        streams: the transformer.
        width: w of all that follows.
        heads: of the fusion.
        prototypes: of each class.
        places: how many source domains there may be.
    """

    partner: Tensor
    by_domain: Tensor
    met: Tensor

    def __init__(self, streams: StreamVit, *, width: int, heads: int, prototypes: int, places: int) -> None:
        super().__init__(streams)
        many = len(MODALITIES)
        self.project = nn.Linear(streams.dim, width)
        self.before, self.between = nn.RMSNorm(width), nn.RMSNorm(width)
        self.fuse = DifferentialAttention(width, heads=heads)
        self.experts = MixtureOfExperts(width)
        self.flatten = nn.Linear(many * width, width)
        self.refine, self.remap = RefineBlock(width), RefineBlock(width)
        self.prototypes = nn.Parameter(torch.randn(2, prototypes, width) * width**-0.5)
        self.scale = nn.Parameter(torch.tensor(1 / 0.07).log())
        self.classify = MixtureOfExperts(width)
        self.head = nn.Linear(width, 2)
        self.register_buffer("partner", torch.zeros(many, width))
        self.register_buffer("by_domain", torch.zeros(places, many, width))
        self.register_buffer("met", torch.zeros(places))

    def forward(
        self,
        images: Float[Tensor, "m b 3 s s"] | Float[Tensor, "m b n d"],
        *,
        weight: Float[Tensor, "m b"] | None = None,
        partner: Float[Tensor, "b m w"] | None = None,
    ) -> MmdaOutput:
        """Run normalized images.

        Args:
            images: rgb, depth, infrared, each with three channels.
            weight: 0 where a modality is not attended to and is 0 in what is fused.
            partner: of each sample, by default the stored one.
        """
        tokens = at_least_single(self.streams(images, weight=weight)).transpose(0, 1)
        with full_precision(tokens):
            x = self.project(tokens)
            other = self.partner.expand(x.shape[0], -1, -1) if partner is None else partner
            shown = x.new_ones(x.shape[:2]) if weight is None else weight.T.to(x)
            fused, spent = self.fused(x, other, shown)
            refined, a = self.refine(fused)
            targets, b = self.refine(self.prototypes)
            back, c = self.remap(refined)
            last = back + fused
            levels = [(fused, self.prototypes), (refined, targets), (last, self.prototypes)]
            answer, d = self.classify(last)
            of_prototypes, e = self.classify(self.prototypes)
            return MmdaOutput(
                logits=torch.stack([self._aligned(one, these) for one, these in levels], dim=1),
                fused=fused,
                tokens=x,
                classified=self.head(answer),
                of_prototypes=self.head(of_prototypes),
                auxiliary=spent + a + b + c + d + e,
                shown=shown,
            )

    def fused(
        self, tokens: Float[Tensor, "b m w"], partner: Float[Tensor, "b m w"], shown: Float[Tensor, "b m"]
    ) -> tuple[Float[Tensor, "b w"], Float[Tensor, ""]]:
        """One vector of projected tokens and their partners, and the loss of the gates; `shown` is 0 where masked."""
        first = tokens + self.fuse(self.before(tokens), self.before(partner), shown)
        second, auxiliary = self.experts(self.between(first))
        mixed = (tokens + first + second) * shown[..., None]
        flat: Tensor = self.flatten(mixed.flatten(1))
        return flat, auxiliary

    def _aligned(self, vectors: Tensor, prototypes: Tensor) -> Tensor:
        """`scale * max over a class's prototypes of the cosine`, for both classes."""
        cosine = torch.einsum("bw,ckw->bck", F.normalize(vectors, dim=-1), F.normalize(prototypes, dim=-1))
        nearest: Tensor = self.scale.exp().clamp(max=_LARGEST_SCALE) * cosine.amax(dim=-1)
        return nearest

    @torch.no_grad()
    def note(self, tokens: Float[Tensor, "b m w"], domain: Int[Tensor, " b"], *, keep: float) -> None:
        """Move the running mean of each domain in a batch, `keep old + (1 - keep) mean`, and the mean over domains.

        Args:
            tokens: projected vectors.
            domain: position of each sample's domain.
            keep: share of the old mean; a domain that was never met takes the new one.
        """
        for place in sorted(set(domain.tolist())):
            mean = tokens[domain == place].mean(dim=0).to(self.by_domain)
            known = bool(self.met[place])
            self.by_domain[place] = keep * self.by_domain[place] + (1 - keep) * mean if known else mean
            self.met[place] = 1.0
        self.partner.copy_((self.by_domain * self.met[:, None, None]).sum(dim=0) / self.met.sum())
