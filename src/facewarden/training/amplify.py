"""Amplified cloaks x + k d with a random k per sample, and the residual cloak after a purifier."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor
from torch.nn import functional

from facewarden.core.seeding import derive
from facewarden.nn.residue import octaves
from facewarden.training.pairs import PairSet
from facewarden.training.purifier_recipe import PurifierSettings

_FAINTEST = 1e-9
_HARDLY_CHANGED = 0.1  # of the mean change of an image: regions with less count less


class Batch(NamedTuple):
    """What a step learns from, `(b, 3, h, w)` each.

    Attributes:
        seen: what the network is given.
        wanted: what it should give.
        change: what the cloak (or the noise) was before the image was stored.
    """

    seen: Tensor
    wanted: Tensor
    change: Tensor


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


def residual_cloak(
    left: Float[Tensor, "b c h w"], change: Float[Tensor, "b c h w"], *, grid: int = 4
) -> Float[Tensor, ""]:
    """Mean square of the share of the change that is left, octave by octave and region by region.

    The share is the component of what is left along the change, in units of the latter: 1 before purification, 0 where
    what is left has nothing to do with the change. A restoration with the least square error leaves a faded copy of all
    that it is not sure of, and a faded cloak still is a cloak; errors in other directions are noise to a recognizer.
    Samples that were not changed count as 0.

    Args:
        left: what the purifier gave, less the natural images.
        change: what the cloak had added. Not the difference of two images that were stored as JPEG: that one holds
            the noise of both, which nobody can take out, and to make its share zero the cloak would have to be
            turned round.
        grid: regions along each side, so that too much here does not make up for too little there.
    """
    shares = []
    for rest, was in zip(octaves(left), octaves(change), strict=True):
        energy = functional.adaptive_avg_pool2d(was.square().sum(dim=1, keepdim=True), grid)
        along = functional.adaptive_avg_pool2d((rest * was).sum(dim=1, keepdim=True), grid)
        floor = _HARDLY_CHANGED * energy.mean(dim=(2, 3), keepdim=True) + _FAINTEST
        shares.append((along / (energy + floor)).square().mean())
    return torch.stack(shares).mean()


def draw_batch(pairs: PairSet, rows: Sequence[int], *, settings: PurifierSettings, seed: int, epoch: int) -> Batch:
    """Return what the network sees, what it should give and what the cloak was.

    Every draw has an address of seed, epoch and key, so that a batch is the same in any run. What happens to photos
    before they are cloaked (another camera) and after it (aligned again, stored as JPEG) happens to the natural image
    as well: the network takes out cloaks and nothing else.

    Args:
        pairs: natural and cloaked crops.
        rows: which of them.
        settings: range of k, share of natural samples, sign, noise instead of cloaks, what else is changed how often.
        seed, epoch: decide the draws.
    """
    clean, cloaked = _images(pairs.clean, rows), _images(pairs.cloaked, rows)
    drawn = []
    for number, row in enumerate(rows):
        rng = np.random.default_rng(derive(seed, "amplify", epoch, pairs.key[row]))
        drawn.append(_changed(clean[number : number + 1], cloaked[number : number + 1], rng, settings))
    return Batch(*(torch.cat(part) for part in zip(*drawn, strict=True)))


def _changed(clean: Tensor, cloaked: Tensor, rng: np.random.Generator, settings: PurifierSettings) -> Batch:
    natural = rng.random() < settings.natural
    if rng.random() < settings.varied:
        other = eight_bits(_another_camera(clean, rng))
        clean, cloaked = other, other + (cloaked - clean)
    if settings.noise > 0:
        sigma = 0.0 if natural else float(rng.uniform(0.0, settings.noise)) / 255
        seen = (clean + sigma * torch.from_numpy(rng.standard_normal(clean.shape, dtype=np.float32))).clamp(0.0, 1.0)
    else:
        factor = 0.0 if natural else settings.sign * float(rng.uniform(*settings.amplify))
        seen = amplify(clean, cloaked, torch.tensor([factor]))
    both = eight_bits(torch.cat([seen, clean]))
    if rng.random() < settings.warped:
        both = eight_bits(_warped(both, rng))
    change = both[:1] - both[1:]
    if rng.random() < settings.jpeg_share:
        low, high = settings.quality
        both = _as_jpeg(both, quality=int(rng.integers(low, high + 1)))
    batch = Batch(both[:1], both[1:], change)
    return Batch(*(part.flip(3) for part in batch)) if settings.mirror and rng.random() < 0.5 else batch


def _another_camera(images: Tensor, rng: np.random.Generator) -> Tensor:
    """Sharpen or soften, expose and add sensor noise: natural faces of other sets are not as soft as those at hand."""
    soft = functional.avg_pool2d(functional.pad(images, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    sharp = images + float(rng.uniform(-0.6, 1.5)) * (images - soft)
    exposed = sharp.clamp(0.0, 1.0) ** float(np.exp(rng.normal() * 0.2)) * float(rng.uniform(0.85, 1.15))
    grain = torch.from_numpy(rng.standard_normal(images.shape, dtype=np.float32)) * float(rng.uniform(0.0, 3.0)) / 255
    return (exposed + grain * float(rng.random() < 0.5)).clamp(0.0, 1.0)


def _warped(images: Tensor, rng: np.random.Generator) -> Tensor:
    """Move all images alike by a few pixels and degrees, as another alignment would."""
    angle, scale = np.deg2rad(rng.uniform(-4, 4)), 1 + rng.uniform(-0.05, 0.05)
    shift = rng.uniform(-3, 3, 2) / images.shape[-1]
    cos, sin = np.cos(angle) * scale, np.sin(angle) * scale
    place = torch.tensor([[[cos, -sin, shift[0]], [sin, cos, shift[1]]]], dtype=torch.float32)
    grid = functional.affine_grid(place.repeat(len(images), 1, 1), list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, padding_mode="border", align_corners=False)


def _as_jpeg(images: Tensor, *, quality: int) -> Tensor:
    """Write and read every image as JPEG."""
    found = []
    for image in images:
        pixels = (image * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, format="JPEG", quality=quality)
        with Image.open(buffer) as stored:
            found.append(np.asarray(stored))
    return _images(np.stack(found), range(len(found)))


def _images(crops: np.ndarray, rows: Sequence[int]) -> Tensor:
    return torch.from_numpy(crops[list(rows)]).permute(0, 3, 1, 2).float() / 255
