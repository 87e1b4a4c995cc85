"""Tiny models and batches that stand in for real ones in tests: seeded, differentiable, honest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from facewarden.core.batch import FaceBatch
from facewarden.core.card import Card
from facewarden.core.labels import CHANNELS, MODALITIES, Modality
from facewarden.core.roles import Detector, PadOutput, Recognizer
from facewarden.training.crops import CropSet


def generator(seed: int) -> torch.Generator:
    """A generator with a seed."""
    return torch.Generator().manual_seed(seed)


def make_batch(
    count: int = 4, *, size: int = 12, seed: int = 0, modalities: Sequence[Modality] = MODALITIES
) -> FaceBatch:
    """Random frames with alternating labels; the first rows of every image are black, the last ones white."""
    images = {}
    for number, name in enumerate(modalities):
        image = torch.rand(count, CHANNELS[name], size, size, generator=generator(1000 * seed + number))
        image[:, :, :2], image[:, :, -2:] = 0.0, 1.0
        images[name] = image
    return FaceBatch(
        images=images,
        key=tuple(f"sample {i}" for i in range(count)),
        box=torch.tensor([[1.0, 1.0, size - 1.0, size - 1.0]]).repeat(count, 1),
        label=torch.arange(count) % 2,
        species=tuple("bona_fide" if i % 2 else "print_flat" for i in range(count)),
        subject=tuple(f"subject {i // 2}" for i in range(count)),
        domain=("lab",) * count,
        tasks={"depth": torch.rand(count, 1, 4, 4, generator=generator(seed + 5))},
    )


def crop_set(count: int = 16, *, side: int = 32) -> CropSet:
    """Random crops of all sensors, both labels, two domains."""
    draw = torch.Generator().manual_seed(0)
    images = {
        name: torch.randint(0, 256, (count, CHANNELS[name], side, side), generator=draw).to(torch.uint8)
        for name in MODALITIES
    }
    return CropSet(
        images=images, present={name: torch.ones(count, dtype=torch.bool) for name in MODALITIES},
        key=tuple(f"{i}" for i in range(count)), label=torch.arange(count) % 2, species=("",) * count,
        subject=tuple(f"{i // 2}" for i in range(count)), domain=tuple("ab"[i // 2 % 2] for i in range(count)),
    )  # fmt: skip


def frames_for(detector: Detector, count: int = 2) -> FaceBatch:
    """Frames of the size that a detector is best given, with a face box in the middle."""
    size = detector.frame_size
    coarse = make_batch(count, size=14, modalities=[name for name in MODALITIES if name in detector.modalities])
    images = {
        name: nn.functional.interpolate(image, size=size, mode="bilinear").clamp(0, 1)
        for name, image in coarse.images.items()
    }
    return replace(coarse, images=images, box=torch.tensor([[0.3, 0.25, 0.7, 0.75]]).repeat(count, 1) * size)


def with_depth(batch: FaceBatch, *, seed: int = 6) -> FaceBatch:
    """The batch with a truth of the size that `TinyDetector`'s depth head gives for frames of 12 pixels."""
    return replace(batch, tasks={"depth": torch.rand(len(batch), 1, 5, 5, generator=generator(seed))})


class TinyDetector(Detector):
    """A smooth three-modality detector with a depth head; its gradients never vanish."""

    card = Card(name="tiny", summary="A stand-in.", role="pad")
    modalities = MODALITIES
    heads = ("depth",)

    def __init__(self, seed: int = 3) -> None:
        super().__init__()
        self.weights = nn.ParameterDict()
        for number, name in enumerate(MODALITIES):
            weight = torch.randn(4, CHANNELS[name], 3, 3, generator=generator(seed + number))
            self.weights[name] = nn.Parameter(weight, requires_grad=False)

    def predict(self, batch: FaceBatch) -> PadOutput:
        score, maps = (
            torch.zeros(len(batch), device=batch.device),
            torch.zeros(len(batch), 1, 1, 1, device=batch.device),
        )
        for name, weight in self.weights.items():
            response = torch.tanh(nn.functional.conv2d(batch.images[name], weight, stride=2))
            score = score + response.mean(dim=(1, 2, 3)) * 4.0
            maps = maps + response.mean(dim=1, keepdim=True)
        return PadOutput(score=score, tasks={"depth": maps})


class TinyRecognizer(Recognizer):
    """A smooth embedder of pooled pixels."""

    card = Card(name="tiny", summary="A stand-in.", role="recognizer", match_threshold=0.25)
    dim = 8

    def __init__(self, seed: int = 4) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(8, 3 * 14 * 14, generator=generator(seed)), requires_grad=False)

    def features(self, images: Tensor) -> Tensor:
        pooled = nn.functional.avg_pool2d(images, 8).flatten(1) - 0.5
        return torch.tanh(nn.functional.linear(pooled, self.weight) / 4.0)


def make_faces(count: int = 3, *, seed: int = 0) -> Tensor:
    """Random aligned crops `(count, 3, 112, 112)` with coarse structure, so that embeddings differ."""
    coarse = torch.rand(count, 3, 7, 7, generator=generator(seed))
    return nn.functional.interpolate(coarse, size=112, mode="bilinear").clamp(0, 1)
