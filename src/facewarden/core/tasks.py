"""The words of multitask anti-spoofing: heads, their targets, and the loss of one head for one sample."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from facewarden.core.errors import BadInputError

HEADS = ("live", "attributes", "spoof_type", "illumination", "depth_map", "reflection_map")
"""Heads in the order of the spec: the decision, three semantic ones, two geometric ones."""

AENET_WEIGHTS: Mapping[str, float] = MappingProxyType(
    {
        "live": 1.0,
        "attributes": 1.0,
        "spoof_type": 0.1,
        "illumination": 0.01,
        "depth_map": 0.1,
        "reflection_map": 0.1,
    }
)
"""Weight of each head's loss, as in AENet (Zhang et al., ECCV 2020)."""

SPOOF_TYPES = (
    "live",
    "photo",
    "poster",
    "a4",
    "face_mask",
    "upper_body_mask",
    "region_mask",
    "pc",
    "pad",
    "phone",
    "3d_mask",
)
"""CelebA-Spoof's codes of the presentation attack instrument; 0 is a bona fide presentation."""

LIGHTS = ("live", "normal", "strong", "back", "dark")
"""CelebA-Spoof's codes of the illumination of attacks; 0 is a bona fide presentation, whose light is not told."""

ATTRIBUTES = (
    *("5_o_Clock_Shadow", "Arched_Eyebrows", "Attractive", "Bags_Under_Eyes", "Bald", "Bangs", "Big_Lips", "Big_Nose"),
    *("Black_Hair", "Blond_Hair", "Blurry", "Brown_Hair", "Bushy_Eyebrows", "Chubby", "Double_Chin", "Eyeglasses"),
    *("Goatee", "Gray_Hair", "Heavy_Makeup", "High_Cheekbones", "Male", "Mouth_Slightly_Open", "Mustache"),
    *("Narrow_Eyes", "No_Beard", "Oval_Face", "Pale_Skin", "Pointy_Nose", "Receding_Hairline", "Rosy_Cheeks"),
    *("Sideburns", "Smiling", "Straight_Hair", "Wavy_Hair", "Wearing_Earrings", "Wearing_Hat", "Wearing_Lipstick"),
    *("Wearing_Necklace", "Wearing_Necktie", "Young"),
)
"""CelebA's forty binary attributes in its order."""

CODES: Mapping[str, tuple[str, ...]] = MappingProxyType({"spoof_type": SPOOF_TYPES, "illumination": LIGHTS})
"""Heads that name one of several classes, and the names."""

MAPS: Mapping[str, int] = MappingProxyType({"depth_map": 1, "reflection_map": 3})
"""Heads that draw a map in [0, 1], and its channels."""

_SMALLEST, _LARGEST = 1e-30, 1.0 - 6e-8  # of a sigmoid in float32 whose logarithms are finite

UNKNOWN = -1
"""Code of a class that is not known; unknown attributes and maps are NaN."""


def head_width(head: str) -> int:
    """Number of outputs (of channels, for a map) of a head.

    Raises:
        BadInputError: there is no such head.
    """
    widths = {"live": 2, "attributes": len(ATTRIBUTES), **{name: len(words) for name, words in CODES.items()}, **MAPS}
    if head not in widths:
        raise BadInputError(f"unknown head {head!r}", hint=f"one of: {', '.join(HEADS)}")
    return widths[head]


def known(head: str, target: Tensor) -> Bool[Tensor, " b"]:
    """Which samples have a target for a head: any known attribute, any known pixel, a code that is not -1."""
    if head == "live" or head in CODES:
        return target >= 0
    return (~torch.isnan(target)).flatten(1).any(dim=1)


def head_loss(head: str, output: Tensor, target: Tensor) -> Float[Tensor, " b"]:
    """What a head is wrong by, per sample; 0 where nothing of the target is known.

    Cross-entropy for `live`, `spoof_type` and `illumination`, mean binary cross-entropy over the known attributes, mean
    squared error over the known pixels of a map.

    Args:
        head: one of `HEADS`.
        output: the head's output, `(b, classes)` logits, `(b, 40)` logits or a `(b, c, h, w)` map in [0, 1].
        target: `(b,)` codes (for `live` the label, 1 = bona fide), `(b, 40)` of 0, 1 and NaN, or a `(b, c, H, W)` map
            with NaN where unknown, which is averaged down to the output's size.

    Raises:
        BadInputError: there is no such head.
    """
    head_width(head)
    output = output.float() if output.dtype in (torch.bfloat16, torch.float16) else output
    if head == "live" or head in CODES:
        rows = functional.cross_entropy(output, target.clamp(min=0), reduction="none")
        return torch.where(target >= 0, rows, torch.zeros_like(rows))
    if head in MAPS:
        target = functional.adaptive_avg_pool2d(target.to(output.dtype), (output.shape[-2], output.shape[-1]))
    here = ~torch.isnan(target)
    filled = torch.where(here, target, torch.zeros_like(target)).to(output.dtype)
    if head in MAPS:
        wrong = (output - filled).square()
    else:
        wrong = functional.binary_cross_entropy_with_logits(output, filled, reduction="none")
    share = here.to(wrong.dtype).flatten(1)
    return (wrong.flatten(1) * share).sum(dim=1) / share.sum(dim=1).clamp(min=1)


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
