"""What a head says against the truth before it saturates: its gradient does not vanish where the head is sure."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

_SMALLEST, _LARGEST = 1e-30, 1.0 - 6e-8  # of a sigmoid in float32 whose logarithms are finite


def head_margin(output: Tensor, truth: Tensor) -> Float[Tensor, " b"]:
    """Distance of a head's outputs from the truth in logits, per sample; 0 where nothing of the truth is known.

    Classes: the highest other logit minus that of the truth. Attributes: the mean of the logits, each negative where
    the attribute is there. Maps: the mean of the logits of their values, each away from the truth.

    Args:
        output: `(b, classes)` logits, `(b, k)` logits, or a `(b, c, h, w)` map in [0, 1].
        truth: `(b,)` codes, negative where unknown; `(b, k)` of 0 and 1; or a map of the output's size or larger, which
            is averaged down to it. NaN and negative numbers are unknown.
    """
    output = output.float()
    if truth.ndim == 1 and not truth.is_floating_point() and output.ndim == 2:
        codes = truth.long().clamp(min=0)[:, None]
        own = output.gather(1, codes)[:, 0]
        others = output.scatter(1, codes, -torch.inf).amax(dim=1)
        return torch.where(truth >= 0, others - own, torch.zeros_like(own))
    if output.ndim == 4 and truth.shape[-2:] != output.shape[-2:]:
        truth = functional.adaptive_avg_pool2d(truth.to(output), (output.shape[-2], output.shape[-1]))
    truth = truth.to(output)
    here = torch.isfinite(truth) & (truth >= 0)
    filled = torch.where(here, truth, torch.zeros_like(truth))
    if output.ndim == 2:
        each = output * (1.0 - 2.0 * filled)
    else:
        values = output.clamp(_SMALLEST, _LARGEST)
        each = (values.log() - torch.log1p(-values)) * torch.sign(output.detach() - filled)
    share = here.to(each).flatten(1)
    return (each.flatten(1) * share).sum(dim=1) / share.sum(dim=1).clamp(min=1)
