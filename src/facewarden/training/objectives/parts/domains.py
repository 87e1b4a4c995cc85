"""Training domains of objectives that tell them apart: which one each sample is of, and whether there is room."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from facewarden.core.batch import FaceBatch
from facewarden.core.errors import BadInputError


def check_sources(domain: Sequence[str], *, sources: Sequence[str]) -> None:
    """Refuse samples of a domain that is no source.

    Raises:
        BadInputError: there are some.
    """
    if strange := sorted(set(domain) - set(sources)):
        raise BadInputError(
            f"samples of {', '.join(strange)} in training, the sources are {', '.join(sources)}",
            hint="name every training domain as a source",
        )


def places_of(
    batch: FaceBatch, *, sources: Sequence[str], objective: str, room: int, setting: str, what: str = "places"
) -> Tensor:
    """Position of each sample's domain among the sources, `(b,)`.

    Args:
        batch: labeled.
        sources: the training domains.
        objective: for messages.
        room: how many domains the detector has places for.
        setting: of the detector that gives it more.
        what: these places are called.

    Raises:
        BadInputError: samples without label or domain, or of one that is no source, or more domains than places.
    """
    if batch.domain is None or batch.label is None:
        raise BadInputError(f"{objective} needs a label and a domain for every sample", hint="add a `domain` column")
    check_sources(batch.domain, sources=sources)
    if len(sources) > room:
        raise BadInputError(f"{len(sources)} source domains, {room} {what}", hint=f'"{setting}" of the model')
    return torch.tensor([sources.index(name) for name in batch.domain], device=batch.device)
