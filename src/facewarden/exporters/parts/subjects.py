"""A model as what is exported: a module of tensors, examples of its inputs, and the card of what comes out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn

from facewarden.core.card import Card
from facewarden.core.errors import BadInputError
from facewarden.core.roles import Detector, Purifier, Recognizer
from facewarden.nn.exported.graph import Exportable
from facewarden.nn.exported.settings import PRESENT, SCORE, ExportedSettings, head_output
from facewarden.purifiers.parts.learned import LearnedPurifier

Model = Detector | Recognizer | Purifier
_SIDE = 112
_PICTURES: Mapping[str, Any] = MappingProxyType(
    {"size": _SIDE, "order": "RGB", "layout": "NCHW", "mean": [0.0], "std": [1.0], "range": 1}
)


@dataclass(frozen=True, eq=False)
class ExportSubject:
    """What is written.

    Attributes:
        module: of tensors alone.
        inputs: an example of every input, of batch 1.
        outputs: names of its results.
        card: of the exported model, without hashes and self-test.
    """

    module: nn.Module
    inputs: Mapping[str, Tensor]
    outputs: tuple[str, ...]
    card: Card

    def first(self, *inputs: Tensor) -> Tensor:
        """The first result of the module."""
        found: Tensor | tuple[Tensor, ...] = self.module(*inputs)
        return found if isinstance(found, Tensor) else found[0]


def subject_of(model: Model) -> ExportSubject:
    """What there is to export of a model.

    Raises:
        BadInputError: it has no network, or one that is not here.
    """
    if isinstance(model, Detector):
        return _detector(model)
    if isinstance(model, Recognizer):
        shown = _EmbeddingGraph(model)
        if not model.differentiable or next(model.parameters(), None) is None:
            raise _nothing(model)
        return ExportSubject(
            shown, {"image": torch.rand(1, 3, _SIDE, _SIDE)}, ("embedding",), _card(model.card, _PICTURES)
        )
    if not isinstance(model, LearnedPurifier):
        raise _nothing(model)
    return ExportSubject(
        _PictureGraph(model),
        {"image": torch.rand(1, 3, _SIDE, _SIDE)},
        ("picture",),
        _card(model.card, {**_PICTURES, "output": "unit"}),
    )


def _detector(model: Detector) -> ExportSubject:
    if not isinstance(model, Exportable):
        raise _nothing(model)
    graph = model.graph()
    generator = torch.Generator().manual_seed(0)
    inputs = {
        view.input: torch.rand(1, view.channels, view.size, view.size, generator=generator) for view in graph.views
    }
    if graph.present:
        inputs[PRESENT] = torch.ones(1, len(model.modalities))
    settings = ExportedSettings(
        views=graph.views,
        present=graph.present,
        sensors=model.modalities if graph.present else (),
        optional=model.optional,
        needs_box=model.needs_box,
        frame_size=model.frame_size,
        squash=model.squash,
        source_entry=model.card.name,
        source_sha256=tuple(sorted(model.card.sha256.values())),
        heads=graph.heads,
        not_exported=("features", *(head for head in model.heads if head not in graph.heads)),
    )
    outputs = (SCORE, *map(head_output, graph.heads))
    return ExportSubject(graph.module.eval(), inputs, outputs, _card(model.card, asdict(settings)))


def _card(card: Card, settings: Mapping[str, Any]) -> Card:
    return replace(card, settings=dict(settings), sha256={}, self_test=(), remarks=())


def _nothing(model: Model) -> BadInputError:
    return BadInputError(
        f"{model.card.name}: has no network here that could be exported", hint="facewarden list detectors, recognizers"
    )


class _EmbeddingGraph(nn.Module):
    """Aligned crops in, raw embeddings out."""

    def __init__(self, recognizer: Recognizer) -> None:
        super().__init__()
        self.recognizer = recognizer

    def forward(self, image: Tensor) -> Tensor:
        """Embeddings `(b, d)`."""
        return self.recognizer.features(image)


class _PictureGraph(nn.Module):
    """Aligned crops in, purified crops out."""

    def __init__(self, purifier: LearnedPurifier) -> None:
        super().__init__()
        self.network = purifier.network

    def forward(self, image: Tensor) -> Tensor:
        """Pictures `(b, 3, h, w)`, cut at black and white."""
        restored: Tensor = self.network(image)
        return restored.clamp(0.0, 1.0)
