"""Prototypes of single-sided domain classes: where each class lies in each modality's feature space."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch import distributed as dist

from facewarden.core.errors import BadInputError, ContractError
from facewarden.nn.precision import at_least_single
from facewarden.training.objectives.parts.domains import check_sources

Absent = Literal["left_out", "zero"]


def single_sided_classes(
    label: Int[Tensor, " b"], domain: Sequence[str], *, sources: Sequence[str]
) -> Int[Tensor, " b"]:
    """Class of each sample: 0 for bona fide of any domain, 1 + position of its domain for an attack.

    Source: Lin et al., CVPR 2024, section 3.3; the order of the attack classes is ours and does not matter.

    Args:
        label: 1 bona fide, 0 attack.
        domain: of each sample.
        sources: the training domains.

    Raises:
        BadInputError: a sample comes from a domain that is no source.
    """
    check_sources(domain, sources=sources)
    place = {name: 1 + position for position, name in enumerate(sources)}
    attack = torch.tensor([place[name] for name in domain], dtype=torch.int64, device=label.device)
    return torch.where(label == 1, torch.zeros_like(attack), attack)


def prototype_losses(
    tokens: Float[Tensor, "m b d"],
    prototypes: Float[Tensor, "m k d"],
    *,
    classes: Int[Tensor, " b"],
    seen: Bool[Tensor, "m k"],
) -> Float[Tensor, "m b"]:
    """Cross-entropy of each sample over its negative distances to the prototypes that exist.

    `-log( exp(-|c - p_y|) / sum_k exp(-|c - p_k|) )` with the unsquared Euclidean distance, whose gradient at distance
    0 is taken as 0. Classes that were never seen are left out of the sum (the released code keeps their zero vectors
    in it); a sample whose own class was never seen costs 0.

    Source: Lin et al., CVPR 2024, equations 6 and 7.
    """
    tokens = at_least_single(tokens)
    difference = tokens[:, :, None] - prototypes.to(tokens)[:, None]
    square = difference.square().sum(dim=-1)
    apart = square > 0
    distance = torch.where(apart, torch.where(apart, square, torch.ones_like(square)).sqrt(), torch.zeros_like(square))
    logits = (-distance).masked_fill(~seen[:, None], -torch.inf)
    own = classes.expand(len(tokens), -1)
    counted = seen.gather(1, own)
    safe = torch.where(counted[..., None], logits, torch.zeros_like(logits))  # a row of -inf has no gradient
    losses = torch.nn.functional.cross_entropy(safe.flatten(0, 1), own.flatten(), reduction="none")
    return torch.where(counted, losses.view_as(own), torch.zeros_like(losses.view_as(own)))


class Prototypes:
    """Class means of the class tokens, collected over part of an epoch and blended into the old ones.

    Args:
        keep: share of the old prototype in a refreshed one.
        absent: what a class without samples is. `left_out`: it has no prototype until it has samples, and then keeps
            the last one. `zero`, as released: its fresh mean is the zero vector, which is blended in like any other
            and stays in the sum over classes; the held-out set's class, which never has samples, is one more of them.

    Attributes:
        values: `(m, k, d)`, None before the first refresh.
        seen: `(m, k)` bool, which of them were ever measured.
    """

    def __init__(self, *, keep: float = 0.2, absent: Absent = "left_out") -> None:
        if not 0 <= keep < 1 or absent not in get_args(Absent):
            raise BadInputError(
                f"keep {keep}, absent {absent!r}",
                hint=f"a share of the old prototypes, 0 <= keep < 1; absent: {', '.join(get_args(Absent))}",
            )
        self.keep = keep
        self.absent: Absent = absent
        self.values: Tensor | None = None
        self.seen: Tensor | None = None
        self._sums: Tensor | None = None
        self._counts: Tensor | None = None

    @torch.no_grad()
    def collect(
        self,
        tokens: Float[Tensor, "m b d"],
        *,
        classes: Int[Tensor, " b"],
        present: Bool[Tensor, "m b"],
        count: int,
    ) -> None:
        """Add class tokens to the means of the coming refresh.

        Args:
            tokens: of a batch.
            classes: of its samples.
            present: samples without a modality do not count in its mean.
            count: number of classes that samples can have; k is one more where absent classes are `zero`.
        """
        count += self.absent == "zero"
        if self._sums is None or self._counts is None:
            self._sums = torch.zeros(len(tokens), count, tokens.shape[-1], dtype=torch.float64, device=tokens.device)
            self._counts = torch.zeros(len(tokens), count, dtype=torch.float64, device=tokens.device)
        member = torch.nn.functional.one_hot(classes, count).double() * present.double()[..., None]
        self._sums += member.transpose(1, 2) @ tokens.double()
        self._counts += member.sum(dim=1)

    def refresh(self) -> None:
        """Turn what was collected, on all processes, into prototypes: `(1 - keep) fresh + keep old`.

        The first measurement of a class is taken as it is; a class that did not occur keeps its old prototype. Class
        means need every process's samples, so sums and counts are added over all of them.

        Raises:
            ContractError: nothing was collected.
        """
        if self._sums is None or self._counts is None:
            raise ContractError("no class tokens were collected for the prototypes", hint="give at least one batch")
        sums, counts = self._sums, self._counts
        if dist.is_available() and dist.is_initialized():
            dist.all_reduce(sums)
            dist.all_reduce(counts)
        found = counts > 0 if self.absent == "left_out" else torch.ones_like(counts, dtype=torch.bool)
        fresh = (sums / counts.clamp(min=1)[..., None]).float()
        if self.values is None or self.seen is None:
            self.values, self.seen = fresh, found
        else:
            old, seen = self.values.to(fresh), self.seen.to(fresh.device)  # a checkpoint's are on the CPU
            blended = torch.where(seen[..., None], (1 - self.keep) * fresh + self.keep * old, fresh)
            self.values = torch.where(found[..., None], blended, old)
            self.seen = seen | found
        self._sums = self._counts = None

    def state_dict(self) -> dict[str, Tensor]:
        """What a checkpoint must hold."""
        if self.values is None or self.seen is None:
            return {}
        return {"values": self.values, "seen": self.seen}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from a checkpoint."""
        self.values, self.seen = state.get("values"), state.get("seen")
