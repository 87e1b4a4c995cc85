"""Examples of detectors with adapters: fresh ones add nothing, which would leave much of a test untried."""

from __future__ import annotations

from typing import TypeVar

import torch

from facewarden.pad.parts.streams import ThreeStreams

_Made = TypeVar("_Made", bound=ThreeStreams)


def with_active_adapters(detector: _Made) -> _Made:
    """Draw the up-projections of a fresh detector's adapters, which are 0 at first, from a fixed seed."""
    generator = torch.Generator().manual_seed(7)
    for name, parameter in detector.network.named_parameters():
        if ".up." in name:
            parameter.data = torch.randn(parameter.shape, generator=generator) * 0.1
    return detector
