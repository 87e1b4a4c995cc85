"""A plan of cloaks on faces of colored patches, which recognizers of colors tell apart without any weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from facewarden.core.card import Card
from facewarden.core.roles import Recognizer


class Patches(Recognizer):
    """Embeds a face by the colors of sixteen patches."""

    dim = 48

    def __init__(self, name: str) -> None:
        super().__init__()
        self.card = Card(name, "patches", "recognizer", match_threshold=0.25)
        turn = torch.randn(48, 48, generator=torch.Generator().manual_seed(len(name)))
        self.turn = torch.nn.Parameter(turn, requires_grad=False)

    def features(self, images: Tensor) -> Tensor:
        return (torch.nn.functional.adaptive_avg_pool2d(images, 4).flatten(1) - 0.5) @ self.turn


def settings(photos: Path, **changes: Any) -> dict[str, Any]:
    """Settings of a plan of two cloaks and two purifiers on a folder of photos."""
    return {
        "set": str(photos),
        "aligner": "precropped",
        "users": 3,
        "seeds": [0, 1],
        "recognizers": ["one", "three"],
        "cloaks": {
            "strong": {"attack": "pgd", "level": 12, "surrogates": ["one"]},
            "weak": {"attack": "pgd", "level": 0.5, "surrogates": ["one"]},
        },
        "purifiers": {"coarse": 'resize{"factor": 28.0}', "fine": "jpeg"},
        "candidate": "coarse",
        "tables": [{"title": "main", "cloaks": ["strong", "weak"], "purifiers": ["none", "coarse", "fine"],
                    "trackers": ["nearest"]}],
        "goals": [{"cloak": "strong", "recognizers": ["one", "three"], "at_most": 0.1},
                  {"cloak": "weak", "recognizers": ["one"], "at_most": 0.1}],
        "headline": [
            {"title": "Headline", "cloaks": ["strong", "weak"], "trackers": ["nearest"], "at_most": 0.0761}
        ],
        "cost": ["fine"],
        "rounds": 4,
        **changes,
    }  # fmt: skip
