"""Gradients of several losses side by side, summed over micro-batches and processes before any rule is applied."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn
from torch import distributed as dist

from facewarden.core.errors import ContractError

Owner = int | None


class GradientSheet:
    """Flat gradients of the cross-entropy (row 0, all parameters) and of each modality's loss (owned parameters).

    Everything is a sum over samples: sums of micro-batches and of processes add up to the sum of the joined batch, and
    are divided by its sample counts in the end.

    Args:
        parameters: trainable parameters with the position of the modality that owns them, or None for shared ones.
        modalities: how many.
    """

    def __init__(self, parameters: Sequence[tuple[nn.Parameter, Owner]], *, modalities: int) -> None:
        if not parameters:
            raise ContractError("nothing is trainable", hint="model.requires_grad_(True)")
        order: list[Owner] = [*range(modalities), None]
        self.parameters = {o: [p for p, owner in parameters if owner == o] for o in order}
        self.owned = [p for o in range(modalities) for p in self.parameters[o]]
        self.every = [*self.owned, *self.parameters[None]]
        self.lengths = {o: [p.numel() for p in group] for o, group in self.parameters.items()}
        like = self.every[0].new_zeros(0)
        like = like if like.dtype == torch.float64 else like.float()
        self.entropy = like.new_zeros(sum(map(sum, self.lengths.values())))
        self.prototype = like.new_zeros(modalities, sum(p.numel() for p in self.owned))
        self.sums: Tensor | None = None

    def add(self, entropy: Tensor, prototype: Tensor, *, sums: Tensor) -> None:
        """Differentiate one micro-batch: one graph, as many passes as there are losses with a gradient.

        Args:
            entropy: cross-entropy summed over samples.
            prototype: `(m,)` each modality's loss summed over samples.
            sums: further numbers that add up over samples.
        """
        losses = [(m, loss) for m, loss in enumerate(prototype.unbind()) if bool(loss.detach() != 0)]
        for m, loss in losses:
            taken = torch.autograd.grad(loss, self.owned, retain_graph=True, allow_unused=True)
            self.prototype[m] += _flat(taken, self.owned)
        # the last pass frees the graph while it goes
        taken = torch.autograd.grad(entropy, self.every, allow_unused=True)
        self.entropy += _flat(taken, self.every)
        self.sums = sums.clone() if self.sums is None else self.sums + sums

    def join(self) -> Tensor:
        """Add up over all processes; returns the joined `sums`."""
        assert self.sums is not None
        if dist.is_available() and dist.is_initialized():
            joined = torch.cat([self.entropy, self.prototype.flatten(), self.sums.to(self.entropy)])
            dist.all_reduce(joined)
            first, second, self.sums = joined.split_with_sizes(
                [self.entropy.numel(), self.prototype.numel(), self.sums.numel()]
            )
            self.entropy, self.prototype = first, second.view_as(self.prototype)
        return self.sums

    def write(self, flat: Tensor) -> None:
        """Set the parameters' gradients."""
        for parameter, part in zip(self.every, flat.split_with_sizes([p.numel() for p in self.every]), strict=True):
            parameter.grad = part.view_as(parameter).to(parameter.dtype)


def average_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Replace gradients by their mean over all processes; nothing where there is one process.

    Args:
        parameters: alike on all processes; those without a gradient anywhere are left out.
    """
    if not (dist.is_available() and dist.is_initialized()):
        return
    held = [parameter for parameter in parameters if parameter.requires_grad]
    if not held:
        return
    # a parameter may have a gradient on some processes only; one message for all of them
    known = torch.tensor([float(p.grad is not None) for p in held], device=held[0].device)
    joined = torch.cat([known, _flat([p.grad for p in held], held).to(known)])
    dist.all_reduce(joined)
    flags, *parts = joined.split_with_sizes([len(held), *(p.numel() for p in held)])
    for parameter, flag, part in zip(held, flags.tolist(), parts, strict=True):
        if flag:
            parameter.grad = (part / dist.get_world_size()).view_as(parameter).to(parameter.dtype)


def _flat(gradients: Sequence[Tensor | None], parameters: Sequence[nn.Parameter]) -> Tensor:
    pairs = zip(gradients, parameters, strict=True)
    return torch.cat([(torch.zeros_like(p) if g is None else g).flatten() for g, p in pairs])
