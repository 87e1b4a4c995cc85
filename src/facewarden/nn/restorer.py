"""Builds the network of a learned purifier from its settings: RED-Net as published, or the faster U-Net."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from facewarden.core.errors import BadInputError
from facewarden.nn.rednet import REDNet
from facewarden.nn.unet import UNet


def build_restorer(settings: Any, *, seed: int = 0) -> nn.Module:
    """Build an untrained network that maps `(b, 3, h, w)` images in [0, 1] to images of the same size.

    Args:
        settings: {"body": "unet", "widths": [48, 96, 128]} or {"body": "rednet", "layers": 30}; a RED-Net may also say
            "width" and "stride".
        seed: of the initial weights.

    Raises:
        BadInputError: another body, or settings that it does not have.
    """
    if not isinstance(settings, Mapping):
        raise BadInputError(f"network is {str(settings)[:60]!r}, not settings", hint='{"body": "unet"}')
    values = dict(settings)
    body = values.pop("body", "unet")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            if body == "unet":
                for name in {"contrast", "gain"} & set(values):
                    values[name] = float(values[name])  # JSON may say 12 for 12.0
                return UNet(**values)
            if body == "rednet":
                return _quiet(REDNet(**values))
        except (TypeError, ValueError, OverflowError, RuntimeError) as error:  # of torch, for sizes that are none
            raise BadInputError(
                f"{body} with {str(values)[:200]}: {str(error)[:200]}", hint='{"body": "rednet", "layers": 30}'
            ) from None
    raise BadInputError(f"no network {body!r}", hint='{"body": "unet"} or {"body": "rednet"}')


def _quiet(network: REDNet) -> REDNet:
    """Let an untrained RED-Net change nothing, as an untrained U-Net does: training starts at the image itself."""
    last = network.decoder[-1]
    if isinstance(last, nn.ConvTranspose2d):
        nn.init.zeros_(last.weight)
        if last.bias is not None:
            nn.init.zeros_(last.bias)
    return network
