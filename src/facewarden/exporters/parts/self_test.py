"""Known answers of a model, computed by the original, which the exported one must give whenever it is loaded."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from facewarden.core.card import KnownAnswer
from facewarden.core.roles import Detector, Recognizer
from facewarden.exporters.parts.subjects import ExportSubject, Model
from facewarden.nn.exported.settings import PRESENT

_SEEDS = (7, 8)
_TOLERANCE = 0.01


@torch.no_grad()
def known_answers(model: Model, subject: ExportSubject) -> tuple[KnownAnswer, ...]:
    """Answers to pictures of noise: two scores, one cosine, or two mean changes.

    Args:
        model: the original.
        subject: its graph.
    """
    outputs = {seed: subject.first(*_noise(subject, seed)) for seed in _SEEDS}
    if isinstance(model, Recognizer):
        one, other = (outputs[seed] for seed in _SEEDS)
        cosine = float(torch.nn.functional.cosine_similarity(one, other)[0])
        return (KnownAnswer(f"noise:{_SEEDS[0]}", cosine, _TOLERANCE, other=f"noise:{_SEEDS[1]}"),)
    if isinstance(model, Detector):
        scores = {seed: float(output.reshape(-1)[0]) for seed, output in outputs.items()}
    else:
        scores = {seed: float((outputs[seed] - _noise(subject, seed)[0]).abs().mean()) * 255 for seed in _SEEDS}
    return tuple(KnownAnswer(f"noise:{seed}", score, _TOLERANCE) for seed, score in scores.items())


def _noise(subject: ExportSubject, seed: int) -> list[Tensor]:
    """The picture of `noise:SEED` as every input of the graph, with all sensors there."""
    found = []
    for name, example in subject.inputs.items():
        if name == PRESENT:
            found.append(torch.ones_like(example))
            continue
        _, channels, height, width = example.shape
        drawn = np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)
        found.append(torch.from_numpy(drawn).permute(2, 0, 1)[None].float() / 255)
    return found
