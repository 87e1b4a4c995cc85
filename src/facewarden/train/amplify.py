"""Amplified cloaks x + k d with k drawn for every sample, and how much of a cloak is left after a purifier."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from facewarden.core.seeding import derive
from facewarden.nn.residue import octaves
from facewarden.train.pairs import PairSet
from facewarden.train.purifier_recipe import PurifierSettings

Batch = tuple[Tensor, Tensor]
_FAINTEST = 1e-6


def amplify(
    clean: Float[Tensor, "b c h w"], cloaked: Float[Tensor, "b c h w"], factor: Float[Tensor, " b"]
) -> Float[Tensor, "b c h w"]:
    """Return x + k (x' - x) inside [0, 1]: the cloaked image for k = 1, the natural one for k = 0.

    Args:
        clean: natural images x.
        cloaked: cloaked images x'.
        factor: k of every sample; a negative one gives the anti-cloak of the ablation.

    Source: Wen, "PuFace", 2024 (the idea of amplified cloaks; its published factors are not known to us).
    """
    return (clean + factor.view(-1, 1, 1, 1) * (cloaked - clean)).clamp(0.0, 1.0)


def eight_bits(images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
    """Round to what a file holds, with the gradient of not rounding."""
    stored = (images.clamp(0.0, 1.0) * 255).round() / 255
    return images + (stored - images).detach()


def remainder(
    found: Float[Tensor, "b c h w"], seen: Float[Tensor, "b c h w"], wanted: Float[Tensor, "b c h w"]
) -> Float[Tensor, ""]:
    """Mean square of the share of the change that is left, band by band of four octaves of detail.

    The share is the component of found - wanted along seen - wanted, in units of the latter: 1 before purification, 0
    where what is left has nothing to do with the change. A restoration with the least square error leaves a faded copy
    of all that it is not sure of, and a faded cloak still is a cloak; errors in other directions are noise to a
    recognizer. Samples that were not changed count as 0.

    Args:
        found: what the purifier gave.
        seen: what it was given.
        wanted: the natural images.
    """
    shares = []
    for left, was in zip(octaves(found - wanted), octaves(seen - wanted), strict=True):
        energy = was.square().sum(dim=(1, 2, 3))
        share = (left * was).sum(dim=(1, 2, 3)) / (energy + _FAINTEST)
        shares.append(share.square().mean())
    return torch.stack(shares).mean()


def draw_batch(pairs: PairSet, rows: Sequence[int], *, settings: PurifierSettings, seed: int, epoch: int) -> Batch:
    """Return what the network sees and what it should give, `(b, 3, h, w)` each.

    Every draw has an address of seed, epoch and key, so that a batch is the same in any run.

    Args:
        pairs: natural and cloaked crops.
        rows: which of them.
        settings: range of k, share of natural samples, sign, noise instead of cloaks, mirroring.
        seed, epoch: decide the draws.
    """
    draws = [np.random.default_rng(derive(seed, "amplify", epoch, pairs.key[row])) for row in rows]
    clean, cloaked = _images(pairs.clean, rows), _images(pairs.cloaked, rows)
    low, high = settings.amplify
    factors, sigmas, seeds, mirrored = [], [], [], []
    for rng in draws:
        natural = rng.random() < settings.natural
        factors.append(0.0 if natural else settings.sign * rng.uniform(low, high))
        sigmas.append(0.0 if natural else rng.uniform(0.0, settings.noise) / 255)
        mirrored.append(settings.mirror and rng.random() < 0.5)
        seeds.append(int(rng.integers(2**62)))
    if settings.noise > 0:
        noise = [torch.randn(clean.shape[1:], generator=torch.Generator().manual_seed(number)) for number in seeds]
        seen = (clean + torch.stack(noise) * torch.tensor(sigmas).view(-1, 1, 1, 1)).clamp(0.0, 1.0)
    else:
        seen = amplify(clean, cloaked, torch.tensor(factors, dtype=torch.float32))
    flip = torch.tensor(mirrored).view(-1, 1, 1, 1)
    seen, clean = (torch.where(flip, images.flip(3), images) for images in (eight_bits(seen), clean))
    return seen.detach(), clean


def _images(crops: np.ndarray, rows: Sequence[int]) -> Tensor:
    return torch.from_numpy(crops[list(rows)]).permute(0, 3, 1, 2).float() / 255
