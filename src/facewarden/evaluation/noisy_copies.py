"""Copies of a sample with Gaussian noise, and what a model says of each: the raw material of every certificate."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from facewarden.core.batch import FaceBatch
from facewarden.core.compute.finite import scores_of, vectors_of
from facewarden.core.labels import Modality
from facewarden.core.roles import Detector, Recognizer
from facewarden.core.seeding import derive


def noise(shape: Sequence[int], *, sigma: float, seed: int, address: Sequence[str | int]) -> Tensor:
    """Gaussian noise that depends on its address alone: not on batches, order or other samples.

    Args:
        shape: of one image.
        sigma: standard deviation, in units of the image ([0, 1] a channel).
        seed: of the run.
        address: names of the sample, of what the copy is for, its number and its sensor.
    """
    drawn = torch.Generator().manual_seed(derive(seed, "noisy copy", *address))
    return sigma * torch.randn(tuple(shape), generator=drawn)


def noisy_scores(
    detector: Detector,
    sample: FaceBatch,
    *,
    copies: int,
    sigma: float,
    modalities: Sequence[Modality],
    purpose: str,
    seed: int,
    batch: int = 32,
) -> Float[np.ndarray, " copies"]:
    """Score noisy copies of one capture.

    Values are clipped to [0, 1] after the noise was added, as every model needs. The clipped model is a model like any
    other, so that nothing of the theory changes.

    Args:
        detector: that scores.
        sample: a batch of one.
        copies: how many.
        sigma: standard deviation of the noise.
        modalities: sensors whose pixels have noise: those that an attacker reaches.
        purpose: what the copies are for; others for another purpose.
        seed: of the noise.
        batch: copies scored at once.

    Returns:
        Scores; NaN where the detector gave no number.
    """

    def changed(numbers: range) -> Tensor:
        images = dict(sample.images)
        for name in sample.images:
            image = sample.images[name][0].cpu()
            drawn = [
                noise(image.shape, sigma=sigma, seed=seed, address=(sample.key[0], purpose, i, name))
                if name in modalities
                else torch.zeros(())
                for i in numbers
            ]
            images[name] = torch.stack([(image + one).clamp(0, 1) for one in drawn])
        count = len(numbers)
        many = FaceBatch(
            images=images,
            key=tuple(f"{sample.key[0]}, copy {i}" for i in numbers),
            present={name: here.expand(count).clone() for name, here in sample.present.items()},
            box=None if sample.box is None else sample.box.expand(count, -1).clone(),
        )
        return scores_of(detector, many)

    return torch.cat(list(_groups(changed, copies, batch))).numpy()


def noisy_vectors(
    recognizer: Recognizer, image: Float[Tensor, "3 112 112"], *, key: str, copies: int, sigma: float, purpose: str,
    seed: int, batch: int = 32,
) -> Float[np.ndarray, "copies d"]:  # fmt: skip
    """Embed noisy copies of one aligned face; arguments as in `noisy_scores`.

    Returns:
        Unit vectors; NaN where the recognizer gave none.
    """

    def changed(numbers: range) -> Tensor:
        drawn = [noise(image.shape, sigma=sigma, seed=seed, address=(key, purpose, i, "rgb")) for i in numbers]
        return vectors_of(recognizer, torch.stack([(image + one).clamp(0, 1) for one in drawn]))

    return torch.cat(list(_groups(changed, copies, batch))).numpy()


def _groups(changed: Callable[[range], Tensor], copies: int, batch: int) -> Iterator[Tensor]:
    with torch.inference_mode():
        for start in range(0, copies, batch):
            yield changed(range(start, min(start + batch, copies)))
