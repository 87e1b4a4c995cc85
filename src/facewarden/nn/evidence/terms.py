"""Terms of evidence as layers: each reads some blocks of a description and gives one number, higher for bona fide."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

TermKind = Literal["line", "expected", "typical"]


WORST = 0.05
"""Share of the places of a face whose distance counts: a partial attack covers few of them."""


@dataclass(frozen=True)
class Term:
    """What a term reads.

    Attributes:
        name: in cards and logs.
        kind: `line` on blocks side by side; `expected`, the second block predicted from the first; `typical`, a block
            of places.
        blocks: of the description.
        needs: sensors of these blocks.
        places: of a typical term, how many places its block has.
    """

    name: str
    kind: TermKind
    blocks: tuple[int, ...]
    needs: tuple[str, ...]
    places: int = 0


class Line(nn.Module):
    """A line on standardized numbers."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("deviation", torch.ones(width))
        self.register_buffer("weight", torch.randn(width) / width**0.5)
        self.register_buffer("intercept", torch.zeros(()))

    def forward(self, *blocks: Float[Tensor, "b _"]) -> Float[Tensor, " b"]:
        """Score of blocks without NaN, side by side."""
        block = torch.cat(blocks, dim=1)
        standard = (block - self.get_buffer("mean")) / self.get_buffer("deviation")
        return standard @ self.get_buffer("weight") + self.get_buffer("intercept")


class Expected(nn.Module):
    """Minus the logarithm of the mean square of what one sensor's tokens do not tell of another's."""

    def __init__(self, source: int, target: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(source))
        self.register_buffer("deviation", torch.ones(source))
        self.register_buffer("line", torch.zeros(source, target))
        self.register_buffer("level", torch.zeros(target))
        self.register_buffer("whitening", torch.eye(target))

    def forward(self, source: Float[Tensor, "b p"], target: Float[Tensor, "b q"]) -> Float[Tensor, " b"]:
        """Score of two blocks without NaN."""
        standard = (source - self.get_buffer("mean")) / self.get_buffer("deviation")
        rest = (target - self.get_buffer("level") - standard @ self.get_buffer("line")) @ self.get_buffer("whitening")
        return -(rest.square().mean(dim=1) + 1e-9).log()


class Typical(nn.Module):
    """Minus the logarithm of the mean distance of the least typical twentieth of the places of a face."""

    def __init__(self, width: int, *, places: int) -> None:
        super().__init__()
        self.places = places
        self.register_buffer("mean", torch.zeros(places, width // places))
        self.register_buffer("whitening", torch.eye(width // places))

    def forward(self, block: Float[Tensor, "b f"]) -> Float[Tensor, " b"]:
        """Score of a block without NaN."""
        tokens = block.view(block.shape[0], self.places, -1)
        apart = ((tokens - self.get_buffer("mean")) @ self.get_buffer("whitening")).square().mean(dim=2)
        worst = apart.topk(max(1, round(WORST * self.places)), dim=1).values.mean(dim=1)
        return -(worst + 1e-9).log()


def layer_of(term: Term, widths: tuple[int, ...]) -> nn.Module:
    """The layer of a term, not fitted.

    Args:
        term: what it reads.
        widths: of every block of the description.
    """
    sizes = [widths[block] for block in term.blocks]
    if term.kind == "expected":
        return Expected(*sizes)
    return Typical(sizes[0], places=term.places) if term.kind == "typical" else Line(sum(sizes))


def write(module: nn.Module, **values: Any) -> None:
    """Write arrays into the buffers of a module, in the buffers' own type.

    Args:
        module: of which the buffers are.
        values: by the name of the buffer.
    """
    with torch.no_grad():
        for name, value in values.items():
            module.get_buffer(name).copy_(torch.from_numpy(np.asarray(value)))
