"""Offset and gamma of the three copies in which a model takes a gray sensor, drawn where the batch was changed."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

PHOTOMETRY = "photometry/"
"""Before a sensor's name: the task of a batch that holds what `recolor_copies` applies to that sensor."""


def recolor_copies(
    images: Float[Tensor, "b 3 h w"], change: Float[Tensor, "b 4"], *, holes: bool
) -> Float[Tensor, "b 3 h w"]:
    """Each copy plus its own offset, then one exponent for the three: `clip(x + o_c)^gamma`.

    Source: the data pipeline of MMDG's lineage, where gray images are three equal channels before they are changed.

    Args:
        images: in [0, 1], the copies.
        change: three offsets and the exponent of each sample.
        holes: zeros are holes: they stay, and nothing else becomes one.
    """
    offset, gamma = change[:, :3, None, None].to(images), change[:, 3, None, None, None].to(images)
    changed = (images + offset).clamp(0, 1) ** gamma
    if not holes:
        return changed
    return torch.where(images > 0, changed.clamp(min=1 / 255), torch.zeros_like(changed))
