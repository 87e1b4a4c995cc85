"""Truths of every head that follow from the class alone, for tests that attack or train heads."""

from __future__ import annotations

import torch
from torch import Tensor

from facewarden.core.tasks import ATTRIBUTES, UNKNOWN


def class_targets(label: Tensor, *, size: int = 14) -> dict[str, Tensor]:
    """What each head is to say of a class as such, where nothing else is known of the samples.

    A bona fide presentation has type 0, illumination 0 and no reflection; an attack has no attributes and no depth. The
    rest is unknown (-1 or NaN).

    Args:
        label: `(b,)`, 1 = bona fide.
        size: side of the maps.
    """
    live = label == 1
    code = torch.where(live, 0, UNKNOWN)
    nothing = torch.full((len(label), 1, size, size), torch.nan, device=label.device)
    return {
        "live": label,
        "attributes": torch.where(live, torch.nan, 0.0)[:, None].repeat(1, len(ATTRIBUTES)),
        "spoof_type": code,
        "illumination": code.clone(),
        "depth_map": torch.where(live[:, None, None, None], nothing, torch.zeros_like(nothing)),
        "reflection_map": torch.where(live[:, None, None, None], torch.zeros_like(nothing), nothing).repeat(1, 3, 1, 1),
    }
