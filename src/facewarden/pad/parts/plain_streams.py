"""Streams of a plain transformer, with adapters that look at one token of one sensor only, or without."""

from __future__ import annotations

from functools import partial

from torch import nn

from facewarden.nn.multimodal.adapters.plain_adapter import PlainAdapters
from facewarden.nn.multimodal.stream_vit import StreamVit
from facewarden.pad.parts.stream_settings import PlainAdapterSettings


def plain_streams(trunk: nn.Module, settings: PlainAdapterSettings) -> StreamVit:
    """Three streams through a transformer, with plain adapters where the settings ask for channels.

    Args:
        trunk: a timm `VisionTransformer`.
        settings: channels of the adapters and the block at which they begin.
    """
    make = partial(PlainAdapters, hidden=settings.hidden) if settings.hidden else None
    return StreamVit(trunk, make_adapter=make, first=settings.first_block)
