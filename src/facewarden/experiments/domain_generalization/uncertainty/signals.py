"""What may tell an unreliable depth patch: MMDG's U, and alternatives that cost less or learn it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from facewarden.core.batch import FaceBatch
from facewarden.core.seeding import derive
from facewarden.experiments.domain_generalization.uncertainty.truth import patch_means
from facewarden.nn.multimodal.mmdg_vit import StreamOutput
from facewarden.pad.mmdg import Mmdg

Signal = NDArray[np.float64]
COLOR, DEPTH = 0, 1
TITLES = {
    "u_mean": "1 - U, mean over blocks",
    "u_last": "1 - U, last block",
    "u_first": "1 - U, first block with adapters",
    "holes": "share of pixels at 0 or 255",
    "residual": "deviation from the plane of the patch",
    "prediction": "distance from what color lets expect",
    "variance": "learned variance of that",
}
"""Signal -> what tables call it; each is larger where a patch should be less reliable."""

_STEPS, _RATE, _WIDTH = 300, 0.01, 32


def uncertainty_signals(output: StreamOutput, sensor: int) -> dict[str, Signal]:
    """`1 - U` of the patches of one sensor's stream, `(b, patches)`: U multiplies the logits of what it is sure of."""
    assert output.maps is not None  # asked for
    by_block = 1 - output.maps[sensor][:, :, 1:].double()
    found = {"u_mean": by_block.mean(dim=1), "u_last": by_block[:, -1], "u_first": by_block[:, 0]}
    return {name: value.numpy() for name, value in found.items()}


def picture_signals(depth: Tensor, side: int) -> dict[str, Signal]:
    """What the picture of depth itself tells of each patch.

    Args:
        depth: `(b, 1, s, s)` in [0, 1].
        side: patches a side.
    """
    hole = ((depth < 0.5 / 255) | (depth > 254.5 / 255)).to(depth.dtype)
    return {"holes": patch_means(hole, side).double().numpy(), "residual": _plane_residual(depth, side)}


@dataclass(frozen=True, eq=False)
class LearnedVariance:
    """Depth as color lets expect it, with a variance: one hidden layer on color's patch tokens and their place.

    Trained on the sources by the Gaussian likelihood. It sees no true error.

    Attributes:
        network: gives mean and logarithm of the variance.
    """

    network: nn.Module

    @classmethod
    def fit(cls, tokens: Tensor, depth: Tensor, *, seed: int) -> LearnedVariance:
        """Train the network on captures of the sources.

        Args:
            tokens: `(n, patches, d)` of color.
            depth: `(n, patches)` means of the depth picture.
            seed: of the fresh layers.
        """
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive(seed, "learned variance"))
            inputs = tokens.shape[2] + tokens.shape[1]
            network = nn.Sequential(nn.Linear(inputs, _WIDTH), nn.GELU(), nn.Linear(_WIDTH, 2))
        optimizer = torch.optim.Adam(network.parameters(), lr=_RATE)
        rows, targets = _placed(tokens), depth.flatten()
        for _ in range(_STEPS):
            mean, log = network(rows).unbind(dim=1)
            loss = functional.gaussian_nll_loss(mean, targets, log.clamp(-10, 4).exp())
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        return cls(network.eval().requires_grad_(False))

    def signals(self, tokens: Tensor, depth: Tensor) -> dict[str, Signal]:
        """Distance from the mean, and the variance, of each patch; arguments as of `fit`."""
        mean, log = self.network(_placed(tokens)).unbind(dim=1)
        away = (mean.view_as(depth) - depth).abs()
        return {"prediction": away.double().numpy(), "variance": log.view_as(depth).double().numpy()}


def color_tokens(model: Mmdg, batches: Iterator[FaceBatch]) -> tuple[Tensor, Tensor]:
    """Patch tokens of the frozen trunk's lower blocks for color, and means of the depth picture's patches."""
    rows, depths = [], []
    for batch in batches:
        images, _ = model.prepare(batch)
        stream = model.network.below(images).view(3, len(batch), -1, model.network.dim)[COLOR, :, 1:]
        rows.append(stream)
        depths.append(patch_means(batch.images["depth"], round(stream.shape[1] ** 0.5)))
    return torch.cat(rows), torch.cat(depths)


def area(signal: NDArray[np.float64], positive: NDArray[np.bool_]) -> float | None:
    """AUROC of a signal for some patches of one capture; None where a class has fewer than three."""
    known = np.isfinite(signal)
    one, other = signal[known & positive], signal[known & ~positive]
    if min(one.size, other.size) < 3:
        return None
    wins = (one[:, None] > other).mean() + 0.5 * (one[:, None] == other).mean()
    return float(wins)


def over_captures(
    signal: Signal, positive: NDArray[np.bool_], *, known: NDArray[np.bool_] | None = None
) -> list[float | None]:
    """The area of every capture, rows being captures; `known` says which patches count."""
    counted = np.ones_like(positive) if known is None else known
    return [area(one[k], p[k]) for one, p, k in zip(signal, positive, counted, strict=True)]


def _placed(tokens: Tensor) -> Tensor:
    count = tokens.shape[1]
    place = torch.eye(count).expand(len(tokens), -1, -1)
    return torch.cat([tokens, place], dim=2).flatten(0, 1)


def _plane_residual(depth: Tensor, side: int) -> Signal:
    """Standard deviation of each patch's pixels about their own plane."""
    size = depth.shape[-1] // side * side
    patches = depth[..., :size, :size].unfold(2, size // side, size // side).unfold(3, size // side, size // side)
    pixels = patches.reshape(len(depth), side * side, -1).double()
    rows, columns = torch.meshgrid(torch.arange(size // side), torch.arange(size // side), indexing="ij")
    basis = torch.stack([torch.ones_like(rows), rows, columns], dim=-1).reshape(-1, 3).double()
    fitted = pixels @ (basis @ torch.linalg.pinv(basis)).T
    found: Signal = (pixels - fitted).std(dim=2, unbiased=False).numpy()
    return found
