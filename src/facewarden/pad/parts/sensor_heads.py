"""Answers of detectors that also classify each sensor alone."""

from __future__ import annotations

from torch import Tensor

from facewarden.core.labels import MODALITIES
from facewarden.core.roles import PadOutput
from facewarden.nn.multimodal.stream_heads import StreamScores


def with_heads(output: StreamScores) -> PadOutput:
    """The joint score, with the logit of each sensor alone as the head of its name.

    Args:
        output: of a network that classifies each modality alone.
    """
    assert output.alone is not None  # the caller's network has such heads
    tasks: dict[str, Tensor] = {m: output.alone[i][:, None] for i, m in enumerate(MODALITIES)}
    return PadOutput(score=output.score, features=output.features, tasks=tasks)
