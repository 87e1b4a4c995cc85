"""Closed-form classifiers on a description: a line, nearest neighbors, or nothing but a hash of the pixels."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from facewarden.nn.floors.describer import Describer


class LinearHead(nn.Module):
    """A line on standardized numbers; one that is absent counts as average.

    Args:
        width: numbers of a description.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("deviation", torch.ones(width))
        self.line = nn.Linear(width, 1)

    def forward(self, description: Float[Tensor, "b f"]) -> Float[Tensor, " b"]:
        """Scores of descriptions."""
        scores: Tensor = self.line(_standardized(self, description))[:, 0]
        return scores


class NeighborHead(nn.Module):
    """How much farther the nearest attacks are than the nearest bona fide captures, relative to both.

    With the mean distances to the `neighbors` nearest of each class, the score is `(attack - bona) / (attack + bona)`.

    Args:
        width: numbers of a description.
        neighbors: of each class.
    """

    def __init__(self, width: int, *, neighbors: int) -> None:
        super().__init__()
        self.neighbors = neighbors
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("deviation", torch.ones(width))
        self.register_buffer("bona_fide", torch.randn(neighbors, width))
        self.register_buffer("attack", torch.randn(neighbors, width))
        self.register_buffer("shift", torch.zeros(()))

    def forward(self, description: Float[Tensor, "b f"]) -> Float[Tensor, " b"]:
        """Scores of descriptions."""
        standard = _standardized(self, description)
        near = {name: self._distance(standard, self.get_buffer(name)) for name in ("bona_fide", "attack")}
        apart = near["attack"] - near["bona_fide"]
        return apart / (near["attack"] + near["bona_fide"]).clamp(min=1e-6) - self.get_buffer("shift")

    def _distance(self, rows: Tensor, memory: Tensor) -> Tensor:
        apart = torch.cdist(rows, memory)
        return apart.topk(min(self.neighbors, len(memory)), dim=1, largest=False).values.mean(dim=1)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *others: Any) -> None:
        for name in ("bona_fide", "attack"):  # how many rows are remembered only the file says
            if (value := state_dict.get(f"{prefix}{name}")) is not None and value.ndim == 2:
                self.register_buffer(name, torch.zeros_like(value))
        super()._load_from_state_dict(state_dict, prefix, *others)


class Described(nn.Module):
    """A description and a classifier on it.

    Args:
        describer: frozen.
        head: `LinearHead` or `NeighborHead`.
    """

    def __init__(self, describer: Describer, head: nn.Module) -> None:
        super().__init__()
        self.describer, self.head = describer, head

    def forward(
        self, pixels: Float[Tensor, "m b 3 s s"], weight: Float[Tensor, "m b"] | None = None
    ) -> Float[Tensor, " b"]:
        """Scores of pixels in [0, 1]."""
        scores: Tensor = self.head(self.describer(pixels, weight))
        return scores

    def choose_trainable(self, preset: str) -> None:
        """Let gradients reach the classifier alone, whatever a preset of the other detectors would train."""
        for name, parameter in self.named_parameters():
            parameter.requires_grad_(name.startswith("head."))


def _standardized(head: nn.Module, description: Float[Tensor, "b f"]) -> Float[Tensor, "b f"]:
    """A description by the head's mean and deviation; what is absent (NaN) becomes 0, the mean."""
    standard = (description - head.get_buffer("mean")) / head.get_buffer("deviation")
    return torch.where(torch.isnan(description), torch.zeros_like(standard), standard)


def hashed(pixels: Float[Tensor, "b 3 s s"]) -> Float[Tensor, " b"]:
    """A number of a normal distribution for each picture, decided by its 8-bit pixels alone: chance that repeats."""
    rows = (pixels.detach() * 255).round().to(torch.uint8).cpu().numpy()
    found = []
    for row in rows:
        seed = int.from_bytes(hashlib.blake2b(np.ascontiguousarray(row).tobytes(), digest_size=8).digest(), "little")
        found.append(np.random.default_rng(seed).standard_normal())
    return torch.tensor(found, dtype=pixels.dtype, device=pixels.device)
