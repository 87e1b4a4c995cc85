"""A two-logit network and the objectives that attack libraries climb on it, for comparisons with those libraries."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from facewarden.core.objective import Images, Objective


class TwoClasses(Objective):
    """Two-class cross-entropy of a network on rgb, the loss that the libraries climb.

    With a target (the other class) it is the negative cross-entropy of the target, their targeted loss.
    """

    goal = "evade"

    def __init__(self, network: nn.Module, images: Tensor, labels: Tensor, *, targeted: bool = False) -> None:
        self.network, self.labels, self.targeted = network, labels, targeted
        self.clean = {"rgb": images}
        self.keys = tuple(f"sample {i}" for i in range(len(images)))

    def loss(self, images: Images) -> Tensor:
        wanted = 1 - self.labels if self.targeted else self.labels
        loss = nn.functional.cross_entropy(self.network(images["rgb"]), wanted, reduction="none")
        return -loss if self.targeted else loss

    def margin(self, images: Images) -> Tensor:
        logits, rows = self.network(images["rgb"]), torch.arange(len(self.labels))
        return logits[rows, 1 - self.labels] - logits[rows, self.labels]

    def success(self, images: Images) -> Tensor:
        return self.network(images["rgb"]).argmax(dim=1) != self.labels


class _Clamped(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, images: Tensor) -> Tensor:
        return images.clamp(0, 1)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> Tensor:
        return gradients[0]


class InRange(nn.Module):
    """A network that sees pixels clamped to [0, 1] and passes gradients as if they were not.

    Libraries let the points at which they read gradients leave the pixel range; our models refuse such pixels, so our
    attacks clamp those points. With this around the network the libraries do the same.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.network(_Clamped.apply(images))
        return logits


def make_two_classes(count: int = 8, *, size: int = 24, seed: int = 7) -> TwoClasses:
    """A small random network with images that it classifies correctly by definition.

    The default count is a power of two: the libraries' mean over the batch then scales gradients without rounding.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        side = (size - 3) // 2 + 1
        network = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 3, stride=2), nn.Tanh(), nn.Flatten(),
            nn.Linear(8 * side * side, 2),
        ).eval()  # fmt: skip
        images = torch.rand(count, 3, size, size)
        images[0, :, :6] = 0.0  # black and white areas, where clamping to the pixel range acts
        images[-1, :, :6] = 1.0
        return TwoClasses(network, images, network(images).argmax(dim=1))
