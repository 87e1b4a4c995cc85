"""Settings of an MMDG detector."""

from __future__ import annotations

from dataclasses import dataclass

from facewarden.nn.multimodal.mmdg_vit import Preset
from facewarden.nn.multimodal.uem import UncertaintyMode
from facewarden.pad.parts.stream_settings import AdapterSettings


@dataclass(frozen=True)
class MmdgSettings(AdapterSettings):
    """Everything that decides what an MMDG detector computes; it is recorded in the card.

    Attributes:
        preset: what is trained: `paper` the adapters and the head, `released` also class tokens, position embeddings
            (which it draws anew), last block and final norm.
        uncertainty: `closed_form`, or `mc` with 20 samples.
        hidden: width of the adapters.
        gated: whether certainties temper the adapters' attention; without it that part of the method is switched off.
    """

    preset: Preset = "paper"
    uncertainty: UncertaintyMode = "closed_form"
    hidden: int = 8
    gated: bool = True
